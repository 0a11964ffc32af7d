r"""The errors that a user can fix, and how their messages name parameters.

    MnistcnnError           a file, data, a device, the network: exit status 1
      SharedError           the same in every process that trains together
      LostProcessError      another of these processes is gone
      NoDigitFoundError     a picture without a stroke
      UsageError            a value that is wrong by itself: exit status 2

A message is one line: what was wrong, what was received, how to put it right. It names a parameter through `parameter`,
so that each reader gets the spelling that can be typed:

    >>> error = MnistcnnError(f"m.keras already exists: replace it with {parameter('force', True)}")
    >>> str(error)
    'm.keras already exists: replace it with force=True'
    >>> error.spelled(lambda name, value: f"--{name}")
    'm.keras already exists: replace it with --force'
"""

import re
from collections.abc import Callable

# character: encloses a parameter in a message (no argument, path or environment variable can hold it)
_MARK = "\0"
_MARKED = re.compile("\0([^\0=]+)(?:=([^\0]*))?\0")


def parameter(name: str, value: object = None) -> str:
    """Return the mark of a parameter, with or without its value, that an error's message holds."""
    return f"{_MARK}{name}{_MARK}" if value is None else f"{_MARK}{name}={value}{_MARK}"


class MnistcnnError(Exception):
    """Something in the world that the user can fix: a file, data, a device, the network.

    `message` may hold parameters, as `parameter` returns them.
    """

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        """The message, its parameters not yet spelled."""
        return str(self.args[0])

    def spelled(self, spell: Callable[[str, str | None], str]) -> str:
        """Return the message with `spell(name, value)` in place of each parameter; its value may be None."""
        return _MARKED.sub(lambda mark: spell(mark[1], mark[2]), self.message)

    def __str__(self) -> str:
        return self.spelled(lambda name, value: name if value is None else f"{name}={value}")


class SharedError(MnistcnnError):
    """An error that every process of a distributed run meets at the same step, so that each can end by itself."""


class LostProcessError(MnistcnnError):
    """Another process of a distributed run is gone. `runtime.distribution` says so, as this process's last line."""


class NoDigitFoundError(MnistcnnError):
    """A picture holds no stroke."""


class UsageError(MnistcnnError):
    """A value that is wrong by itself: steps of 0, an unknown backend.

    `expected` says what the parameter must be, such as "a whole number from 1 to 10,000".
    """

    exit_status = 2

    def __init__(self, parameter: str, expected: str, received: object) -> None:
        Exception.__init__(self, parameter, expected, received)
        self.parameter, self.expected, self.received = parameter, expected, received

    @property
    def message(self) -> str:
        """The message, its parameters not yet spelled."""
        return f"{parameter(self.parameter)} must be {self.expected}; received {self.received!r}"


def one_line(error: BaseException) -> str:
    """Return what an error of another library says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def printable(text: str) -> str:
    """Return untrusted text, such as a file's name, on one line and without characters that control a terminal.

    Each such character is replaced by its escape sequence in Python.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)
