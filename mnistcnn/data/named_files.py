"""Images in files whose names tell what they hold: IDX files, of MNIST, QMNIST, EMNIST or anyone, and CSV files.

A name says which set a file belongs to and which part of the set it is: `emnist-digits-train-images-idx3-ubyte.gz`
is the part "train" of the set "emnist-digits".
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from mnistcnn.data.csv import Table, has_labels, read_csv
from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.data.idx import INT, read_idx
from mnistcnn.data.splits import as_in_tutorial, checked, in_tenths
from mnistcnn.errors import MnistcnnError, printable
from mnistcnn.pictures.folders import entries

Form = Literal["idx", "csv"]
# names: the ends of the names of files of images, after the set and its part
_ENDINGS: dict[Form, re.Pattern[str]] = {
    "idx": re.compile(r"[-_.]?images[-.]idx3-ubyte(\.gz)?$", re.I),
    "csv": re.compile(r"\.csv(\.gz)?$", re.I),  # as in `files.is_csv`
}
# names: of a set and its part
_PART = re.compile(r"(?P<set>.*?)[-_]?(?P<part>train|training|test|testing|t10k)", re.I)
# names: the parts for testing
_TESTING = ("test", "testing", "t10k")
# names: of the sets that are taken first where a folder holds several ("" is MNIST's own)
_PREFERRED = ("", "emnist-digits")


def form_of(path: Path) -> Form | None:
    """Return the form that a file of images has by its name; None for another file."""
    return next((form for form, ending in _ENDINGS.items() if ending.search(path.name)), None)


def from_file(path: Path) -> Dataset:
    """Return the dataset of one file of images. All of them are measured by default."""
    return in_tenths(path.name, partial(read_images, path), notice=transposed_notice(path))


def from_folder(folder: Path, name: str, form: Form) -> Dataset | None:
    """Return the dataset of a folder's files of images in one form, or None if no name says that it holds any.

    CSV files count if their names say which part of a set they are: others, such as a list of labels, may be anything.
    """
    sets = _sets(sorted(entries(folder, lambda path: form_of(path) == form and path.is_file())))
    if not sets:
        return None
    family = next(iter(sets)) if len(sets) == 1 else next((each for each in _PREFERRED if each in sets), None)
    if family is None:
        raise MnistcnnError(f"{folder} holds several sets of images ({_listed(sets)}): name a file of one of them")
    notice = transposed_notice(next(iter(sets[family].values())))
    if notice and len(sets) > 1:
        notice = f"{family} is read, of the sets {_listed(sets)} in {folder}. {notice}"
    readers = {part: partial(read_images, path) for part, path in sets[family].items()}
    if {"train", "test"} <= readers.keys():
        return as_in_tutorial(family or name, readers["train"], readers["test"], notice=notice)
    training = readers.get("train") or readers.get("all")
    return in_tenths(family or name, training, testing=readers.get("test"), notice=notice)


def _sets(files: Iterable[Path]) -> dict[str, dict[str, Path]]:
    """Sort files of images by set and part: "train", "test" or "all".

    A CSV file for testing whose rows have no labels, as Kaggle has one, is left out.
    """
    sets: dict[str, dict[str, Path]] = {}
    for path in files:
        family, part = _set_and_part(path)
        if form_of(path) == "csv" and (part == "all" or (part == "test" and not has_labels(path))):
            continue
        sets.setdefault(family, {}).setdefault(part, path)
    return sets


def _set_and_part(path: Path) -> tuple[str, str]:
    form = form_of(path)
    name = path.name if form is None else _ENDINGS[form].sub("", path.name)
    found = _PART.fullmatch(name)
    if found is None:
        return name, "all"
    return found["set"], "test" if found["part"].lower() in _TESTING else "train"


def read_images(path: Path) -> Split:
    """Read a file of images and its labels, upright. Raises MnistcnnError if they are damaged or do not fit."""
    if form_of(path) == "csv":
        table = read_table(path)
        if table.labels is None:
            raise MnistcnnError(f"{path} has pixels but no labels: expected a column of them")
        return Split(table.images, table.labels)
    images = _upright(read_idx(path, dimensions=3), path)
    return checked(images, _read_labels(path), str(path))


def read_table(path: Path) -> Table:
    """Read a CSV file of images, upright, with or without labels. Raises MnistcnnError as `read_images` does."""
    table = read_csv(path)
    images = _upright(table.images, path)
    return Table(images, None if table.labels is None else checked(images, table.labels, str(path)).labels)


def transposed_notice(path: Path) -> str | None:
    """Return what must be said of a file whose images are transposed as they are read; None for any other."""
    family, _ = _set_and_part(path)
    if not family.lower().startswith("emnist"):
        return None
    return f"The images of {printable(family)} are transposed as they are read: EMNIST stores them that way."


def _upright(images: np.ndarray, path: Path) -> np.ndarray:
    return images.transpose(0, 2, 1) if transposed_notice(path) and images.ndim == 3 else images


def _read_labels(images: Path) -> np.ndarray:
    """Read the labels that belong to an IDX file of images: MNIST's bytes, or QMNIST's table of eight columns."""
    readers: dict[str, Callable[[Path], np.ndarray]] = {
        "labels-idx1-ubyte": lambda path: read_idx(path, dimensions=1),
        "labels-idx2-int": _read_first_column,
    }
    stem = re.sub(r"images[-.]idx3-ubyte(\.gz)?$", "", images.name, flags=re.I)
    for ending, read in readers.items():
        for name in (ending, ending.replace("-idx", ".idx")):
            for path in (images.with_name(stem + name), images.with_name(f"{stem}{name}.gz")):
                if path.is_file():
                    return read(path)
    raise MnistcnnError(f"{images} has no labels: expected {stem}labels-idx1-ubyte or {stem}labels-idx2-int beside it")


def _read_first_column(path: Path) -> np.ndarray:
    """Read the labels in a table of QMNIST's."""
    table = read_idx(path, dimensions=2, element=INT)
    if not table.shape[1]:
        raise MnistcnnError(f"{path} has no columns: expected the labels in the first one")
    return np.asarray(table[:, 0])


def _listed(sets: Iterable[str]) -> str:
    return printable(", ".join(sorted(each or "MNIST's" for each in sets)))
