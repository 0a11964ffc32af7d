"""The network's inputs: raw pixels, scaled to [0, 1]. Training and every engine take their inputs from here."""

from typing import Any

import numpy as np

from mnistcnn.config import SIZE

IMAGE_SHAPE = (SIZE, SIZE, 1)


def model_inputs(images: Any, xp: Any = np) -> Any:
    """Turn raw pixels into the network's inputs: uint8 (…, 28, 28) → float32 (…, 28, 28, 1) in [0, 1].

    `xp` is NumPy, or TensorFlow's NumPy API for images that are TensorFlow tensors.
    """
    return xp.asarray(images, dtype=np.float32)[..., None] / 255
