"""The training log: one JSON object a line, whole records, for programs to read."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from mnistcnn.errors import MnistcnnError
from mnistcnn.files import written_whole
from mnistcnn.results import TrainingEvent, TrainingRecord, TrainingStarted, TrainingValidation


class TrainingLog:
    """A listener that appends each record and validation to a file, and cuts what a resumed run will write again.

    Fields, stable: ``step, loss, accuracy, steps_per_second, labels, probabilities`` of a record, and ``step,
    validation_loss, validation_accuracy`` of a validation. Raises MnistcnnError where the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __call__(self, event: TrainingEvent) -> None:
        """Take in one event of a run."""
        try:
            if isinstance(event, TrainingStarted):
                self._begin(event.start_step)
            elif isinstance(event, TrainingRecord):
                self._write(asdict(event))
            elif isinstance(event, TrainingValidation):
                measured = {"validation_loss": event.loss, "validation_accuracy": event.accuracy}
                self._write({"step": event.step, **measured})
        except OSError as error:
            raise MnistcnnError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, fields: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(fields) + "\n")
            self._file.flush()

    def _begin(self, start_step: int) -> None:
        kept = []
        if start_step and self.path.exists():
            with self.path.open(encoding="utf-8") as lines:
                kept = [line for line in lines if _is_record_up_to(line, start_step)]
        with written_whole(self.path) as file:
            file.writelines(line.encode() for line in kept)
        self._file = self.path.open("a", encoding="utf-8")


def _is_record_up_to(line: str, step: int) -> bool:
    """Tell whether a line is a whole record of a step that the checkpoint holds; a torn last line is none."""
    try:
        return line.endswith("\n") and 0 < json.loads(line)["step"] <= step
    except (ValueError, KeyError, TypeError):
        return False
