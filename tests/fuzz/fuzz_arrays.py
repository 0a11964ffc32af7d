"""IDX, .npz and CSV files: what promises much, what would run code, and mutations."""

import gzip
import io
import os
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from mutations import Case, mutated

from mnistcnn.data.idx import encode_idx, read_idx
from mnistcnn.data.sources import load_dataset

IMAGES = np.random.RandomState(0).randint(0, 256, (20, 28, 28), np.uint8)
LABELS = (np.arange(20) % 10).astype(np.uint8)


def idx_cases(count: int, folder: Path) -> Iterator[Case]:
    """Headers that promise much, gzip bombs; then mutations of images and labels, gzip-compressed or not."""
    huge = b"\0\0\x08\3" + struct.pack(">III", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    many = b"\0\0\x08\3" + struct.pack(">III", 600_000, 28, 28)
    bomb = gzip.compress(many, 1) + gzip.compress(bytes(1 << 24), 1) * 80
    content = {"huge": huge, "huge.gz": gzip.compress(huge), "many": many, "bomb.gz": bomb}
    for name, data in content.items():
        yield name, lambda data=data: read_idx_bytes(folder, data, 3)  # type: ignore[misc]
    bases = [(encode_idx(IMAGES), 3), (encode_idx(LABELS), 1)]
    bases += [(gzip.compress(data, 1), dimensions) for data, dimensions in bases]
    for number in range(count):
        randomness = random.Random(number)
        data, dimensions = randomness.choice(bases)
        data = mutated(data[: randomness.choice((40, len(data)))], randomness)
        yield f"mutation {number}", lambda data=data, dimensions=dimensions: read_idx_bytes(folder, data, dimensions)  # type: ignore[misc]


def read_idx_bytes(folder: Path, data: bytes, dimensions: int) -> None:
    """Read an IDX file of that content."""
    path = folder / "idx"
    path.write_bytes(data)
    array = read_idx(path, dimensions=dimensions)
    assert array.ndim == dimensions
    assert array.dtype == np.uint8


GOOD_HEADER = "{'descr': '|u1', 'fortran_order': False, 'shape': (20, 28, 28), }"


class Sentinel:
    """What is unpickled makes a folder."""

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        """Tell pickle to call os.mkdir."""
        return os.mkdir, ("unpickled",)


def npz_bytes(arrays: dict[str, np.ndarray], compress: bool = False) -> bytes:
    """The content of an .npz file."""
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def npz_with_header(
    header: str, data_bytes: int = 15_680, version: int = 1, compression: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """An .npz file whose x_train has a header of one's own and zeros behind it; the other arrays are in order."""
    buffer = io.BytesIO()
    length = len(header.encode()).to_bytes(2 if version == 1 else 4, "little")
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        with archive.open("x_train.npy", "w") as member:
            member.write(b"\x93NUMPY" + bytes([version, 0]) + length + header.encode())
            for first in range(0, data_bytes, 1 << 20):
                member.write(bytes(min(1 << 20, data_bytes - first)))
        for name, array in (("y_train", LABELS), ("x_test", IMAGES), ("y_test", LABELS)):
            with archive.open(f"{name}.npy", "w") as member:
                np.save(member, array)
    return buffer.getvalue()


def csv_cases(count: int, folder: Path) -> Iterator[Case]:
    """Rows without an end, bombs, odd characters; then mutations of files, compressed or not."""
    rows = [
        b",".join(b"%d" % value for value in (label, *image.flat)) for label, image in zip(LABELS, IMAGES, strict=True)
    ]
    good = b"\n".join(rows) + b"\n"
    empty = b",".join([b"0"] * 785) + b"\n"
    handmade = {
        "good": good,
        "a line without an end": b"0," * (1 << 25),
        "a gzip bomb of one line": gzip.compress(b"0" * (1 << 28), 1),
        "a gzip bomb of rows": gzip.compress(empty * 4_000, 1) * 172,
        "a gzip bomb of empty lines": gzip.compress(b"\n" * (1 << 24), 1),
        "long numbers": good.replace(b",", b"," + b"0" * 5_000, 1),
        "UTF-16": good.decode().encode("utf-16"),
        "binary": os.urandom(100_000),
    }
    for name, data in handmade.items():
        yield name, lambda data=data: read_table(folder, data)  # type: ignore[misc]
    bases = [good, gzip.compress(good, 1)]
    for number in range(count):
        randomness = random.Random(number)
        data = mutated(randomness.choice(bases), randomness)
        yield f"mutation {number}", lambda data=data: read_table(folder, data)  # type: ignore[misc]


def read_table(folder: Path, data: bytes) -> None:
    """Read a CSV file of that content."""
    path = folder / "d.csv"
    path.write_bytes(data)
    split = load_dataset(str(path)).split("all")
    assert split.images.shape == (len(split.labels), 28, 28)
    assert split.labels.max() < 10


def npz_cases(count: int, folder: Path) -> Iterator[Case]:
    """Pickled objects, bombs, headers of every kind; then mutations of files, compressed or not, and of headers."""
    arrays = {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES, "y_test": LABELS}
    objects = np.array([Sentinel()] * 20, dtype=object)
    headers = [
        GOOD_HEADER.replace("20, 28, 28", shape)
        for shape in ("999999999999", "-1", "1e9", "True", "2**70", "9" * 400, "20, 28, 28, 0", "(" * 900)
    ]
    headers += [
        "{'descr': '|O', 'fortran_order': False, 'shape': (20,), }",
        "{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (20,), }",
        "{'descr': '|u1', 'fortran_order': __import__('os').mkdir('unpickled'), 'shape': (20,), }",
        "{'descr': '<U999999999', 'fortran_order': False, 'shape': (20,), }",
        "{'descr': '<m8[99s]', 'fortran_order': False, 'shape': (20,), }",
        *("", "{", "[1]", "None", "{" * 5000, "-" * 9000, "'" * 3, "\n\t\0"),
    ]
    huge = 700 << 20
    handmade = {
        "good": npz_bytes(arrays),
        "pickles": npz_bytes(arrays | {"x_train": objects}),
        "pickled labels": npz_bytes(arrays | {"y_train": objects}),
        "a pickle alone": b"\x80\x04" + objects.dumps(),
        "a .npy file": b"\x93NUMPY\1\0v\0{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999,), }",
        "bomb": npz_with_header(GOOD_HEADER.replace("20, 28, 28", f"{huge},"), huge),
        "bomb behind a small shape": npz_with_header(GOOD_HEADER, huge),
        "lzma": npz_with_header(GOOD_HEADER, compression=zipfile.ZIP_LZMA),
        "many entries": b"PK\5\6" + bytes(8) + struct.pack("<II", 2**31, 0) + bytes(2),
    }
    for header in headers:
        for version in (1, 2, 3, 9):
            handmade[f"{version} {header[:60]}"] = npz_with_header(header, version=version)
    for name, data in handmade.items():
        yield name, lambda data=data: read_npz(folder, data)  # type: ignore[misc]
    bases = [
        npz_bytes(arrays),
        npz_bytes(arrays, compress=True),
        npz_bytes({name: array[:2] for name, array in arrays.items()}),
    ]
    for number in range(count):
        randomness = random.Random(number)
        if randomness.random() < 0.3:
            header = mutated(GOOD_HEADER.encode(), randomness).decode("latin-1")
            data = npz_with_header(header, version=randomness.choice((1, 2)))
        else:
            data = mutated(randomness.choice(bases), randomness)
        yield f"mutation {number}", lambda data=data: read_npz(folder, data)  # type: ignore[misc]


def read_npz(folder: Path, data: bytes) -> None:
    """Read every split of an .npz file of that content."""
    path = folder / "d.npz"
    path.write_bytes(data)
    dataset = load_dataset(str(path))
    for name in ("train", "validation", "test"):
        split = dataset.split(name)
        assert split.images.shape == (len(split.labels), 28, 28)
