"""The state of a run: the model and its watchers, saved to checkpoints, and restored when the run resumes.

It decides whether a checkpoint belongs to this run; `checkpoint_file` decides how a checkpoint looks on disk.
"""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, Protocol

import keras
import numpy as np

from mnistcnn.config import TrainConfig
from mnistcnn.errors import MnistcnnError, parameter
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


class Resumable(Protocol):
    """A part of a run, beside the model, whose state checkpoints carry to the resumed run: its history, its best."""

    def memory(self) -> dict[str, np.ndarray]:
        """Return the state as arrays. Their names are unique among the parts of a run."""

    def restore(self, memory: Mapping[str, np.ndarray]) -> None:
        """Take the state from a checkpoint, which holds the arrays of all parts."""


class RunState:
    """The state of one run, written to its checkpoints and, if the run resumes, read from them.

    Args:
        outputs: The run's files; None neither reads nor writes any.
        watchers: The parts of the run that have state of their own.
        determinants: The settings that must be the same for a run to go on, plain values by name.
        exactness: The settings that must be the same for a resumed run to stay bit-exact, plain values by name.
        team: The processes that train together. Only the first has `outputs`.

    """

    def __init__(
        self,
        outputs: Outputs | None,
        watchers: Sequence[Resumable],
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
        """Bring a model to the step at which its run starts or goes on.

        A run that starts at step 0 removes an earlier run's checkpoints and writes its own of step 0: from then on
        there is something to resume, whatever happens. Returns the step, and notes for a person to read. Raises
        MnistcnnError if the checkpoint is of another run or damaged, or if a file cannot be read or written.
        """
        checkpoint = self._of_first(self._own_checkpoint(config))
        if checkpoint is not None:
            restore_variables(model, checkpoint.variables)
            for watcher in self._watchers:
                watcher.restore(checkpoint.memory)
        if self._outputs is not None and (checkpoint is None or checkpoint.step == 0):
            remove_checkpoints(self._outputs.checkpoints)
            self.save(model, 0)
        if checkpoint is not None:
            return checkpoint.step, self._notes(checkpoint)
        if self._outputs is not None and self._outputs.resume:
            return 0, (f"nothing to resume in {self._outputs.checkpoints}: starting at step 0",)
        return 0, ()

    def save(self, model: keras.Model, step: int) -> None:
        """Write a checkpoint of the model after `step` steps, if the run has outputs."""
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

    def _own_checkpoint(self, config: TrainConfig) -> Checkpoint | None:
        """Return the checkpoint that this process is to resume from, if any, after checking that it fits the run."""
        if self._outputs is None or not self._outputs.resume:
            return None
        folder = self._outputs.checkpoints
        checkpoint = read_latest_checkpoint(folder)
        if checkpoint is None:
            return None
        if differences := _differences(checkpoint.determinants, self._determinants):
            raise MnistcnnError(
                f"{folder} is of another run: {'; '.join(differences)}. "
                f"Resume with the values it was started with, or start anew with {parameter('force', True)}"
            )
        if checkpoint.step > config.steps:
            raise MnistcnnError(
                f"{folder} is at step {checkpoint.step:,} already: resume with {parameter('steps')} of that or more, "
                f"not {config.steps:,}"
            )
        return checkpoint

    def _of_first(self, checkpoint: Checkpoint | None) -> Checkpoint | None:
        """Return the first process's checkpoint in every process: only the first needs to reach the files."""
        if self._team.count == 1:
            return checkpoint
        file = BytesIO()
        if checkpoint is not None:
            encode_checkpoint(checkpoint, file)
        data = self._team.bytes_of_first(file.getvalue())
        return decode_checkpoint(BytesIO(data)) if data else None

    def _notes(self, checkpoint: Checkpoint) -> tuple[str, ...]:
        if changed := _differences(checkpoint.exactness, self._exactness):
            return (f"{', '.join(changed)}: the run goes on, but no longer bit for bit",)
        return ()


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} was {before.get(name)} and is now {value}" for name, value in now.items() if before.get(name) != value
    ]
