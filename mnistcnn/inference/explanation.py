"""What a network makes of a digit, layer by layer, and what in its image speaks for and against each answer.

A model and a prediction go in; an Explanation comes out. It does not know how either is shown.
"""

from collections.abc import Iterator

import numpy as np

from mnistcnn.config import CLASSES, SIZE
from mnistcnn.errors import MnistcnnError
from mnistcnn.inference.measures import softmax
from mnistcnn.model.model_file import TrainedModel
from mnistcnn.model.numpy_network import NumpyNetwork
from mnistcnn.results import Explanation, Filters, Prediction

# pixels: the side of the square that is covered, three times the width of MNIST's strokes
SQUARE = 6
# pixels: from one square to the next
STEP = 2


def explain(trained: TrainedModel, prediction: Prediction) -> Explanation:
    """Explain a prediction. The activations are computed in NumPy, whatever backend the model computes on.

    Raises MnistcnnError if the prediction has an error.
    """
    if prediction.error is not None:
        raise MnistcnnError(prediction.error)
    network = trained.model if isinstance(trained.model, NumpyNetwork) else NumpyNetwork(trained.model.get_weights())
    activations = network.activations(prediction.image)
    activations["probabilities"] = softmax(activations["logits"][None])[0].astype(np.float32)
    effects = effects_of_covering(trained, prediction.image)
    return Explanation(prediction=prediction, activations=activations, effects=effects, square=SQUARE)


def effects_of_covering(trained: TrainedModel, image: np.ndarray) -> np.ndarray:
    """Return how far the evidence of each digit falls if a square of an image (28, 28) uint8 is covered with black.

    The method is occlusion: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014. A digit's
    evidence is its logit less the mean of all ten.

    Returns:
        (14, 14, 10) float32, a place for each 2×2 pixels, on which the square of 6×6 is centred: above zero if the ink
        there speaks for the digit, below if it speaks against it, zero if there is none.

    """
    covered = np.stack(list(_covered(image)))
    changed = (covered != image).any(axis=(1, 2))
    logits = trained.logits(np.concatenate([image[None], covered[changed]]))
    evidence = logits - logits.mean(axis=1, keepdims=True)
    effects = np.zeros((len(covered), CLASSES), np.float32)
    effects[changed] = evidence[0] - evidence[1:]
    return effects.reshape(SIZE // STEP, SIZE // STEP, CLASSES)


def _covered(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the image with each square covered, row by row."""
    margin = (SQUARE - STEP) // 2
    for top in range(-margin, SIZE - margin, STEP):
        for left in range(-margin, SIZE - margin, STEP):
            copy = image.copy()
            copy[max(top, 0) : top + SQUARE, max(left, 0) : left + SQUARE] = 0
            yield copy


def filters(trained: TrainedModel, name: str) -> Filters:
    """Return the filters of a model, under the name that people know it by."""
    conv1, _, conv2, *_ = trained.model.get_weights()
    return Filters(model=name, conv1=conv1, conv2=conv2)
