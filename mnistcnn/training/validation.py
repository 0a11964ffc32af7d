"""Validation during training: how well the network reads the validation split, and which weights read it best.

A Keras callback, which also ends the run once its patience is used up. A configuration and a dataset go in; events and
the best weights come out. It measures what `evaluate` measures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from mnistcnn.config import TrainConfig
from mnistcnn.data.dataset import Dataset
from mnistcnn.events import Listener, tell
from mnistcnn.inference.evaluation import split_logits
from mnistcnn.inference.measures import loss_and_accuracy
from mnistcnn.model.metadata import ModelMetadata
from mnistcnn.model.model_file import TrainedModel
from mnistcnn.model.network import build_model
from mnistcnn.results import TrainingValidation
from mnistcnn.runtime.team import ALONE, Team, on_this_process_only
from mnistcnn.training.callbacks import StepCallback


@dataclass(frozen=True)
class Best:
    """The validation with the lowest loss so far, and how many validations there were since."""

    step: int
    loss: float
    since: int = 0


class Validation(StepCallback):
    """Validates on the whole split every `validate_every` steps (0: never), in float32, as the saved model computes.

    With `patience` it keeps the weights of the lowest validation loss, and ends training once that many validations in
    a row have brought no lower loss.

    Args:
        config: The run, with its `validate_every` and `patience`.
        dataset: The source of the validation split. Raises as `Dataset.split` does.
        listeners: Each is told of every validation.
        team: The processes that train together. The first measures, and all go by its figures.

    """

    def __init__(
        self, config: TrainConfig, dataset: Dataset, listeners: Sequence[Listener], team: Team = ALONE
    ) -> None:
        super().__init__()
        self._every, self._patience = config.validate_every, config.patience
        self._listeners = listeners
        self._team = team
        self.best: Best | None = None
        self.best_weights: list[np.ndarray] = []
        if self._every:
            self._split = dataset.split("validation")
            with on_this_process_only():
                self._trained = TrainedModel(model=build_model(), metadata=ModelMetadata())

    @property
    def is_out_of_patience(self) -> bool:
        """Whether `patience` validations in a row have brought no lower loss."""
        return self.best is not None and self.best.since >= self._patience > 0

    def memory(self) -> dict[str, np.ndarray]:
        """Return the best validation and its weights, if there is patience."""
        if self.best is None or not self._patience:
            return {}
        weights = {f"best_weights.{index}": array for index, array in enumerate(self.best_weights)}
        return {"best": np.array(astuple(self.best), np.float64), **weights}

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        """Take the best validation and its weights from a checkpoint, if it has any."""
        if self._patience and "best" in memory:
            step, loss, since = memory["best"].tolist()
            self.best = Best(int(step), loss, int(since))
            self.best_weights = [
                memory[f"best_weights.{index}"] for index in range(sum("best_weights" in name for name in memory))
            ]

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Validate if it is due, and end training if the patience is used up."""
        step = self.step
        if self._every and step % self._every == 0:
            self._validate(step)
            if self.is_out_of_patience:
                self.model.stop_training = True

    def _measure(self, weights: list[np.ndarray]) -> tuple[float, float]:
        self._trained.model.set_weights(weights)
        return loss_and_accuracy(split_logits(self._trained, self._split), self._split.labels)

    def _validate(self, step: int) -> None:
        weights = self.model.get_weights()
        loss, accuracy = self._team.of_first(lambda: self._measure(weights))
        is_best = math.isfinite(loss) and (self.best is None or loss < self.best.loss)
        if is_best:
            self.best = Best(step, loss)
            self.best_weights = weights if self._patience else []
        elif self.best is not None:
            self.best = replace(self.best, since=self.best.since + 1)
        tell(self._listeners, TrainingValidation(step=step, loss=loss, accuracy=accuracy, is_best=is_best))
