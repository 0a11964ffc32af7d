"""Checkpoint files: all that a run needs to resume bit for bit, as NumPy .npz files without pickles.

A `Checkpoint` is written into a folder, and read from it. `resuming` decides when one is saved and whether it fits.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import keras
import numpy as np

from mnistcnn.errors import MnistcnnError, parameter
from mnistcnn.files import UNREADABLE, written_whole
from mnistcnn.runtime.outputs import checkpoint_files, checkpoint_path

KEPT = 2  # checkpoints: how many of the newest stay in a folder, so that one is left if the other is damaged
MEMORY = "memory."  # prefix: marks the arrays of `Checkpoint.memory` in a file


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A run after `step` steps.

    `determinants` are the settings that must be the same for the run to go on, `exactness` those that must be the same
    for it to stay bit-exact. `variables` are the arrays of the model and its optimizer, dropout's random state among
    them, by name. `memory` is the state of the run's `Resumable` parts, such as the best weights so far.
    """

    step: int
    determinants: Mapping[str, Any]
    exactness: Mapping[str, Any]
    variables: Mapping[str, np.ndarray]
    memory: Mapping[str, np.ndarray] = field(default_factory=dict)


def model_variables(model: keras.Model) -> dict[str, np.ndarray]:
    """Return copies of the variables of a model and its built optimizer, by name."""
    return {
        name: np.asarray(keras.ops.convert_to_numpy(variable.value))
        for name, variable in _named_variables(model).items()
    }


def restore_variables(model: keras.Model, variables: Mapping[str, np.ndarray]) -> None:
    """Assign what `model_variables` returned. Raises MnistcnnError if names or shapes are not this model's."""
    named = _named_variables(model)
    shapes = {name: tuple(variable.shape) for name, variable in named.items()}
    if shapes != {name: array.shape for name, array in variables.items()}:
        raise MnistcnnError(
            f"the checkpoint is of another network or optimizer: start anew with {parameter('force', True)}"
        )
    for name, variable in named.items():
        variable.assign(variables[name])


def _named_variables(model: keras.Model) -> dict[str, Any]:
    groups = {
        "trainable_variables": model.trainable_variables,
        "non_trainable_variables": model.non_trainable_variables,
        "optimizer_variables": model.optimizer.variables,
    }
    return {f"{group}.{i}": variable for group, variables in groups.items() for i, variable in enumerate(variables)}


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into a folder, whole or not at all, and remove all but the folder's newest two.

    The checkpoint of step 0 makes the folder if it is missing; a folder that vanishes later is an error, since another
    run may have taken the place. Raises MnistcnnError if the folder or the file cannot be written.
    """
    if checkpoint.step == 0:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise MnistcnnError(f"{folder} cannot be made: {error.strerror or error}") from error
    with written_whole(checkpoint_path(folder, checkpoint.step)) as file:
        encode_checkpoint(checkpoint, file)
    keep_newest_checkpoints(folder, KEPT)


def keep_newest_checkpoints(folder: Path, count: int) -> None:
    """Remove all but a folder's newest checkpoints."""
    with suppress(OSError):  # a checkpoint more than needed does no harm
        for path in checkpoint_files(folder)[:-count]:
            path.unlink(missing_ok=True)


def encode_checkpoint(checkpoint: Checkpoint, file: BinaryIO) -> None:
    """Write a checkpoint into an open file."""
    header = {
        "determinants": checkpoint.determinants,
        "exactness": checkpoint.exactness,
        "step": checkpoint.step,
    }
    arrays: dict[str, Any] = {
        **checkpoint.variables,
        **{f"{MEMORY}{name}": array for name, array in checkpoint.memory.items()},
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
    }
    np.savez(file, **arrays)


def decode_checkpoint(file: BinaryIO) -> Checkpoint:
    """Read a checkpoint from an open file. Raises one of `files.UNREADABLE` if it is damaged."""
    arrays = dict(np.load(file, allow_pickle=False))
    header = json.loads(arrays.pop("header").tobytes())
    remembered = [name for name in arrays if name.startswith(MEMORY)]
    memory = {name.removeprefix(MEMORY): arrays.pop(name) for name in remembered}
    return Checkpoint(variables=arrays, memory=memory, **header)


def remove_checkpoints(folder: Path) -> None:
    """Remove a folder's checkpoints. Raises MnistcnnError if one cannot be removed."""
    for path in checkpoint_files(folder):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise MnistcnnError(f"{path} cannot be removed: {error.strerror or error}") from error


def read_latest_checkpoint(folder: Path) -> Checkpoint | None:
    """Read a folder's newest checkpoint that is whole, or None if the folder has no checkpoints.

    Each array is checked against its CRC-32. Raises MnistcnnError if every checkpoint is damaged.
    """
    files = checkpoint_files(folder)
    for path in reversed(files):
        try:
            with path.open("rb") as file:
                return decode_checkpoint(file)
        except UNREADABLE:
            continue
    if files:
        raise MnistcnnError(f"every checkpoint in {folder} is damaged: start anew with {parameter('force', True)}")
    return None
