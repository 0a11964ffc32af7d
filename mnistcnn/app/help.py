"""The commands' own ways: help in Rich's panels in a terminal and in plain text elsewhere, completion, home folders.

Errors of usage are plain text in both.
"""

import os
import sys
from pathlib import Path
from typing import Any, Literal

from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command of the program."""

    def shell_complete(self, *args: Any, **settings: Any) -> list[Any]:
        """Return what fits an incomplete word, with help that every shell can show."""
        return _readable(super().shell_complete(*args, **settings))

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with a home folder in the place of `~`, which shells leave in `--data=~/mnist`."""
        ctx.params = {name: _expanded(value) for name, value in ctx.params.items()}
        return super().invoke(ctx)

    def format_help(self, *args: Any, **settings: Any) -> None:
        """Print the command's help, or write it to Click's formatter if it is plain text."""
        self.rich_markup_mode = _markup_mode()
        super().format_help(*args, **settings)


class Commands(TyperGroup):
    """The program, which is all commands."""

    def shell_complete(self, *args: Any, **settings: Any) -> list[Any]:
        """Return what fits an incomplete word, with help that every shell can show."""
        return _readable(super().shell_complete(*args, **settings))

    def format_help(self, *args: Any, **settings: Any) -> None:
        """Print the program's help, or write it to Click's formatter if it is plain text."""
        self.rich_markup_mode = _markup_mode()
        super().format_help(*args, **settings)


def _expanded(value: Any) -> Any:
    from mnistcnn.files import expanded

    if isinstance(value, str | Path):
        return type(value)(expanded(str(value)))
    return [_expanded(each) for each in value] if isinstance(value, list) else value


def _readable(items: list[Any]) -> list[Any]:
    """Return completions whose help has typographic apostrophes: zsh would take others for the end of a word."""
    for item in items:
        item.help = item.help and item.help.replace("'", "’")
    return items


def _markup_mode() -> Literal["rich"] | None:
    """Return Typer's name for help in panels if standard output is a terminal that can draw them; else None."""
    in_terminal = sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return "rich" if in_terminal else None


def examples(*command_lines: str) -> str:
    r"""Return an epilog that shows these command lines; `\b` keeps Click from filling its lines."""
    return "\n  ".join(["\b\nExamples:", *command_lines])
