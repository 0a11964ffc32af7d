"""The `.keras` file: a trained network with its metadata, saved for Keras and loaded without trusting the file.

Loading never deserializes. It compares the file's config.json with this program's own network and copies eight arrays
out of its model.weights.h5: no class, function, module, path or link that the file names is ever looked up. A hostile
file still reaches zlib, Python's zip and JSON parsers on bounded input, and the HDF5 library's parser of headers.
"""

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from mnistcnn.config import CLASSES
from mnistcnn.errors import MnistcnnError
from mnistcnn.files import UNFINISHED, real_path, written_whole
from mnistcnn.model.architecture import check_config, known_layers
from mnistcnn.model.archive import read_members
from mnistcnn.model.metadata import ModelMetadata, decode_metadata, encode_metadata
from mnistcnn.model.numpy_network import NumpyNetwork
from mnistcnn.model.weights_file import read_weights
from mnistcnn.results import ModelInfo

if TYPE_CHECKING:
    from mnistcnn.model.network import KerasNetwork

_METADATA_MEMBER = "mnistcnn.json"
# bytes: the largest size of each member (Keras 3.15 saves this network with 64, 7,224 and 13,127,824)
_MEMBER_LIMITS = {
    "metadata.json": 1 << 16,
    "config.json": 1 << 18,
    "model.weights.h5": 48 << 20,
    _METADATA_MEMBER: 1 << 16,
}
# keys in config.json: what Keras 3.15 writes and 3.6 to 3.14 refuse, as settings of initializers and of layers
_NEW_KEYS = ("input_axes", "output_axes", "quantization_config")
# The largest absolute weight: 25 · 800 · 3,136 · 1,024 products of four such weights are finite in float32.
_MAX_WEIGHT = 1e6


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A network with trained float32 weights, and where it comes from.

    `model` is what computes: the Keras model, not compiled, or a NumpyNetwork. Both have `get_weights`.
    """

    model: Any
    metadata: ModelMetadata

    @cached_property
    def _network(self) -> "KerasNetwork | NumpyNetwork":
        if isinstance(self.model, NumpyNetwork):
            return self.model
        from mnistcnn.model.network import KerasNetwork

        return KerasNetwork(self.model)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return the logits (N, 10) float32 of images (N, 28, 28) uint8, in their order."""
        return self._network.logits(images) if len(images) else np.empty((0, CLASSES), np.float32)


def save_model(trained: TrainedModel, path: Path) -> None:
    """Save a Keras model as a `.keras` file, which Keras alone, from 3.6 on, can load on every backend.

    The file is written beside `path` and takes its place once it is whole: after a failure, what was there is still
    there. Raises MnistcnnError if the file cannot be written: no such folder, a read-only one, a full disk.
    """
    place = real_path(path)
    with (
        written_whole(path) as file,
        TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.", suffix=UNFINISHED) as folder,
    ):
        unfinished = Path(folder, "model.keras")  # Keras writes to paths only, and to none with another suffix
        trained.model.save(unfinished)
        with zipfile.ZipFile(unfinished) as saved, zipfile.ZipFile(file, "w") as archive:
            for name in saved.namelist():
                content = saved.read(name)
                archive.writestr(name, readable_by_older_keras(content) if name == "config.json" else content)
            archive.writestr(_METADATA_MEMBER, encode_metadata(trained.metadata))


def readable_by_older_keras(config: bytes) -> bytes:
    """Return a config.json without what Keras before 3.15 does not know and this network leaves unset."""

    def kept(item: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in item.items() if key not in _NEW_KEYS or value is not None}

    return json.dumps(json.loads(config, object_hook=kept)).encode()


def load_model(path: Path, backend: str | None = None) -> TrainedModel:
    """Load a file of this program's network that `save_model`, or Keras itself, saved.

    With the backend "numpy" the model computes in NumPy, and neither Keras nor TensorFlow is imported. With any other
    it computes on the Keras that runs already. Nothing in the file is deserialized. Raises MnistcnnError for a file
    that is missing, damaged or not a model, for another network, and for weights that cannot be used.
    """
    weights, metadata = _read_model(path)
    if backend == "numpy":
        return TrainedModel(model=NumpyNetwork(weights), metadata=metadata)
    from mnistcnn.model.network import build_model

    model = build_model()
    model.set_weights(weights)
    return TrainedModel(model=model, metadata=metadata)


def on_keras(trained: TrainedModel) -> TrainedModel:
    """Return a model in float32 on the Keras that runs already, whatever it computes on."""
    from mnistcnn.model.network import build_model

    model = build_model()
    model.set_weights(trained.model.get_weights())
    return TrainedModel(model=model, metadata=trained.metadata)


def model_info(path: Path) -> ModelInfo:
    """Describe a model file, without Keras. Raises MnistcnnError as `load_model` does."""
    _, metadata = _read_model(path)
    return ModelInfo(
        path=str(path),
        layers=known_layers(),
        recipe=metadata.recipe,
        step=metadata.step,
        data=metadata.data,
        accuracy=metadata.accuracy,
        versions=metadata.versions,
        calibration=metadata.calibration,
        evidence=metadata.evidence,
    )


def are_usable(weights: Iterable[np.ndarray]) -> bool:
    """Tell whether weights are finite, and small enough for every answer to be finite."""
    return all(bool((np.abs(array) <= _MAX_WEIGHT).all()) for array in weights)


def _read_model(path: Path) -> tuple[list[np.ndarray], ModelMetadata]:
    """Return the weights and the metadata that a file holds, checked, without Keras."""
    members = read_members(path, _MEMBER_LIMITS, frozenset({_METADATA_MEMBER}))
    check_config(path, members["config.json"])
    metadata = _decode(path, members.get(_METADATA_MEMBER))
    weights = read_weights(path, members["model.weights.h5"])
    if not are_usable(weights):
        raise MnistcnnError(f"{path} holds weights that are NaN, infinite or huge: its training failed; train it again")
    return weights, metadata


def _decode(path: Path, data: bytes | None) -> ModelMetadata:
    if data is None:
        return ModelMetadata()
    try:
        return decode_metadata(data)
    except ValueError as error:
        raise MnistcnnError(
            f"{path} was saved by a newer mnistcnn or is damaged: in its {_METADATA_MEMBER}, {error}; update "
            "mnistcnn, or use a whole copy of the file"
        ) from error
