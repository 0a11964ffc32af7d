"""The losses and accuracies of a run, step by step, from its first start on.

Events of training go in; a `TrainingHistory` of plain values comes out, across resumes.
"""

from collections.abc import Mapping

import numpy as np

from mnistcnn.events import TrainingEvent, TrainingRecord
from mnistcnn.results import HistoryPoint, TrainingHistory, TrainingValidation


class HistoryKeeper:
    """A listener that keeps the losses and accuracies of a run; checkpoints carry them to a resumed run."""

    def __init__(self) -> None:
        self._records: list[HistoryPoint] = []
        self._validations: list[TrainingValidation] = []

    def __call__(self, event: TrainingEvent) -> None:
        """Take in one event of a run."""
        if isinstance(event, TrainingRecord):
            self._records.append(HistoryPoint(step=event.step, loss=event.loss, accuracy=event.accuracy))
        elif isinstance(event, TrainingValidation):
            self._validations.append(event)

    @property
    def history(self) -> TrainingHistory:
        """The records and validations so far."""
        return TrainingHistory(records=tuple(self._records), validations=tuple(self._validations))

    def memory(self) -> dict[str, np.ndarray]:
        """Return rows of step, loss and accuracy; those of validations end with whether it was the best so far."""
        records = [(point.step, point.loss, point.accuracy) for point in self._records]
        validations = [(point.step, point.loss, point.accuracy, point.is_best) for point in self._validations]
        return {
            "records": np.array(records, np.float64).reshape(-1, 3),
            "validations": np.array(validations, np.float64).reshape(-1, 4),
        }

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        """Replace the history by that of a checkpoint."""
        self._records = [
            HistoryPoint(step=int(step), loss=loss, accuracy=accuracy)
            for step, loss, accuracy in memory["records"].tolist()
        ]
        self._validations = [
            TrainingValidation(step=int(step), loss=loss, accuracy=accuracy, is_best=bool(is_best))
            for step, loss, accuracy, is_best in memory["validations"].tolist()
        ]
