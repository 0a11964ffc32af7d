"""The call behind `predict`, for library and commands: what is given as pictures → their predictions."""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, get_args

from mnistcnn.app.wiring import Process, load_models
from mnistcnn.config import Digits, Invert
from mnistcnn.errors import MnistcnnError, UsageError, parameter
from mnistcnn.files import is_csv, is_uri
from mnistcnn.results import Prediction
from mnistcnn.runtime.backend import chosen_backend, quickest_backend
from mnistcnn.runtime.parts import Done

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from mnistcnn.app.wiring import AnyModel
    from mnistcnn.data.csv import Table
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
    model: "AnyModel",
    given: "Iterable[AnyPicture]",
    reading: Reading,
    process: Process,
    *,
    stdin: BinaryIO | None,
    cluster: str | None = None,
    done: Done | None = None,
) -> tuple[int, Generator[list[tuple[Prediction, ...]], None, None]]:
    """Find the pictures that are given; return about how many there are, and their predictions as they are read.

    Args:
        model: a model, or the file that holds it.
        given: names, images and arrays. The name "-" stands for the picture that `stdin` holds. Each row of a CSV file
            is a picture of one digit; these come first.
        reading: how the pictures are read.
        process: the process that computes.
        stdin: standard input, or None if it is closed.
        cluster: the address of the Ray cluster that reads the pictures in this process's place, or "auto".
        done: what was answered before, and is not read again.

    Returns:
        The number, in which a line of a list of names counts as one picture, and the predictions in batches. Each
        picture has a prediction for each of its digits, from left to right, or one with an `error`.

    Raises:
        MnistcnnError: The model, a CSV file or a list cannot be read, the cluster cannot be found, or other pictures
            were answered before.
        TypeError: Something is not a picture.

    """
    files: list[Path] = []
    others: list[AnyPicture] = []
    for each in _flat(given):
        if isinstance(each, str | Path) and is_csv(str(each)) and not is_uri(str(each)):
            files.append(Path(each))
        else:
            others.append(each)
    if files and reading.digits == "many":
        raise UsageError("digits", "auto or one for a CSV file: each of its rows shows one digit", reading.digits)
    if files and cluster is not None:
        raise UsageError("ray", "left out for CSV files, whose rows one process reads", cluster)
    if cluster is not None and process.device not in (None, "cpu"):
        raise UsageError("device", f"cpu with {parameter('ray')}, whose processes have a core each", process.device)
    count, pictures = _found(others, stdin)
    about = count + sum(path.stat().st_size // CSV_ROW_BYTES for path in files if path.is_file())
    if cluster is not None:
        from mnistcnn.runtime.ray_cluster import require_ray

        require_ray(cluster)
    # Before NumPy is imported, which this sets up. A cluster gets the network's weights, whatever it computes on.
    [trained] = load_models([model], process if cluster is None else replace(process, backend="numpy"), about)
    from mnistcnn.data.named_files import read_table, transposed_notice
    from mnistcnn.inference.prediction import batches, predict_batches
    from mnistcnn.inference.rows import predict_rows

    for notice in filter(None, [*_skipped(others), *map(transposed_notice, files)]):
        process.warn(notice)
    tables = [(str(path), read_table(path)) for path in files]
    done = done or Done()
    starts, first = _places(tables, pictures, done)
    remaining = batches(pictures, first)

    def answers() -> Generator[list[tuple[Prediction, ...]], None, None]:
        for (name, table), start in zip(tables, starts, strict=True):
            yield from predict_rows(trained, name, table, start=start, invert=reading.invert)
        if cluster is None:
            yield from predict_batches(trained, remaining, invert=reading.invert, digits=reading.digits)
        else:
            from mnistcnn.inference.bulk import predict_on_ray

            backend = chosen_backend(process.backend, quickest_backend(about))
            yield from predict_on_ray(
                cluster, trained, backend, remaining, invert=reading.invert, digits=reading.digits
            )

    return count + sum(len(table.images) for _, table in tables), answers()


def _places(tables: "Sequence[tuple[str, Table]]", pictures: "Iterator[Picture]", done: Done) -> tuple[list[int], int]:
    """Go past the pictures that were answered before; return the next row of each table, and the next picture's number.

    Raises MnistcnnError if their names are others.
    """
    starts, past = [], Done()
    for name, table in tables:
        starts.append(min(len(table.images), done.pictures - past.pictures))
        past = past.after(f"{name}:{row}" for row in range(1, starts[-1] + 1))
    first = done.pictures - past.pictures
    past = past.after(picture.name for picture in islice(pictures, first))
    if past.names != done.names:
        raise MnistcnnError(
            f"the first {done.pictures:,} pictures are not those that were answered before: name the same ones, or "
            f"write to another {parameter('output')}"
        )
    return starts, first


def _found(given: "Sequence[AnyPicture]", stdin: BinaryIO | None) -> "tuple[int, Iterator[Picture]]":
    """Return about how many pictures there are, and them: found by their names, or made of images and arrays.

    Such a picture is named by its place. Lists of names are read as their pictures are, since they may hold millions;
    each of their lines counts as one picture.
    """
    from mnistcnn.pictures.finding import find_pictures, is_list, listed_names

    count = 0
    found: list[Iterable[Picture]] = []
    more: list[Picture]
    for each in given:
        if isinstance(each, str | os.PathLike):
            name = os.fspath(each)
            pictures = find_pictures([name], stdin)
            if is_list(name):
                count += sum(1 for _ in listed_names(name))
                found.append(pictures)
                continue
            more = list(pictures)
        else:
            from mnistcnn.pictures.in_memory import numbered, pictures_of

            more = list(numbered(pictures_of(each), first=count + 1))
        found.append(more)
        count += len(more)
    return count, chain.from_iterable(found)


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
