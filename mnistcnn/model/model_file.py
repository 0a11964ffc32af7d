"""The `.keras` file: save the network with its metadata, and load it without trusting the file.

Loading never deserializes. It builds this program's own network, compares the file's ``config.json`` with
it, and copies the weights out of ``model.weights.h5``: no class, function, module, path or link that the file
names is ever looked up. What a hostile file can still reach is zlib, Python's zip and JSON parsers on bounded
input, and the HDF5 library's parser of the groups and headers on the way to eight datasets, whose bytes are
then cut out of the file's own and never read through the library.
"""

import json
import math
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import keras
import numpy as np

from mnistcnn.config import CLASSES
from mnistcnn.errors import MnistcnnError
from mnistcnn.files import UNFINISHED, written_whole
from mnistcnn.model.archive import parse_json, read_members, shown
from mnistcnn.model.metadata import ModelMetadata, decode_metadata, encode_metadata
from mnistcnn.model.network import KerasNetwork, build_model, describe_layers
from mnistcnn.results import ModelInfo

_METADATA_MEMBER = "mnistcnn.json"
_MEMBER_LIMITS = {  # bytes; as Keras 3.15 saves this network: 64, 7,224 and 13,127,824
    "metadata.json": 1 << 16,
    "config.json": 1 << 18,
    "model.weights.h5": 48 << 20,
    _METADATA_MEMBER: 1 << 16,
}
# What a layer computes in use; dropout rates, initializers and regularizers act in training only.
_SETTINGS = (
    "batch_shape",
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "data_format",
    "dilation_rate",
    "groups",
    "pool_size",
    "units",
    "activation",
    "use_bias",
    "axis",
)
# Where Keras puts the weights of the layers that have any.
_GROUPS = {"conv1": "conv2d", "conv2": "conv2d_1", "dense": "dense", "logits": "dense_1"}
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# With 25 · 800 · 3,136 · 1,024 products of four of these on the way to a logit, every answer is finite in float32.
_MAX_WEIGHT = 1e6
_ONLY = "mnistcnn reads only the tutorial's network, as `mnistcnn train` saves it"


class _UnexpectedArrayError(Exception):
    """An array is not stored as Keras stores it."""


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A network with trained weights, and where it comes from.

    `model` is the Keras model, float32 and not compiled.
    """

    model: keras.Model
    metadata: ModelMetadata

    @cached_property
    def _network(self) -> KerasNetwork:
        return KerasNetwork(self.model)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return the logits (N, 10) float32 of images (N, 28, 28) uint8, in their order."""
        if not len(images):
            return np.empty((0, CLASSES), np.float32)
        return self._network.logits(images)


def save_model(trained: TrainedModel, path: Path) -> None:
    """Save a model as a `.keras` file, which Keras alone can load on every backend.

    The file is written beside ``path`` and takes its place when it is whole: a failure leaves what was there.
    Raises MnistcnnError where it cannot be written: no such folder, a read-only one, a full disk.
    """
    with (
        written_whole(path) as file,
        TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED) as folder,
    ):
        unfinished = Path(folder, "model.keras")  # Keras writes to paths only, and to none of another suffix
        trained.model.save(unfinished)
        with zipfile.ZipFile(unfinished, "a") as archive:
            archive.writestr(_METADATA_MEMBER, encode_metadata(trained.metadata))
        with unfinished.open("rb") as whole:
            shutil.copyfileobj(whole, file)


def load_model(path: Path) -> TrainedModel:
    """Load a file that ``save_model``, or Keras itself, saved of this program's network.

    Nothing in the file is deserialized: a stranger's can do no more than be refused. Raises MnistcnnError for
    a file that is missing, damaged or no model, for another network, and for weights that cannot be used.
    """
    members = read_members(path, _MEMBER_LIMITS, frozenset({_METADATA_MEMBER}))
    model = build_model()
    _check_config(path, members["config.json"], model)
    metadata = _decode(path, members.get(_METADATA_MEMBER))
    model.set_weights(_read_weights(path, members["model.weights.h5"], model))
    return TrainedModel(model=model, metadata=metadata)


def _check_config(path: Path, data: bytes, model: keras.Model) -> None:
    """Refuse the configuration of another network than ``model``, naming the first difference."""
    try:
        config = parse_json(data)
    except ValueError as error:
        raise MnistcnnError(f"{path} is damaged: its config.json is not JSON ({error}); {_ONLY}") from error
    try:
        # In step, because later facts are laid out as expected only while the earlier ones agree.
        for (what, ours), (_, theirs) in zip(_facts(json.loads(model.to_json())), _facts(config), strict=True):
            if theirs != ours:
                raise MnistcnnError(f"{path} is another network: {what} is {shown(theirs)}, not {shown(ours)}; {_ONLY}")
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
        raise MnistcnnError(f"{path} is no network that Keras saved: its config.json is malformed; {_ONLY}") from error


