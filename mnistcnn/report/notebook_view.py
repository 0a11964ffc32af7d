"""A training run in a notebook: one display under the cell, updated in place, that stands still once the run has ended.

Events go in; HTML goes to IPython, which is only there in a notebook's kernel.
"""

import sys
import time
from types import TracebackType
from typing import Any, Self

from mnistcnn.events import TrainingEvent, TrainingProgress, TrainingRecord, TrainingStarted
from mnistcnn.notebook_html import chart, paragraph, progress, read_image
from mnistcnn.report.console import warn
from mnistcnn.report.training_picture import log_line, record_title, start_line
from mnistcnn.results import HistoryPoint, TrainingResult, TrainingValidation
from mnistcnn.wording import loss_and_accuracy_text

# seconds: the least between two updates (each goes over the network to the page)
UPDATE_SECONDS = 1.0


def is_in_kernel() -> bool:
    """Tell whether this process is the kernel of a notebook: Jupyter's, Colab's or VS Code's."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return hasattr(shell, "kernel")


class NotebookView:
    """A listener that shows a training run in one display: progress, curves, and the first image of the last record."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._updated_at = 0.0
        self._started: TrainingStarted | None = None
        self._step = 0
        self._began = 0.0
        self._records: list[HistoryPoint] = []
        self._validations: list[TrainingValidation] = []
        self._record: TrainingRecord | None = None
        self._state = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._state = "ended by an error" if issubclass(kind, Exception) else "interrupted"
        self._update()

    def __call__(self, event: TrainingEvent) -> None:
        """Take in one event of a run, and show it if the last update was not just now."""
        if isinstance(event, TrainingStarted):
            self._start(event)
        elif isinstance(event, TrainingProgress):
            self._step = event.step
        elif isinstance(event, TrainingRecord):
            self._record = event
            self._records.append(HistoryPoint(step=event.step, loss=event.loss, accuracy=event.accuracy))
        elif isinstance(event, TrainingValidation):
            self._validations.append(event)
        elif isinstance(event, TrainingResult):
            self._end(event)
        if time.monotonic() - self._updated_at >= UPDATE_SECONDS:
            self._update()

    def say_stopping(self) -> None:
        """Say, with the next update, that a stop was asked for."""
        self._state = "finishing what is under way; once more to stop at once"

    def _start(self, event: TrainingStarted) -> None:
        for note in event.notes:
            warn(note)
        self._started, self._step, self._began = event, event.start_step, time.monotonic()
        self._records, self._validations = list(event.history.records), list(event.history.validations)

    def _end(self, result: TrainingResult) -> None:
        self._step = result.step
        is_whole = result.test is not None and result.step == result.steps
        self._state = f"{'trained' if is_whole else 'stopped'} in {result.seconds:.0f} s"
        if result.test is not None:
            self._state += f"; {result.test.subject}: {result.test.figures}"

    def _update(self) -> None:
        """Show the run as it stands, in the display under the cell."""
        from IPython.display import display

        if self._started is None:
            return
        self._updated_at = time.monotonic()
        shown = {"text/html": self._html(self._started), "text/plain": self._line(self._started)}
        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def _line(self, started: TrainingStarted) -> str:
        """Return the run as one line, for a front end without HTML."""
        return log_line(self._record) if self._record else start_line(started)

    def _html(self, started: TrainingStarted) -> str:
        steps = started.config.steps
        parts = [paragraph(start_line(started)), progress(self._step, steps, self._state or self._rate(started))]
        curves = [chart(name, self._records, self._validations, steps) for name in ("loss", "accuracy")]
        if any(curves):
            parts.append(f'<div style="display: flex; flex-wrap: wrap; gap: 16px">{"".join(curves)}</div>')
        if self._record is not None:
            record = self._record
            figures = loss_and_accuracy_text(record.loss, record.accuracy, decimals=0)
            parts.append(paragraph(f"step {record.step:,}: {figures}; {record_title(record)}"))
            parts.append(read_image(record.first_image(), record.probabilities[0], record.labels[0]))
        return f'<div style="max-width: 800px">{"".join(parts)}</div>'

    def _rate(self, started: TrainingStarted) -> str:
        """Return how fast the run is, and how long it will still take."""
        taken, seconds = self._step - started.start_step, time.monotonic() - self._began
        if not taken:
            return "the first steps take longer"
        rate = taken / seconds
        minutes, seconds_left = divmod(round((started.config.steps - self._step) / rate), 60)
        return f"{rate:.1f} steps/s, {minutes} min {seconds_left:02} s left"
