"""Folders of pictures made into datasets: class folders, and pictures that a list or their own names label."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np

from mnistcnn.config import SIZE
from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.data.splits import Reader, in_tenths
from mnistcnn.errors import MnistcnnError, NoDigitFoundError
from mnistcnn.pictures.finding import Picture, pages_of
from mnistcnn.pictures.folders import (
    LABELS_FILE,
    class_folders,
    entries,
    labelled_by_name,
    labelled_files,
    picture_files,
    skipped,
)
from mnistcnn.pictures.preparing import read_digits
from mnistcnn.wording import counted

LISTED = 5  # broken pictures: the most that a message lists
# names: of the folders for each split, as people have them
SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
}


def from_folder(folder: Path, name: str) -> Dataset | None:
    """Return the dataset of a folder of pictures, or None if nothing tells which digits they show.

    Folders named for training, validation and testing are honoured: what is missing of the latter two is held out.
    """
    if (reader := _reader(folder)) is not None:
        return in_tenths(name, reader, notice=_notice([folder]))
    places = _split_folders(folder)
    readers = {split: reader for split, place in places.items() if (reader := _reader(place)) is not None}
    if not readers:
        return None
    training, validation, testing = (readers.get(split) for split in SPLIT_FOLDERS)
    return in_tenths(name, training, validation, testing, notice=_notice([places[split] for split in readers]))


def _split_folders(folder: Path) -> dict[str, Path]:
    """Return the folders inside a folder that are named for a split."""
    inside = sorted(entries(folder, Path.is_dir))
    return {
        split: path for split, names in SPLIT_FOLDERS.items() for path in reversed(inside) if path.name.lower() in names
    }


def _reader(folder: Path) -> Reader | None:
    """Return what reads the labelled pictures of a folder; None if nothing labels any."""
    if (folder / LABELS_FILE).is_file() or class_folders(folder):
        return partial(_read_labelled, folder)
    by_name = labelled_by_name(picture_files(folder))
    return None if by_name is None else partial(_read_pictures, by_name[1])


def _notice(folders: Iterable[Path]) -> str | None:
    """Return what must be said of how pictures got their labels, and of those that got none."""
    sentences = []
    for folder in folders:
        files = picture_files(folder)
        if (folder / LABELS_FILE).is_file():
            listed = {file for file, _ in labelled_files(folder)}
            if left_out := sum(file not in listed for file in files):
                sentences.append(f"{counted(left_out, 'picture')} of {folder} left out: not in its {LABELS_FILE}.")
        elif class_folders(folder):
            if said := skipped(folder):
                sentences.append(f"{said}.")
        elif (by_name := labelled_by_name(files)) is not None:
            sentences.append(f"Labels are taken from the names of the pictures in {folder}: each {by_name[0]}.")
    return " ".join(sentences) or None


def _read_labelled(folder: Path) -> Split:
    found = labelled_files(folder)
    if not found:
        raise MnistcnnError(f"{folder} holds no pictures: expected some in its folders 0 to 9")
    return _read_pictures(found)


def _read_pictures(found: Iterable[tuple[Path, int]]) -> Split:
    """Read labelled pictures. One in which no digit is found becomes a black image.

    Raises MnistcnnError, which names all pictures that cannot be read, not only the first.
    """
    pictures = [page for file, label in found for page in pages_of(Picture(str(file), file, label))]
    images, problems = [], []
    for picture in pictures:
        try:
            images.append(_read_digit(picture))
        except MnistcnnError as error:
            problems.append(str(error))
    if problems:
        more = f"; and {len(problems) - LISTED:,} more" if len(problems) > LISTED else ""
        raise MnistcnnError(
            f"{counted(len(problems), 'picture')} of {len(pictures):,} cannot be used, mend or remove them: "
            f"{'; '.join(problems[:LISTED])}{more}"
        )
    labels = np.array([picture.label for picture in pictures], np.uint8)
    return Split(np.stack(images), labels, np.array([picture.name for picture in pictures]))


def _read_digit(picture: Picture) -> np.ndarray:
    try:
        return read_digits(picture)[0].image
    except NoDigitFoundError:
        return np.zeros((SIZE, SIZE), np.uint8)
