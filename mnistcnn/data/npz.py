"""Arrays of numbers out of an .npz file that nobody vouches for.

Nothing is unpickled, and memory is bounded: sizes and types are checked before anything is read.
"""

import math
import warnings
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from mnistcnn.data.arrays import as_images, as_labels
from mnistcnn.data.idx import MAX_CONTENT_BYTES
from mnistcnn.errors import MnistcnnError
from mnistcnn.files import KIND_BYTES, TAIL_BYTES, UNREADABLE, directory_bytes, kind_of

_MAX_DIRECTORY_BYTES = 1 << 20  # bytes: the largest zip directory that is parsed (zipfile builds an object an entry)
_EXPECTED = "expected a zip of the arrays x_train, y_train, x_test and y_test, as Keras's mnist.npz is"
# names of an array, Keras's first: MedMNIST and many notebooks save the others
_NAMES = {
    "x_train": ("x_train", "train_images", "X_train"),
    "y_train": ("y_train", "train_labels"),
    "x_test": ("x_test", "test_images", "X_test"),
    "y_test": ("y_test", "test_labels"),
}


def read_npz_array(path: Path, name: str) -> np.ndarray:
    """Read what Keras calls x_train, y_train, x_test or y_test: images (N, 28, 28) or labels (N,), uint8.

    In the file they may have another shape or type, as in `arrays`, and MedMNIST's names. An array of objects is
    refused, not unpickled, and a promised size allocates at most 512 MB. Raises MnistcnnError if the file is not an
    .npz file or does not hold such an array.
    """
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns of headers that it mends
            _check_directory(path, file)
            with zipfile.ZipFile(file) as archive:
                array = _read_member(path, archive, name)
    except UNREADABLE as error:
        raise MnistcnnError(f"{path} cannot be read ({error or type(error).__name__}): {_EXPECTED}") from error
    return (as_images if name.startswith("x") else as_labels)(array, f"{path}: {name}")


def _check_directory(path: Path, file: IO[bytes]) -> None:
    """Raise MnistcnnError if a file is not a plain zip, or if its directory would take much memory to parse."""
    first = file.read(KIND_BYTES)
    file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
    size = directory_bytes(file.read())
    if size is None:
        raise MnistcnnError(f"{path} is {kind_of(first)}, not an .npz file: {_EXPECTED}")
    if size > _MAX_DIRECTORY_BYTES:
        raise MnistcnnError(f"{path} is a zip file with too many entries: {_EXPECTED}")


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    held = set(archive.namelist())
    member_name = next((f"{each}.npy" for each in _NAMES[name] if f"{each}.npy" in held), None)
    if member_name is None:
        raise MnistcnnError(f"{path} has no array {name}: expected x_train, y_train, x_test and y_test")
    entry = archive.getinfo(member_name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise MnistcnnError(f"{path}: {name} is compressed in a way that NumPy does not use: {_EXPECTED}")
    with archive.open(entry) as member:
        shape, dtype = _read_header(member)
        if dtype.kind not in "uif":
            raise MnistcnnError(f"{path}: {name} holds {dtype} values; expected whole numbers from 0 to 255")
        if not all(type(side) is int and side >= 0 for side in shape):
            raise ValueError("a side of its shape is not a whole number")
        if math.prod(shape) * dtype.itemsize > MAX_CONTENT_BYTES:
            raise MnistcnnError(f"{path}: {name} is too large: at most {MAX_CONTENT_BYTES:,} bytes are read")
        member.seek(0)
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _read_header(member: IO[bytes]) -> tuple[Any, np.dtype[Any]]:
    """Return the shape and type that an array's header promises. Raises ValueError if NumPy writes no such header."""
    version = np.lib.format.read_magic(member)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"arrays of format {version} are not read")
    shape, _, dtype = readers[version](member)
    return shape, dtype
