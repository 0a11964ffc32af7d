"""Displays that are redrawn in the terminal: a training run, and the progress of a download or of many pictures.

Events and counts go in. Without a terminal a training run is shown as plain lines, and progress not at all.
"""

import sys
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from mnistcnn.errors import printable
from mnistcnn.events import TrainingEvent, TrainingProgress, TrainingRecord, TrainingStarted
from mnistcnn.report.console import can_redraw, console_on, warn
from mnistcnn.report.text_graphics import bar, sparkline
from mnistcnn.results import TrainingValidation
from mnistcnn.wording import counted, loss_and_accuracy_text

RECORD_HEADER = "  step    loss   acc step/s digit" + "".join(f"{digit:>4}" for digit in range(10)) + "  %"
# columns: the losses so far
SPARKLINE_COLUMNS = 40
# columns: the bar of a probability of 1
BAR_COLUMNS = 50
# pictures: fewer are read without a progress bar, which would hardly be seen
FEW_PICTURES = 100
# lines: the latest records shown (with the picture above them, they fit a terminal of 24 rows)
LINES_SHOWN = 5
# per second: how often a run is redrawn (a redraw takes 3 ms of a core that the network waits for)
REDRAWS_PER_SECOND = 1


class CountView:
    """A progress bar on stderr that appears at its first call, if stderr is a terminal."""

    def __init__(self, description: str, total: int, column: ProgressColumn, *, quiet: bool) -> None:
        console = console_on(sys.stderr, is_redrawn=True)
        self._shown = can_redraw(console) and not quiet
        self._progress = Progress(
            *(description, BarColumn(), column, TimeRemainingColumn()),
            console=console,
            transient=True,
            redirect_stdout=False,  # Rich would print results on stderr, above the bar
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=total)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._shown:
            self._progress.stop()

    def __call__(self, count: int = 1) -> None:
        """Advance the bar by a count."""
        if self._shown:
            self._progress.start()
            self._progress.advance(self._task, count)


def download_view(total_bytes: int, *, quiet: bool = False) -> CountView:
    """Return the progress bar of a download of so many bytes."""
    return CountView("downloading MNIST", total_bytes, DownloadColumn(), quiet=quiet)


def prediction_view(pictures: int) -> CountView:
    """Return the progress bar of many pictures being read; there is none if the answers appear in the terminal."""
    quiet = pictures < FEW_PICTURES or sys.stdout.isatty()
    return CountView("reading pictures", pictures, MofNCompleteColumn(), quiet=quiet)


class TrainingView:
    """A listener that shows a training run: a picture redrawn in place, or plain lines without a terminal.

    With `quiet` it shows only the warnings at the start of a run.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._is_live = can_redraw(console_on(sys.stderr))
        self._console = console_on(sys.stderr, is_redrawn=self._is_live)
        self._progress = Progress(
            BarColumn(bar_width=None),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} steps"),
            _RateColumn(),
            TimeRemainingColumn(),
            console=self._console,
            expand=True,
        )
        self._task = self._progress.add_task("", start=False, total=1)
        self._losses: list[float] = []
        self._record: TrainingRecord | None = None
        self._lines: deque[str] = deque(maxlen=LINES_SHOWN)
        self._live = Live(
            get_renderable=self._picture,
            console=self._console,
            refresh_per_second=REDRAWS_PER_SECOND,
            transient=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, event: TrainingEvent) -> None:
        """Show one event of a run."""
        if isinstance(event, TrainingStarted):
            self._start(event)
        elif self._quiet:
            return
        elif isinstance(event, TrainingProgress):
            self._progress.update(self._task, completed=event.step)
        elif isinstance(event, TrainingRecord):
            self._record = event
            self._losses.append(event.loss)
            self._print(record_line(event))
        elif isinstance(event, TrainingValidation):
            self._print(validation_line(event))

    def say_stopping(self) -> None:
        """Say that a stop was asked for, and redraw nothing from then on: a second request ends the process at once."""
        self._live.stop()
        if not self._quiet:
            self._console.print("finishing what is under way; once more to stop at once")

    def _print(self, line: str) -> None:
        if self._is_live:
            self._lines.append(line)
        else:
            self._console.print(line)

    def _start(self, event: TrainingStarted) -> None:
        for note in event.notes:
            warn(note)
        if self._quiet:
            return
        self._losses = [point.loss for point in event.history.records]
        config = event.config
        self._console.print(
            f"{config.recipe} recipe: {counted(config.steps, 'step')} of {config.batch_size} on "
            f"{counted(event.train_images, 'image')} of {printable(event.data)}; {event.backend} on {event.device}, "
            f"{event.precision}"
            + (f", {event.processes} processes" if event.processes > 1 else "")
            + (f"; going on at step {event.start_step:,}" if event.start_step else "")
        )
        if self._is_live:
            self._progress.update(self._task, total=config.steps, completed=event.start_step)
            self._progress.start_task(self._task)
            self._live.start()
        elif config.log_every:
            self._console.print(RECORD_HEADER)

    def _picture(self) -> Group:
        lines = [*picture_lines(self._record, self._losses)] if self._record else []
        if self._lines:
            lines += ["", RECORD_HEADER, *self._lines]
        return Group(self._progress, *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines))


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} steps/s" if task.speed else "")


def picture_lines(record: TrainingRecord, losses: list[float]) -> list[str]:
    """Return 12 lines on the last record: loss and accuracy, a sparkline of losses, the first image's probabilities."""
    return [
        f"{loss_and_accuracy_text(record.loss, record.accuracy, decimals=0)} at step {record.step:,}  "
        + sparkline(losses, SPARKLINE_COLUMNS),
        f"the batch's first image, {'an' if record.labels[0] == 8 else 'a'} {record.labels[0]}, is read as",
        *(
            f"{digit:>3} {bar(probability, BAR_COLUMNS)} {100 * probability:5.1f} %"
            + (" its label" if digit == record.labels[0] else "")
            for digit, probability in enumerate(record.probabilities[0])
        ),
    ]


def record_line(record: TrainingRecord) -> str:
    """Return a record in 73 columns: figures, then the first image's label, answer, and probabilities in percent."""
    first = record.probabilities[0]
    read = max(range(10), key=first.__getitem__)
    percents = "".join(f"{100 * probability:4.0f}" for probability in first)
    return (
        f"{record.step:6} {record.loss:7.4f} {record.accuracy:5.2f} {record.steps_per_second:6.1f} "
        f" {record.labels[0]}→{read} {percents}"
    )


def validation_line(validation: TrainingValidation) -> str:
    """Return a validation as a line."""
    figures = loss_and_accuracy_text(validation.loss, validation.accuracy)
    return f"validation at step {validation.step:,}: {figures}" + (", the best so far" if validation.is_best else "")
