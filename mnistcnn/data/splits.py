"""Labelled images checked, and divided into the splits of a dataset. Where the images come from is not known here."""

from collections.abc import Callable
from functools import cache

import numpy as np

from mnistcnn.config import CLASSES, SIZE
from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.errors import MnistcnnError
from mnistcnn.wording import counted

VALIDATION_IMAGES = 5_000  # images: the most that are held out to validate (the first 5,000, as in the tutorial)
SHUFFLE_SEED = 0  # seed: the order in which images are divided where nobody has divided them

Reader = Callable[[], Split]


def checked(images: np.ndarray, labels: np.ndarray, source: str) -> Split:
    """Return images and labels as a split. Raises MnistcnnError, naming `source`, if they do not fit together."""
    if images.ndim != 3 or images.shape[1:] != (SIZE, SIZE) or labels.ndim != 1:
        raise MnistcnnError(
            f"{source}: expected images (N, 28, 28) and labels (N,), got {images.shape} and {labels.shape}"
        )
    if len(images) != len(labels):
        raise MnistcnnError(
            f"{source}: {counted(len(images), 'image')} but {counted(len(labels), 'label')}; do "
            "the two files belong together?"
        )
    is_wrong = (labels < 0) | (labels >= CLASSES)
    if is_wrong.any():
        position = int(is_wrong.argmax())
        raise MnistcnnError(f"{source}: label {labels[position]} at position {position}; expected labels from 0 to 9")
    return Split(images, labels.astype(np.uint8, copy=False))


def as_in_tutorial(name: str, training: Reader, testing: Reader, *, notice: str | None = None) -> Dataset:
    """Hold out the first 5,000 training images to validate, or the first tenth if that is fewer."""
    training = cache(training)

    def held_out() -> int:
        return min(VALIDATION_IMAGES, len(training()) // 10)

    readers: dict[str, Reader] = {
        "train": lambda: training()[held_out() :],
        "validation": lambda: training()[: held_out()],
        "test": cache(testing),
    }
    return Dataset(name, readers, notice=notice)


def in_tenths(
    name: str,
    training: Reader | None,
    validation: Reader | None = None,
    testing: Reader | None = None,
    *,
    notice: str | None = None,
) -> Dataset:
    """Hold out a seeded tenth of the training images for validation and another for testing, where these are missing.

    Images without ink are not trained on. The default split is the one for testing or, if that is missing, the one
    for validation or, if that is missing too, all images.
    """

    def missing() -> Split:
        raise MnistcnnError(f"{name} has no images to train on: it holds others only")

    everything = cache(training or missing)
    held_out = [split for split, reader in (("validation", validation), ("test", testing)) if reader is None]

    def tenths(first: int, last: int) -> Split:
        order = np.random.RandomState(SHUFFLE_SEED).permutation(len(everything()))
        return everything()[order[first * len(order) // 10 : last * len(order) // 10]]

    readers: dict[str, Reader] = {"train": lambda: tenths(len(held_out), 10).with_ink()}
    for split, reader in (("validation", validation), ("test", testing)):
        place = held_out.index(split) if reader is None else 0
        readers[split] = cache(reader) if reader else lambda place=place: tenths(place, place + 1)  # type: ignore[misc]
    if len(held_out) == 2:
        return Dataset(name, readers | {"all": everything}, default_split="all", notice=notice)
    return Dataset(name, readers, default_split="test" if testing else "validation", notice=notice)
