"""Everything a person sees, and every machine format; the only room that knows Rich."""

import csv
import json
import shlex
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import IO, Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mnistcnn.outputs import Outputs
from mnistcnn.results import (
    Evaluation,
    Prediction,
    TrainingEvent,
    TrainingProgress,
    TrainingRecord,
    TrainingResult,
    TrainingStarted,
)

RECORDS_SHOWN = 10
RECORD_HEADER = "  step    loss   acc step/s digit" + "".join(f"{digit:>4}" for digit in range(10)) + "  %"
EIGHTHS = " ▏▎▍▌▋▊▉█"
SHADES = " ░▒▓█"


def _console(file: IO[str]) -> Console:
    # Not a terminal: one line stays one line, however long.
    return Console(file=file, highlight=False, markup=False, emoji=False, soft_wrap=not file.isatty())


def say(message: str) -> None:
    """Print a line for a person on stderr."""
    _console(sys.stderr).print(message)


def say_error(message: str) -> None:
    """Print the one line of what went wrong on stderr."""
    _console(sys.stderr).print(Text.assemble(("error: ", "bold red"), printable(message)))


def warn(message: str) -> None:
    """Print a warning on stderr that cannot be missed."""
    _console(sys.stderr).print(
        Text.assemble((" WARNING ", "bold black on yellow"), " ", (printable(message), "bold yellow"))
    )


def show_versions(versions: Mapping[str, str]) -> None:
    """Print versions by name on stdout."""
    for name, version in versions.items():
        _console(sys.stdout).print(f"{name} {version}")


