"""The IDX file format, in which MNIST is distributed: bytes or a file in, an array out, and back.

A big-endian header (two zero bytes, the element type, the number of dimensions, the size of each), then the
elements in C order. Specification: Yann LeCun, "The MNIST database of handwritten digits", "The IDX file format".
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from mnistcnn.errors import MnistcnnError

UNSIGNED_BYTE, INT = 0x08, 0x0C  # IDX's codes of the element types uint8 and int32
# NumPy's names of IDX's element types, by code
ELEMENT_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
MAX_CONTENT_BYTES = 2**29  # bytes: the largest content that is read (684,784 images; MNIST's 60,000 take 47 MB)


def decode_idx(content: bytes, *, source: str, dimensions: int, element: int = UNSIGNED_BYTE) -> np.ndarray:
    """Decode the content of an IDX file into a read-only array.

    `dimensions` is how many the array must have: 3 for images, 1 for labels, 2 for QMNIST's. `element` is the code of
    its elements. Raises MnistcnnError, naming `source`, if the content is not IDX, holds other elements or dimensions,
    or is cut short or too long.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in ELEMENT_TYPES:
        raise MnistcnnError(
            f"{source} is not an IDX file: expected it to start with the bytes 00 00 08, got {content[:4].hex(' ')}"
        )
    element_type, rank = content[2], content[3]
    if element_type != element:
        expected = {UNSIGNED_BYTE: "uint8, as in MNIST", INT: "int32, as in QMNIST"}[element]
        raise MnistcnnError(f"{source} holds {ELEMENT_TYPES[element_type]} elements: expected {expected}")
    if rank != dimensions:
        kinds = {1: "labels (1 dimension)", 2: "tables of labels (2 dimensions)", 3: "images (3 dimensions)"}
        raise MnistcnnError(
            f"{source} holds {kinds.get(rank, f'{rank} dimensions')}: expected {kinds[dimensions]}; "
            "are the files of images and labels mixed up?"
        )
    header_bytes = 4 + 4 * rank
    if len(content) < header_bytes:
        raise MnistcnnError(f"{source} is cut short: its header has {header_bytes} bytes, the file {len(content)}")
    shape = struct.unpack(f">{rank}I", content[4:header_bytes])
    dtype = np.dtype(ELEMENT_TYPES[element]).newbyteorder(">")
    expected_bytes = header_bytes + math.prod(shape) * dtype.itemsize
    if len(content) != expected_bytes:
        problem, has = (
            ("is cut short", f"{len(content):,}") if len(content) < expected_bytes else ("is too long", "more")
        )
        raise MnistcnnError(
            f"{source} {problem}: its header promises {expected_bytes:,} bytes, the file has {has}; fetch it again"
        )
    return np.frombuffer(content, dtype, offset=header_bytes).reshape(shape)


def encode_idx(array: np.ndarray) -> bytes:
    """Encode a uint8 array of any shape as the content of an IDX file."""
    header = struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array, np.uint8).tobytes()


def _promised_bytes(header: bytes, element: int) -> int:
    """Return the size in bytes of the content that a header promises, with the header; the header may be cut short."""
    sizes = header[4 : len(header) // 4 * 4]
    count = int(math.prod(struct.unpack(f">{len(sizes) // 4}I", sizes)))
    return len(header) + count * int(np.dtype(ELEMENT_TYPES[element]).itemsize)


def read_idx(path: Path, *, dimensions: int, element: int = UNSIGNED_BYTE) -> np.ndarray:
    """Read an IDX file, gzip-compressed or not, into a read-only array: of uint8 unless `element` says otherwise.

    Raises MnistcnnError as `decode_idx` does, and if the file cannot be read or unpacked.
    """
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if compressed else path.open("rb") as file:
            promised = _promised_bytes(file.read(4 + 4 * dimensions), element)
            file.seek(0)
            # One byte more than promised shows that the file is too long, and a gzip bomb unpacks no further.
            content = file.read(min(promised, MAX_CONTENT_BYTES) + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MnistcnnError(f"{path} is a damaged gzip file ({error}); fetch it again") from error
    except OSError as error:
        raise MnistcnnError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_CONTENT_BYTES:
        raise MnistcnnError(f"{path} is too large: an IDX file may hold {MAX_CONTENT_BYTES:,} bytes here")
    return decode_idx(content, source=str(path), dimensions=dimensions, element=element)
