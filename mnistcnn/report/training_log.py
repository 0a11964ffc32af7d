"""The training log: one JSON object a line, whole records, for programs to read."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from mnistcnn.errors import MnistcnnError, parameter
from mnistcnn.events import TrainingEvent, TrainingRecord, TrainingStarted
from mnistcnn.files import written_whole
from mnistcnn.results import TrainingHistory, TrainingValidation

Point = tuple[float, bool, float, float]  # step, whether it is a validation, loss, accuracy


class TrainingLog:
    """A listener that appends each record and validation to a file, and cuts what a resumed run will write again.

    Fields, stable: ``step, loss, accuracy, steps_per_second, labels, probabilities`` of a record, and ``step,
    validation_loss, validation_accuracy`` of a validation. Raises MnistcnnError where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def __call__(self, event: TrainingEvent) -> None:
        """Take in one event of a run."""
        try:
            if isinstance(event, TrainingStarted):
                self._begin(event.history)
            elif isinstance(event, TrainingRecord):
                self._write(vars(event))
            elif isinstance(event, TrainingValidation):
                measured = {"validation_loss": event.loss, "validation_accuracy": event.accuracy}
                self._write({"step": event.step, **measured})
        except OSError as error:
            raise MnistcnnError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with suppress(OSError):  # what a full disk did not take was reported when it was written
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
    """Return what a whole line says of a run; None of what is no line of a log."""
    try:
        fields = json.loads(line) if line.endswith(b"\n") else {}
        is_validation = "validation_loss" in fields
        kind = "validation_" if is_validation else ""
        step, loss, accuracy = (float(fields[name]) for name in ("step", f"{kind}loss", f"{kind}accuracy"))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return step, is_validation, loss, accuracy


def _points(history: TrainingHistory) -> set[Point]:
    """Return all that a run's log may say up to where its history ends."""
    courses = ((False, history.records), (True, history.validations))
    return {(point.step, which, point.loss, point.accuracy) for which, course in courses for point in course}
