"""The `model.weights.h5` inside the model file: eight float32 arrays, read without trusting the HDF5 file.

A file's bytes go in; NumPy arrays come out. The HDF5 library parses the groups and headers on the way to the arrays.
The arrays themselves are cut out of the file's bytes, never read through the library. No link is followed, and no
other file is opened.
"""

import math
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np

from mnistcnn.errors import MnistcnnError
from mnistcnn.model.architecture import LAYERS, ONLY_THIS_NETWORK
from mnistcnn.model.archive import shown

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class _UnexpectedArrayError(Exception):
    """An array is not stored as Keras stores it."""


def read_weights(path: Path, data: bytes) -> list[np.ndarray]:
    """Return the network's weights from the bytes of an HDF5 file: kernel and bias of each layer, in their order.

    `path` is the model file, for messages. Raises MnistcnnError for data that does not hold these weights.
    """
    wanted = {
        f"layers/{layer.group}/vars/{index}": shape
        for layer in LAYERS.values()
        for index, shape in enumerate(layer.weights)
    }
    try:
        # The library would also find its signature later in the file, behind other bytes.
        if not data.startswith(_HDF5_SIGNATURE):
            raise _UnexpectedArrayError("they are not an HDF5 file")
        with h5py.File(BytesIO(data), "r") as file:
            root = h5py.h5g.open(file.id, b"/")
            return [_read_array(data, root, name, shape) for name, shape in wanted.items()]
    # All that h5py raises for the library's errors, which any byte of the file can cause.
    except (KeyError, OSError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        raise MnistcnnError(
            f"{path} holds no weights of this network: its HDF5 part is malformed; {ONLY_THIS_NETWORK}"
        ) from error
    except _UnexpectedArrayError as error:
        raise MnistcnnError(f"{path} holds other weights than this network's: {error}; {ONLY_THIS_NETWORK}") from error


def _read_array(data: bytes, root: h5py.h5g.GroupID, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the plain float32 array `name`, cut out of `data`, the bytes of the whole HDF5 file.

    The order of the checks matters. A link is looked at before it is followed, because following it opens the file
    that it names. Asking a virtual dataset for its shape opens a file too, and so does reading from external storage.
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
