"""What of a run goes to its checkpoints and comes back: the model, and what those who watch it remember."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Protocol

import keras
import numpy as np

from mnistcnn.config import TrainConfig
from mnistcnn.errors import MnistcnnError
from mnistcnn.runtime.outputs import Outputs
from mnistcnn.runtime.team import ALONE, Team
from mnistcnn.training.checkpoint_file import (
    Checkpoint,
    decode_checkpoint,
    encode_checkpoint,
    model_variables,
    read_latest_checkpoint,
    remove_checkpoints,
    restore_variables,
    write_checkpoint,
)


class Remembering(Protocol):
    """Who watches a run and remembers something of it."""

    def memory(self) -> dict[str, np.ndarray]:
        """Return what a checkpoint is to hold."""

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        """Take up what a checkpoint holds."""


class RunState:
    """The state of one run: read from its checkpoints where it goes on, and written to them; without outputs neither.

    `determinants` is what must be the same for a run to go on, `exactness` what must be for it to stay bit-exact.
    """

    def __init__(
        self,
        outputs: Outputs | None,
        watchers: Sequence[Remembering],
        *,
        determinants: Mapping[str, Any],
        exactness: Mapping[str, Any],
        team: Team = ALONE,
    ) -> None:
        self._outputs = outputs
        self._watchers = watchers
        self._determinants = determinants
        self._exactness = exactness
        self._team = team

    def begin(self, model: keras.Model, config: TrainConfig) -> tuple[int, tuple[str, ...]]:
        """Bring a model to where its run goes on; return that step and what a person ought to know.

        A run that starts at step 0 removes what an earlier one left, and has a checkpoint of that step at once: from
        then on there is something to resume, whatever happens. Raises MnistcnnError for a checkpoint of another run.
        """
        resume = self._outputs is not None and self._outputs.resume
        checkpoint = read_latest_checkpoint(self._outputs.checkpoints) if self._outputs and resume else None
        if checkpoint is not None:
            self._require_same_run(checkpoint, config)
        checkpoint = self._of_first(checkpoint)
        if checkpoint is not None:
            restore_variables(model, checkpoint.variables)
            for watcher in self._watchers:
                watcher.restore(checkpoint.memory)
        if self._outputs is not None and (checkpoint is None or checkpoint.step == 0):
            remove_checkpoints(self._outputs.checkpoints)
            self.save(model, 0)
        if checkpoint is not None:
            return checkpoint.step, self._notes(checkpoint)
        if self._outputs is not None and resume:
            return 0, (f"nothing to resume in {self._outputs.checkpoints}: starting at step 0",)
        return 0, ()

    def save(self, model: keras.Model, step: int) -> None:
        """Write a checkpoint of the model after `step` steps."""
        if self._outputs is None:
            return
        memory: dict[str, np.ndarray] = {}
        for watcher in self._watchers:
            memory |= watcher.memory()
        checkpoint = Checkpoint(
            step=step,
            determinants=self._determinants,
            exactness=self._exactness,
            variables=model_variables(model),
            memory=memory,
        )
        write_checkpoint(self._outputs.checkpoints, checkpoint)

    def _of_first(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """Return the checkpoint of the first process, the only one that needs to reach the files."""
        if self._team.count == 1:
            return checkpoint
        file = BytesIO()
        if checkpoint is not None:
            encode_checkpoint(checkpoint, file)
        data = self._team.bytes_of_first(file.getvalue())
        return decode_checkpoint(BytesIO(data)) if data else None

    def _require_same_run(self, checkpoint: Checkpoint, config: TrainConfig) -> None:
        folder = self._outputs.checkpoints if self._outputs else None
        if differences := _differences(checkpoint.determinants, self._determinants):
            raise MnistcnnError(
                f"{folder} is of another run: {'; '.join(differences)}. "
                "Resume with the options it was started with, or start anew with --force"
            )
        if checkpoint.step > config.steps:
            raise MnistcnnError(
                f"{folder} is at step {checkpoint.step:,} already: resume with --steps of that or more, "
                f"not {config.steps:,}"
            )

    def _notes(self, checkpoint: Checkpoint) -> tuple[str, ...]:
        if changed := _differences(checkpoint.exactness, self._exactness):
            return (f"{', '.join(changed)}: the run goes on, but no longer bit for bit",)
        return ()


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} was {before.get(name)} and is now {value}" for name, value in now.items() if before.get(name) != value
    ]
