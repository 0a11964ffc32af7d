"""The training log for programs: a file with one JSON object a line, for each record and validation of a run.

Events go in. A resumed run goes on in the same file, less the lines that it will write again.
"""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from mnistcnn.errors import MnistcnnError, parameter
from mnistcnn.events import TrainingEvent, TrainingRecord, TrainingStarted
from mnistcnn.files import written_whole
from mnistcnn.results import TrainingHistory, TrainingValidation

# what a line says: step, whether it is a validation, loss, accuracy
Point = tuple[float, bool, float, float]


class TrainingLog:
    """A listener that appends each record and validation to a file.

    The fields of a record are ``step, loss, accuracy, steps_per_second, labels, probabilities``, those of a validation
    ``step, validation_loss, validation_accuracy``; they are only ever added to. Raises MnistcnnError if the file cannot
    be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def __call__(self, event: TrainingEvent) -> None:
        """Write what one event of a run says."""
        try:
            if isinstance(event, TrainingStarted):
                self._begin(event.history)
            elif isinstance(event, TrainingRecord):
                self._write({name: value for name, value in vars(event).items() if name != "first_image"})
            elif isinstance(event, TrainingValidation):
                measured = {"validation_loss": event.loss, "validation_accuracy": event.accuracy}
                self._write({"step": event.step, **measured})
        except OSError as error:
            raise MnistcnnError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):  # a full disk was reported at the write
                self._file.close()

    def _write(self, fields: dict[str, Any]) -> None:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_nlink == 0:
            again = parameter("resume", True)
            raise MnistcnnError(f"{self.path} was deleted in mid-run: training has stopped, go on with {again}")
        self._file.write(json.dumps(fields).encode() + b"\n")
        self._file.flush()

    def _begin(self, history: TrainingHistory) -> None:
        kept, logged = [], _points(history)
        if logged and self.path.exists():
            with self.path.open("rb") as lines:
                kept = [line for line in lines if _point(line) in logged]
        with written_whole(self.path) as file:
            file.writelines(kept)
        self._file = self.path.open("ab")


def _point(line: bytes) -> Point | None:
    """Return what a line says of a run; None if the line is cut off or is not a log's."""
    try:
        fields = json.loads(line) if line.endswith(b"\n") else {}
        is_validation = "validation_loss" in fields
        kind = "validation_" if is_validation else ""
        step, loss, accuracy = (float(fields[name]) for name in ("step", f"{kind}loss", f"{kind}accuracy"))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return step, is_validation, loss, accuracy


def _points(history: TrainingHistory) -> set[Point]:
    """Return what the lines of a run's log say up to the end of its history."""
    courses = ((False, history.records), (True, history.validations))
    return {(point.step, which, point.loss, point.accuracy) for which, course in courses for point in course}
