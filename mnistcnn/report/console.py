"""What a person reads of a result, and how things went wrong; with `live_view`, all that knows Rich."""

import sys
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from typing import IO

from rich.console import Console
from rich.text import Text

from mnistcnn.report.text_graphics import printable


class PipedConsole(Console):
    """A console that leaves standard output's broken pipe to the command line; Rich's own ends with status 1."""

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError on, but for one of stderr: who leaves that has not seen a run to its end."""
        if self.file is sys.stderr:
            super().on_broken_pipe()
        raise  # the one that is being handled


def console_on(file: IO[str]) -> Console:
    """Return a console that writes to a file; where that is no terminal, one line stays one line, however long."""
    return PipedConsole(
        file=file,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not file.isatty(),
        force_jupyter=False,  # there, too: a cell's output is no terminal
    )


def escape_what_cannot_be_encoded() -> None:
    """Let text that standard output's encoding lacks, in a file's name say, come out as escapes, not as an error."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def say(message: str) -> None:
    """Print a line for a person on stderr."""
    console_on(sys.stderr).print(message)


def say_error(message: str) -> None:
    """Print the one line of what went wrong on stderr."""
    console_on(sys.stderr).print(Text.assemble(("error: ", "bold red"), printable(message)))


def warn(message: str) -> None:
    """Print a warning on stderr that cannot be missed."""
    console_on(sys.stderr).print(
        Text.assemble((" WARNING ", "bold black on yellow"), " ", (printable(message), "bold yellow"))
    )


def show_versions(versions: Mapping[str, str]) -> None:
    """Print versions by name on stdout."""
    for name, version in versions.items():
        console_on(sys.stdout).print(f"{name} {version}")


def styled(pieces: Iterable[str | tuple[str, str]]) -> Text:
    """Join pieces of text, plain ones and ones with a style, into what a console prints."""
    return Text.assemble(*pieces)


def has_color(console: Console) -> bool:
    """Tell whether a console shows colours: not without a terminal, in a dumb one, or under NO_COLOR."""
    return console.color_system is not None and not console.no_color
