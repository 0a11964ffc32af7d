"""The Rich console that every report prints on, and one-line messages on standard error.

Only this module and `live_view` know Rich. What a result says is the business of the other modules.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from typing import IO

from rich.console import Console
from rich.text import Text

from mnistcnn.errors import printable


class PipedConsole(Console):
    """A Rich console that raises BrokenPipeError for standard output, where Rich itself would exit with status 1."""

    def on_broken_pipe(self) -> None:
        """Re-raise for stdout, so that `predict | head` ends quietly.

        For stderr keep Rich's exit status 1: nobody saw how the run ended.
        """
        if self.file is sys.stderr:
            super().on_broken_pipe()
        raise  # the BrokenPipeError that Rich is handling


def console_on(file: IO[str], *, is_redrawn: bool = False) -> Console:
    """Return a console that writes to a file.

    It breaks no line, so that a command or a path can be copied out of a narrow terminal, unless what it shows is
    redrawn there.
    """
    return PipedConsole(
        file=file,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=not is_redrawn,
        force_jupyter=False,  # print text in a notebook too
    )


def can_redraw(console: Console) -> bool:
    """Tell whether lines can be redrawn in place.

    FORCE_COLOR makes Rich take a file for a terminal. A notebook gives its commands a terminal whose control characters
    it ignores.
    """
    in_notebook = "JPY_PARENT_PID" in os.environ or any(name.startswith("COLAB_") for name in os.environ)
    return console.file.isatty() and console.is_interactive and not in_notebook


def say(message: str) -> None:
    """Print a line on stderr."""
    console_on(sys.stderr).print(message)


def say_error(message: str) -> None:
    """Print what went wrong as one line on stderr."""
    console_on(sys.stderr).print(Text.assemble(("error: ", "bold red"), printable(message)))


def warn(message: str) -> None:
    """Print a highlighted warning on stderr."""
    console_on(sys.stderr).print(
        Text.assemble((" WARNING ", "bold black on yellow"), " ", (printable(message), "bold yellow"))
    )


def show_versions(versions: Mapping[str, str]) -> None:
    """Print each name with its version as a line on stdout."""
    for name, version in versions.items():
        console_on(sys.stdout).print(f"{name} {version}")


def styled(pieces: Iterable[str | tuple[str, str]]) -> Text:
    """Join pieces of text, each plain or a pair of text and Rich style, for a console to print."""
    return Text.assemble(*pieces)


def shows_pixels(console: Console) -> bool:
    """Tell whether a console can show two pixels as one character: a half block in two colours."""
    return has_color(console) and console.encoding.startswith("utf")


def has_color(console: Console) -> bool:
    """Tell whether a console shows colours: it does in a terminal that is not dumb, unless NO_COLOR is set."""
    return console.color_system is not None and not console.no_color
