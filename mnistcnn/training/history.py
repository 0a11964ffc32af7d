"""The course of a run, kept for those who look at it afterwards."""

from collections.abc import Mapping

import numpy as np

from mnistcnn.events import TrainingEvent, TrainingRecord
from mnistcnn.results import HistoryPoint, TrainingHistory, TrainingValidation


class HistoryKeeper:
    """A listener that keeps the losses and accuracies of a run, and hands them on from checkpoint to resumed run."""

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
        """The course of the run so far."""
        return TrainingHistory(records=tuple(self._records), validations=tuple(self._validations))

    def memory(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint is to hold: rows of step, loss, accuracy, and whether a validation was the best."""
        records = [(point.step, point.loss, point.accuracy) for point in self._records]
        validations = [(point.step, point.loss, point.accuracy, point.is_best) for point in self._validations]
        return {
            "records": np.array(records, np.float64).reshape(-1, 3),
            "validations": np.array(validations, np.float64).reshape(-1, 4),
        }

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        """Take up what a checkpoint holds."""
        self._records = [
            HistoryPoint(step=int(step), loss=loss, accuracy=accuracy)
            for step, loss, accuracy in memory["records"].tolist()
        ]
        self._validations = [
            TrainingValidation(step=int(step), loss=loss, accuracy=accuracy, is_best=bool(is_best))
            for step, loss, accuracy, is_best in memory["validations"].tolist()
        ]