def _facts(config: Any) -> Iterator[tuple[str, object]]:
    """Yield what a network's Keras configuration says that it computes, as names and values in order."""
    yield "its class", _class(config)
    network = config["config"]
    yield "the list of its layers", [layer["name"] for layer in network["layers"]]
    for layer in network["layers"]:
        name, settings = layer["name"], layer["config"]
        yield f"the class of {name}", _class(layer)
        for setting in _SETTINGS:
            yield f"{setting} of {name}", settings.get(setting)
        dtype = settings["dtype"]
        yield f"dtype of {name}", dtype["config"]["name"] if isinstance(dtype, dict) else dtype
        nodes = layer["inbound_nodes"]
        yield f"the input of {name}", [node["args"][0]["config"]["keras_history"] for node in nodes]
        yield f"training of {name}", [bool(node["kwargs"].get("training")) for node in nodes]
    yield "its input", network["input_layers"]
    yield "its output", network["output_layers"]


def _class(item: Any) -> str:
    """Name a class by its package, since Keras moves its own from module to module between releases."""
    name, registered = item["class_name"], item["registered_name"]
    package, *_ = item["module"].split(".")
    return f"{package}.{name}" if registered in (None, name) else str(registered)


def _read_weights(path: Path, data: bytes, model: keras.Model) -> list[np.ndarray]:
    """Return the arrays of an HDF5 file in the order of ``model.get_weights()``."""
    wanted = [
        (f"layers/{group}/vars/{index}", tuple(variable.shape))
        for layer, group in _GROUPS.items()
        for index, variable in enumerate(model.get_layer(layer).weights)
    ]
    try:
        # The library would also look for its signature behind a block of something else.
        if not data.startswith(_HDF5_SIGNATURE):
            raise _UnexpectedArrayError("they are no HDF5 file")
        with h5py.File(BytesIO(data), "r") as file:
            root = h5py.h5g.open(file.id, b"/")
            weights = [_read_array(data, root, name, shape) for name, shape in wanted]
    # Everything that h5py makes of the library's errors, which can be about any byte of the file.
    except (KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise MnistcnnError(f"{path} holds no weights of this network: its HDF5 part is malformed; {_ONLY}") from error
    except _UnexpectedArrayError as error:
        raise MnistcnnError(f"{path} holds other weights than this network's: {error}; {_ONLY}") from error
    if not are_usable(weights):
        raise MnistcnnError(f"{path} holds weights that are NaN, infinite or huge: its training failed; train it again")
    return weights


def are_usable(weights: Iterable[np.ndarray]) -> bool:
    """Tell whether weights are finite, and small enough for every answer to be."""
    return all(bool((np.abs(array) <= _MAX_WEIGHT).all()) for array in weights)


def _read_array(data: bytes, root: h5py.h5g.GroupID, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the plain float32 array ``name``, cut out of ``data``, the bytes of the whole HDF5 file.

    The order of the checks matters. A link is looked at before it is followed, because following it opens the
    file that it names; so does asking a virtual dataset for its shape, and reading from external storage.
    """
    *groups, last = name.encode().split(b"/")
    parent = root
    for group in groups:
        _check_link(parent, group, name)
        parent = h5py.h5g.open(parent, group)
    _check_link(parent, last, name)
    dataset = h5py.h5d.open(parent, last)
    layout = dataset.get_create_plist()
    if layout.get_layout() != h5py.h5d.CONTIGUOUS or layout.get_external_count():
        raise _UnexpectedArrayError(f"{name} is virtual, external, chunked or compressed, not a plain array")
    if not dataset.get_type().equal(h5py.h5t.IEEE_F32LE):
        raise _UnexpectedArrayError(f"{name} is not float32")
    if dataset.shape != shape:
        raise _UnexpectedArrayError(f"{name} has shape {shown(dataset.shape)}, not {shape}")
    offset, size = dataset.get_offset(), math.prod(shape)
    if offset is None or offset + 4 * size > len(data):
        raise _UnexpectedArrayError(f"{name} is declared but not stored in the file")
    return np.frombuffer(data, "<f4", size, offset).reshape(shape).astype(np.float32)


def _check_link(parent: h5py.h5g.GroupID, name: bytes, path: str) -> None:
    if parent.links.get_info(name).type != h5py.h5l.TYPE_HARD:
        raise _UnexpectedArrayError(f"{path} is a link to somewhere else")


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


def model_info(path: Path) -> ModelInfo:
    """Read a model file, on the Keras that runs already. Raises MnistcnnError as `load_model` does."""
    trained = load_model(path)
    metadata = trained.metadata
    return ModelInfo(
        path=str(path),
        layers=describe_layers(trained.model),
        recipe=metadata.recipe,
        step=metadata.step,
        data=metadata.data,
        accuracy=metadata.accuracy,
        versions=metadata.versions,
        calibration=metadata.calibration,
        evidence=metadata.evidence,
    )
