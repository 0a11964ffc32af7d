"""Images and labels as other programs shape them → (N, 28, 28) and (N,) uint8, wherever that is unambiguous."""

import math

import numpy as np

from mnistcnn.config import CLASSES, SIZE
from mnistcnn.errors import MnistcnnError


def as_images(array: np.ndarray, source: str) -> np.ndarray:
    """Return images (N, 28, 28) uint8 of an array (N, 28, 28), (N, 28, 28, 1), (N, 1, 28, 28) or (N, 784).

    Its levels are whole numbers from 0 to 255, or floats of which none is above 1. Raises MnistcnnError, naming
    `source`, for any other array; `as_labels` does so too.
    """
    shape = array.shape[1:]
    if math.prod(shape) != SIZE**2 or sorted({*shape, 1}) not in ([1, SIZE], [1, SIZE**2]):
        raise MnistcnnError(f"{source}: expected images (N, 28, 28), got {array.shape}")
    if array.dtype.kind == "f" and array.size and array.max() <= 1:
        array = np.rint(255 * array)
    return _whole(array, source).reshape(-1, SIZE, SIZE)


def as_labels(array: np.ndarray, source: str) -> np.ndarray:
    """Return labels (N,) uint8 of an array (N,) or (N, 1) of digits, or (N, 10) of ones in their places."""
    if (
        array.ndim == 2
        and array.shape[1] == CLASSES
        and np.isin(array, (0, 1)).all()
        and (array.sum(axis=1) == 1).all()
    ):
        return np.asarray(array.argmax(axis=1), np.uint8)
    if array.ndim not in (1, 2) or array.shape[1:] not in ((), (1,)):
        raise MnistcnnError(f"{source}: expected labels (N,), got {array.shape}")
    return _whole(array.reshape(-1), source)


def _whole(array: np.ndarray, source: str) -> np.ndarray:
    """Return whole numbers from 0 to 255 as uint8."""
    if array.size and not (array.min() >= 0 and array.max() <= 255 and (array == np.rint(array)).all()):
        raise MnistcnnError(f"{source} holds {array.dtype} values; expected whole numbers from 0 to 255")
    return np.asarray(array, np.uint8)
