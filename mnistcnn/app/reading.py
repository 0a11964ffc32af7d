"""The call behind `predict`, for library and commands: what is given as pictures → their predictions."""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, get_args

from mnistcnn.app.wiring import Process, load_models
from mnistcnn.config import Digits, Invert
from mnistcnn.errors import UsageError
from mnistcnn.files import is_csv
from mnistcnn.results import Prediction

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from mnistcnn.app.wiring import AnyModel
    from mnistcnn.pictures.finding import Picture

    AnyPicture = str | Path | Image | np.ndarray | Sequence["AnyPicture"]

CSV_ROW_BYTES = 1_600  # bytes: what a row of 784 pixels takes in a CSV file, at least


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How pictures are read: the digits to look for in each, and whether its strokes are dark on light.

    Raises UsageError for any other value.
    """

    digits: Digits = "auto"
    invert: Invert = "auto"

    def __post_init__(self) -> None:
        for name, values in (("digits", get_args(Digits)), ("invert", get_args(Invert))):
            if getattr(self, name) not in values:
                raise UsageError(name, f"one of {', '.join(values)}", getattr(self, name))


def read_pictures(
    model: "AnyModel", given: "Iterable[AnyPicture]", reading: Reading, process: Process, *, stdin: BinaryIO | None
) -> tuple[int, Generator[tuple[Prediction, ...], None, None]]:
    """Find the pictures that are given; return how many there are, and their predictions as they are read.

    The name "-" stands for the picture that `stdin` holds. Each picture has a prediction for each of its digits, from
    left to right, or one with an `error`. Each row of a CSV file is a picture of one digit; these come first. Raises
    MnistcnnError if the model or a CSV file cannot be read, TypeError for what is not a picture.
    """
    files: list[Path] = []
    others: list[AnyPicture] = []
    for each in _flat(given):
        if isinstance(each, str | Path) and is_csv(str(each)):
            files.append(Path(each))
        else:
            others.append(each)
    if files and reading.digits == "many":
        raise UsageError("digits", "auto or one for a CSV file: each of its rows shows one digit", reading.digits)
    pictures = _found(others, stdin)
    about = len(pictures) + sum(path.stat().st_size // CSV_ROW_BYTES for path in files if path.is_file())
    [trained] = load_models([model], process, about)  # before NumPy is imported, which it sets up
    from mnistcnn.data.named_files import read_table, transposed_notice
    from mnistcnn.inference.prediction import predict_numbers
    from mnistcnn.inference.rows import predict_rows

    for notice in filter(None, [*_skipped(others), *map(transposed_notice, files)]):
        process.warn(notice)
    tables = [(str(path), read_table(path)) for path in files]

    def numbers() -> Generator[tuple[Prediction, ...], None, None]:
        for name, table in tables:
            yield from predict_rows(trained, name, table, invert=reading.invert)
        yield from predict_numbers(trained, pictures, invert=reading.invert, digits=reading.digits)

    return len(pictures) + sum(len(table.images) for _, table in tables), numbers()


def _found(given: "Iterable[AnyPicture]", stdin: BinaryIO | None) -> "list[Picture]":
    """Return pictures, found by their names or made of images and arrays; such a picture is named by its place."""
    from mnistcnn.pictures.finding import find_pictures

    found: list[Picture] = []
    for each in given:
        if isinstance(each, str | os.PathLike):
            found += find_pictures([os.fspath(each)], stdin)
        else:
            from mnistcnn.pictures.in_memory import numbered, pictures_of

            found += numbered(pictures_of(each), first=len(found) + 1)
    return found


def _skipped(given: "Iterable[AnyPicture]") -> "Iterator[str | None]":
    """Yield for each folder what of it is not read, if anything is not."""
    from mnistcnn.pictures.folders import skipped

    for each in given:
        if isinstance(each, str | os.PathLike) and Path(each).is_dir():
            yield skipped(Path(each))


def _flat(given: "Iterable[AnyPicture]") -> "Iterator[AnyPicture]":
    for each in given:
        if isinstance(each, list | tuple):
            yield from _flat(each)
        else:
            yield each
