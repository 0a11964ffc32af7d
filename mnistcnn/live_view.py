"""What changes in the terminal while something goes on: a download, a training run."""

import sys
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Group
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

from mnistcnn.report import console_on, warn
from mnistcnn.results import TrainingEvent, TrainingProgress, TrainingRecord, TrainingStarted

RECORDS_SHOWN = 10
RECORD_HEADER = "  step    loss   acc step/s digit" + "".join(f"{digit:>4}" for digit in range(10)) + "  %"


class DownloadView:
    """A callback for downloads that shows their progress in a terminal, from the first bytes on."""

    def __init__(self, total_bytes: int, *, quiet: bool = False) -> None:
        console = console_on(sys.stderr)
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
        self._console = console_on(sys.stderr)
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
