"""Labelled images in named splits, and nothing of where they come from."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mnistcnn.errors import MnistcnnError, UsageError


@dataclass(frozen=True)
class Split:
    """Images (N, 28, 28) uint8, light strokes on dark, and their labels (N,) uint8 from 0 to 9."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | np.ndarray) -> "Split":
        return Split(self.images[index], self.labels[index])

    @cached_property
    def has_ink(self) -> np.ndarray:
        """Which images (N,) are not all black: a picture in which no digit was found is."""
        return np.asarray(self.images.any(axis=(1, 2)))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content, in hexadecimal: equal for equal images and labels in equal order."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Named splits of labelled images, each read when it is first asked for."""

    name: str
    readers: Mapping[str, Callable[[], Split]]
    default_split: str = "test"  # what `evaluate` measures where nothing else is said
    notice: str | None = None  # what a person must know about where the data comes from

    def split(self, name: str) -> Split:
        """Read a split. Raises UsageError for a name the dataset lacks, MnistcnnError for bad files or no images."""
        if name not in self.readers:
            raise UsageError(f"--split must be one of {', '.join(self.readers)}; received {name!r}")
        split = self.readers[name]()
        if not len(split):
            raise MnistcnnError(f"the {name} split of {self.name} holds no images: more pictures are needed")
        return split

    def training_images(self) -> Split:
        """Return the validation and train splits as one: all the images with ink that a dataset has to train on."""
        validation, train = self.split("validation"), self.split("train")
        validation = validation[validation.has_ink]
        return Split(
            np.concatenate([validation.images, train.images]), np.concatenate([validation.labels, train.labels])
        )