class DownloadView:
    """A callback for downloads that shows their progress in a terminal, from the first bytes on."""

    def __init__(self, total_bytes: int, *, quiet: bool = False) -> None:
        console = _console(sys.stderr)
        self._shown = console.is_terminal and not quiet
        self._progress = Progress("downloading MNIST", BarColumn(), DownloadColumn(), console=console, transient=True)
        self._task = self._progress.add_task("", total=total_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._shown:
            self._progress.stop()

    def __call__(self, count: int) -> None:
        """Take in that so many bytes have arrived."""
        if self._shown:
            self._progress.start()
            self._progress.advance(self._task, count)


class TrainingView:
    """A listener that shows a run: a progress bar with the last records under it, or plain lines without a terminal.

    With `quiet` it shows what a person ought to know beforehand, and nothing else.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = _console(sys.stderr)
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} steps"),
            _RateColumn(),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
        )
        self._task = self._progress.add_task("", start=False, total=1)
        self._records: deque[str] = deque(maxlen=RECORDS_SHOWN)
        self._live = Live(get_renderable=self._picture, console=self._console, refresh_per_second=4)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, event: TrainingEvent) -> None:
        """Take in one event of a run."""
        if isinstance(event, TrainingStarted):
            self._start(event)
        elif self._quiet:
            return
        elif isinstance(event, TrainingProgress):
            self._progress.update(self._task, completed=event.step)
        elif self._console.is_terminal:
            self._records.append(record_line(event))
        else:
            self._console.print(record_line(event))

    def say_stopping(self) -> None:
        """Say that a stop was asked for; from then on nothing is redrawn, so that the next may come at any time."""
        self._live.stop()
        if not self._quiet:
            self._console.print("finishing what is under way; once more to stop at once")

    def _start(self, event: TrainingStarted) -> None:
        for note in event.notes:
            warn(note)
        if self._quiet:
            return
        config = event.config
        self._console.print(
            f"{config.recipe} recipe: {config.steps:,} steps of {config.batch_size} on {event.train_images:,} "
            f"images of {event.data}; {event.backend}, {event.precision}"
            + (f"; going on at step {event.start_step:,}" if event.start_step else "")
        )
        if self._console.is_terminal:
            self._progress.update(self._task, total=config.steps, completed=event.start_step)
            self._progress.start_task(self._task)
            self._live.start()
        elif config.log_every:
            self._console.print(RECORD_HEADER)

    def _picture(self) -> Group:
        lines = [RECORD_HEADER, *self._records] if self._records else []
        return Group(self._progress, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} steps/s" if task.speed else "")


def record_line(record: TrainingRecord) -> str:
    """Return a record in 73 columns: of its first image the label, the class read, the probabilities in percent."""
    first = record.probabilities[0]
    read = max(range(10), key=first.__getitem__)
    percents = "".join(f"{100 * probability:4.0f}" for probability in first)
    return (
        f"{record.step:6} {record.loss:7.4f} {record.accuracy:5.2f} {record.steps_per_second:6.1f} "
        f" {record.labels[0]}→{read} {percents}"
    )


def show_training_result(result: TrainingResult, outputs: Outputs, command_line: list[str]) -> None:
    """Print what a run came to, where its files lie, and the next command to type."""
    out = _console(sys.stdout)
    if result.test is None:
        resume = shlex.join([*(word for word in command_line if word not in ("--resume", "--force")), "--resume"])
        say(f"stopped at step {result.step:,} of {result.steps:,}; go on with: {printable(resume)}")
        return
    minutes, seconds = divmod(round(result.seconds), 60)
    test = result.test
    out.print(f"trained to step {result.step:,} in {minutes} min {seconds:02} s, {result.steps_per_second:.1f} steps/s")
    if result.loss is not None:
        out.print(f"last batch: loss {result.loss:.4f}")
    out.print(_measured(test))
    model = shlex.quote(str(outputs.model))
    option = "" if model == "mnistcnn.keras" else f" -m {model}"
    out.print(f"model saved: {outputs.model}")
    out.print(f"next: mnistcnn predict picture.png{option}")


def _measured(evaluation: Evaluation) -> str:
    return (
        f"{evaluation.data}, {evaluation.images:,} images of the {evaluation.split} split: "
        f"loss {evaluation.loss:.4f}, accuracy {100 * evaluation.accuracy:.2f} %"
    )


def show_evaluation(evaluation: Evaluation, *, as_json: bool) -> None:
    """Print how well a model reads a split."""
    if as_json:
        _write_line(json.dumps(asdict(evaluation)))
        return
    steps = "an unknown number of" if evaluation.step is None else f"{evaluation.step:,}"
    out = _console(sys.stdout)
    out.print(_measured(evaluation))
    out.print(f"trained for {steps} steps with the {evaluation.recipe or 'unknown'} recipe")


def prediction_writer(form: str, *, top_k: int, show: bool) -> Callable[[Prediction], None]:
    """Return what prints predictions on stdout, one by one as they come: as a "table", "jsonl" or "csv"."""
    if form == "jsonl":
        return lambda prediction: _write_line(json.dumps(prediction_fields(prediction)))
    if form == "csv":
        return _csv_writer()
    out = _console(sys.stdout)

    def write(prediction: Prediction) -> None:
        if prediction.error is not None:
            say_error(prediction.error)
            return
        out.print(prediction_line(prediction, top_k), soft_wrap=True)
        if show:
            out.print(drawing(prediction.image, color=out.color_system is not None), soft_wrap=True)

    return write


def prediction_fields(prediction: Prediction) -> dict[str, Any]:
    """Return what the machine formats say of a picture; `sure` is null for a model that was not calibrated."""
    return {
        "file": prediction.file,
        "digit": prediction.digit,
        "probability": prediction.probability,
        "probabilities": list(prediction.probabilities) or None,
        "sure": None,
        "error": prediction.error,
    }


def prediction_line(prediction: Prediction, top_k: int) -> str:
    """Return a picture's digit and the runners-up, each with its probability as a bar and in percent."""
    ranked = sorted(range(10), key=lambda digit: -prediction.probabilities[digit])[:top_k]
    cells = [
        f"{digit} {bar(prediction.probabilities[digit], 10 if rank == 0 else 4)} "
        f"{100 * prediction.probabilities[digit]:5.1f} %"
        for rank, digit in enumerate(ranked)
    ]
    return "  ".join([f"{printable(prediction.file):<24}", *cells]).rstrip()


def bar(share: float, width: int) -> str:
    """Return a bar of `width` columns, filled to `share` in [0, 1] by eighths of a column."""
    eighths = round(share * width * 8)
    full, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def drawing(image: Any, *, color: bool) -> Text:
    """Return an image (28, 28) uint8 as text: grey half blocks, 28 columns by 14 rows, or shades without colour."""
    text = Text()
    for upper, lower in zip(image[0::2].tolist(), image[1::2].tolist(), strict=True):
        for top, bottom in zip(upper, lower, strict=True):
            if color:
                text.append("▀", f"rgb({top},{top},{top}) on rgb({bottom},{bottom},{bottom})")
            else:
                text.append(SHADES[(top + bottom) * len(SHADES) // 512])
        text.append("\n")
    text.right_crop()
    return text


def printable(text: str) -> str:
    """Return text, a file's name say, on one line and without what would drive a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)


def _csv_writer() -> Callable[[Prediction], None]:
    writer: Any = None

    def write(prediction: Prediction) -> None:
        nonlocal writer
        fields = prediction_fields(prediction)
        fields["probabilities"] = " ".join(map(str, prediction.probabilities))
        if writer is None:
            writer = csv.DictWriter(sys.stdout, fields, lineterminator="\n")
            writer.writeheader()
        writer.writerow(fields)
        sys.stdout.flush()

    return write


def _write_line(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
