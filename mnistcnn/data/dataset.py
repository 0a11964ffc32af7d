"""Labelled images in named splits.

A dataset reads a split when it is asked for one; it does not know where its images come from.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mnistcnn.errors import MnistcnnError, UsageError


@dataclass(frozen=True)
class Split:
    """Images (N, 28, 28) uint8, light strokes on dark, and their labels (N,) uint8 from 0 to 9.

    `files` (N,) are the names of the pictures that they were read from; None if they have no files of their own.
    """

    images: np.ndarray
    labels: np.ndarray
    files: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | np.ndarray) -> "Split":
        return Split(self.images[index], self.labels[index], None if self.files is None else self.files[index])

    def file(self, position: int) -> str | None:
        """Return the name of the file that an image was read from, if it has one of its own."""
        return None if self.files is None else str(self.files[position])

    @cached_property
    def has_ink(self) -> np.ndarray:
        """Whether each image has ink, (N,) bool. A picture in which no digit was found is all black."""
        return np.asarray(self.images.any(axis=(1, 2)))

    def with_ink(self) -> "Split":
        """Return the images that are not all black."""
        return self[self.has_ink]

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the images and labels, in hexadecimal: equal if they are equal, in the same order."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Dataset:
    """Named splits of labelled images. A split is read when it is asked for."""

    name: str
    readers: Mapping[str, Callable[[], Split]]
    default_split: str = "test"  # the split that `evaluate` measures if none is named
    taken_from: str | None = None  # the name of a dataset that has these images among its training images
    notice: str | None = None  # a sentence that a person must read, such as that these images replace others

    def split(self, name: str) -> Split:
        """Return a split. Raises UsageError for an unknown name, MnistcnnError for bad files or no images."""
        if name not in self.readers:
            raise UsageError("split", f"one of {', '.join(self.readers)}", name)
        split = self.readers[name]()
        if not len(split):
            raise MnistcnnError(f"the {name} split of {self.name} holds no images: more pictures are needed")
        return split

    def training_images(self) -> Split:
        """Return the validation and train splits as one, without validation images that are all black."""
        validation, train = self.split("validation").with_ink(), self.split("train")
        return Split(
            np.concatenate([validation.images, train.images]), np.concatenate([validation.labels, train.labels])
        )
