"""Displays that are redrawn in the terminal: a training run, and the progress of a download or of many pictures.

Events and counts go in. Without a terminal a training run is shown as plain lines, and progress not at all.
"""

import sys
import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Group
from rich.control import Control
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

from mnistcnn.events import TrainingEvent, TrainingProgress, TrainingRecord, TrainingStarted
from mnistcnn.report.console import can_redraw, console_on, shows_pixels, styled, warn
from mnistcnn.report.training_picture import (
    LogEvent,
    log_header,
    log_line,
    log_lines,
    picture,
    start_line,
)
from mnistcnn.results import TrainingValidation

# pictures: fewer are read without a progress bar, which would hardly be seen
FEW_PICTURES = 100
# lines: the latest of the log that stay when the picture goes
LINES_KEPT = 10
# lines: the latest of the log that are at hand for a high terminal
LINES_AT_HAND = 200
# seconds: the least between two pictures of a run (one takes 3 ms of a core that the network waits for)
REDRAW_SECONDS = 1.0


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


def prediction_view(pictures: int, *, to_file: bool = False) -> CountView:
    """Return the progress bar of about so many pictures being read.

    There is none if the answers appear in the terminal, which they do not if they go `to_file`.
    """
    quiet = pictures < FEW_PICTURES or (sys.stdout.isatty() and not to_file)
    return CountView("reading pictures", pictures, MofNCompleteColumn(), quiet=quiet)


class TrainingView:
    """A listener that shows a training run: a picture redrawn in place, or plain lines without a terminal.

    The picture fills the terminal, and is drawn anew if its size changes. When it goes, the last lines of the log stay.
    With `quiet` only the warnings at the start of a run are shown.
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
        self._heading = ""
        self._losses: list[float] = []
        self._record: TrainingRecord | None = None
        self._log: deque[LogEvent] = deque(maxlen=LINES_AT_HAND)
        self._live = self._new_picture()
        self._drawn_at, self._size = 0.0, self._console.size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._take_away()

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
            self._add(event)
        elif isinstance(event, TrainingValidation):
            self._add(event)
        self._redraw_if_due()

    def say_stopping(self) -> None:
        """Say that a stop was asked for, and redraw nothing from then on: a second request ends the process at once."""
        self._take_away()
        if not self._quiet:
            self._console.print("finishing what is under way; once more to stop at once")

    def _start(self, event: TrainingStarted) -> None:
        for note in event.notes:
            warn(note)
        if self._quiet:
            return
        self._losses = [point.loss for point in event.history.records]
        self._heading = start_line(event)
        self._console.print(self._heading)
        if self._is_live:
            self._progress.update(self._task, total=event.config.steps, completed=event.start_step)
            self._progress.start_task(self._task)
            self._live.start(refresh=True)
        elif event.config.log_every:
            self._console.print(log_header())

    def _add(self, event: LogEvent) -> None:
        if self._live.is_started:
            self._log.append(event)
        else:
            self._console.print(log_line(event))

    def _redraw_if_due(self) -> None:
        if not self._live.is_started:
            return
        if self._console.size != self._size:
            self._begin_anew()
        elif time.monotonic() - self._drawn_at >= REDRAW_SECONDS:
            self._live.refresh()
            self._drawn_at = time.monotonic()

    def _begin_anew(self) -> None:
        """Clear the terminal: where the lines of the last picture are after a change of its size, nobody knows."""
        self._size = self._console.size
        self._live.stop()
        self._console.control(Control.home(), Control.clear())
        self._console.print(self._heading)
        self._live = self._new_picture()
        self._live.start(refresh=True)

    def _take_away(self) -> None:
        """Put the last lines of the log in the place of the picture."""
        if not self._live.is_started:
            return
        self._live.stop()
        if self._log:
            for line in log_lines(list(self._log)[-LINES_KEPT:], self._console.width):
                self._console.print(line)

    def _new_picture(self) -> Live:
        return Live(get_renderable=self._picture, console=self._console, auto_refresh=False, transient=True)

    def _picture(self) -> Group:
        if self._record is None:
            return Group(self._progress)
        columns, lines = self._console.size
        heading_lines = -(-len(self._heading) // columns)
        drawn = picture(
            self._record,
            self._losses,
            list(self._log),
            columns=columns,
            lines=lines - heading_lines - 2,  # less the progress bar and the line that the cursor is on
            color=shows_pixels(self._console),
        )
        rows = [styled(pieces) for pieces in drawn]
        for row in rows:
            row.no_wrap, row.overflow = True, "ellipsis"
        return Group(self._progress, *rows)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} steps/s" if task.speed else "")
