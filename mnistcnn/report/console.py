"""What a person reads of a result, and how things went wrong; with `live_view`, all that knows Rich."""

import shlex
import sys
from collections.abc import Iterable, Mapping
from io import TextIOWrapper
from typing import IO

from rich.console import Console
from rich.text import Text

from mnistcnn.events import TrainingResult
from mnistcnn.report.text_graphics import printable, sparkline
from mnistcnn.results import Evaluation
from mnistcnn.runtime.outputs import Outputs

SPARKLINE_COLUMNS = 40


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


def show_training_result(result: TrainingResult, outputs: Outputs, command_line: list[str]) -> None:
    """Print what a run came to, where its files lie, and the next command to type."""
    out = console_on(sys.stdout)
    if result.test is None:
        resume = shlex.join([*(word for word in command_line if word not in ("--resume", "--force")), "--resume"])
        say(f"stopped at step {result.step:,} of {result.steps:,}; go on with: {printable(resume)}")
        return
    minutes, seconds = divmod(round(result.seconds), 60)
    out.print(f"trained to step {result.step:,} in {minutes} min {seconds:02} s, {result.steps_per_second:.1f} steps/s")
    if result.loss is not None:
        out.print(f"last batch: loss {result.loss:.4f}")
    for line in course_lines(result):
        out.print(line)
    out.print(measured(result.test))
    model = shlex.quote(str(outputs.model))
    option = "" if model == "mnistcnn.keras" else f" -m {printable(model)}"
    out.print(f"model saved: {printable(str(outputs.model))}")
    out.print(f"next: mnistcnn predict picture.png{option}")


def course_lines(result: TrainingResult) -> list[str]:
    """Return how a run went: its losses as a sparkline, its last validation, and what was kept of it."""
    losses, validations = [point.loss for point in result.history.records], result.history.validations
    lines = []
    if len(losses) > 1:
        lines.append(f"loss from {losses[0]:.4f} to {losses[-1]:.4f}: {sparkline(losses, SPARKLINE_COLUMNS)}")
    if validations:
        last = validations[-1]
        lines.append(
            f"validation split at step {last.step:,}: loss {last.loss:.4f}, accuracy {100 * last.accuracy:.2f} %"
        )
    if result.kept_step is not None and result.kept_step != result.step:
        lines.append(f"no validation was better than that of step {result.kept_step:,}: its weights are kept")
    return lines


def measured(evaluation: Evaluation) -> str:
    """Return the line that says how well a model reads which images."""
    return (
        f"{printable(evaluation.data)}, {evaluation.images:,} images of the {evaluation.split} split: "
        f"loss {evaluation.loss:.4f}, accuracy {100 * evaluation.accuracy:.2f} %"
    )


def styled(pieces: Iterable[str | tuple[str, str]]) -> Text:
    """Join pieces of text, plain ones and ones with a style, into what a console prints."""
    return Text.assemble(*pieces)


def has_color(console: Console) -> bool:
    """Tell whether a console shows colours: not without a terminal, in a dumb one, or under NO_COLOR."""
    return console.color_system is not None and not console.no_color
