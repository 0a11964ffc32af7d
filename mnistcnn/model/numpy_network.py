"""The network's forward pass in NumPy alone, for answers without the seconds that Keras takes to start.

Images go in; logits come out, computed on all cores. It knows no files and does not train.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from mnistcnn.model.inputs import model_inputs

# images: convolved at once; their windows, 5 MB, stay in the cache (of 1, 2, 4, 8 and 16 the fastest)
CONVOLVED_AT_ONCE = 8
# images: given to the dense layer at once, whose 13 MB of weights are read anew each time (64 take 12 % longer, 256 7 %
# less)
BATCH_SIZE = 128


class NumpyNetwork:
    """The network with weights float32, in the order of the Keras model's `get_weights()`."""

    def __init__(self, weights: Sequence[np.ndarray]) -> None:
        self._weights = tuple(weights)

    def get_weights(self) -> list[np.ndarray]:
        """Return the weights as the Keras model does: kernel and bias of conv1, conv2, dense and logits."""
        return list(self._weights)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Return the logits (N, 10) float32 of images (N, 28, 28) uint8, in their order."""
        if len(images) <= BATCH_SIZE:
            return self._classified(images)
        # A batch for each thread: threads that share a product wait for one another after each. Beside other programs
        # that is four times slower, which is why `runtime.backend.start_backend` keeps NumPy from sharing products.
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            return np.concatenate(list(threads.map(self._classified, _batches(images, BATCH_SIZE))))

    def activations(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the layers make of an image (28, 28) uint8, by name, float32, from conv1 (28, 28, 32) to logits.

        `flatten` and `dropout` are left out: they pass on the numbers of the layer before.
        """
        seen: dict[str, np.ndarray] = {}
        seen["logits"] = self._classified(image[None], seen)
        return {name: values[0] for name, values in seen.items()}

    def _classified(self, images: np.ndarray, seen: dict[str, np.ndarray] | None = None) -> np.ndarray:
        *_, kernel3, bias3, kernel4, bias4 = self._weights
        features = np.concatenate([self._features(block, seen) for block in _batches(images, CONVOLVED_AT_ONCE)])
        hidden = rectified(features @ kernel3, bias3)  # (N, 1024)
        if seen is not None:
            seen["dense"] = hidden
        return np.asarray(hidden @ kernel4 + bias4)

    def _features(self, images: np.ndarray, seen: dict[str, np.ndarray] | None) -> np.ndarray:
        """Return what the layers up to `flatten` make of images (N, 28, 28) uint8: (N, 3136) float32.

        `seen`, if there is one, gets what each of these layers makes of them, by name.
        """
        kernel1, bias1, kernel2, bias2, *_ = self._weights
        x = model_inputs(images)
        for number, kernel, bias in ((1, kernel1, bias1), (2, kernel2, bias2)):
            sums = convolution(x, kernel)
            # The largest of four sums has the largest of their four first terms: bias and ReLU can follow the pooling.
            x = rectified(max_pool(sums), bias)  # (N, 14, 14, 32), then (N, 7, 7, 64)
            if seen is not None:
                seen |= {f"conv{number}": rectified(sums, bias), f"pool{number}": x}
        return np.asarray(x.reshape(len(x), -1))


def rectified(sums: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Add a layer's bias to its sums, and put zero in the place of negative numbers (ReLU)."""
    return np.asarray(np.maximum(sums + bias, 0))


def convolution(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolve x (N, rows, columns, channels) with a kernel (5, 5, channels, filters): (N, rows, columns, filters).

    The padding is "same". As in every deep learning library it is a correlation: the kernel is not mirrored.
    """
    size, _, channels, filters = kernel.shape
    padding = (size // 2, size // 2)
    padded = np.pad(x, ((0, 0), padding, padding, (0, 0)))
    windows = sliding_window_view(padded, (size, size), axis=(1, 2))  # (N, rows, columns, channels, 5, 5)
    # In the kernel's order, so that a window's row of 5 · channels numbers is copied at once.
    columns = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size * size * channels)
    return np.asarray((columns @ kernel.reshape(-1, filters)).reshape(*x.shape[:3], filters))


def max_pool(x: np.ndarray) -> np.ndarray:
    """Return the largest of each 2×2 square of x (N, rows, columns, channels): (N, rows / 2, columns / 2, channels)."""
    taller = np.maximum(x[:, 0::2], x[:, 1::2])
    return np.asarray(np.maximum(taller[:, :, 0::2], taller[:, :, 1::2]))


def _batches(images: np.ndarray, size: int) -> list[np.ndarray]:
    return [images[first : first + size] for first in range(0, len(images), size)]
