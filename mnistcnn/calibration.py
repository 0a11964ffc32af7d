"""How far a network's probabilities can be believed: its temperature, and the answers that it is not sure of."""

import numpy as np

from mnistcnn.measures import log_softmax

LOW, HIGH = 0.05, 20.0  # between which the temperature is looked for
ITERATIONS = 60  # of golden-section search: to 1e-12 of the interval
GOLDEN = (5**0.5 - 1) / 2

# An answer below this calibrated probability is not sure.
SURE_PROBABILITY = 0.8
# So is one of a picture with as many other things of the digit's size: rather a page of text.
MANY = 2


def fitted_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature by which logits (N, 10), divided, predict the labels (N,) with the lowest loss.

    Guo et al., "On Calibration of Modern Neural Networks", 2017. The loss has one minimum, since it is convex in the
    inverse of the temperature.
    """

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature))
        return -float(scaled[np.arange(len(labels)), labels].mean())

    low, high = float(np.log(LOW)), float(np.log(HIGH))
    for _ in range(ITERATIONS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))


def calibrated(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities (N, 10) as they are once the network's logits are divided by a temperature: float64."""
    logits = np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(np.float32).tiny))
    return np.asarray(np.exp(log_softmax(logits / temperature)))


def is_sure(probabilities: np.ndarray, temperature: float | None, others: int) -> bool:
    """Tell whether the answer of probabilities (10,) is one to rely on; a model without a temperature counts as 1."""
    return others < MANY and float(calibrated(probabilities[None], temperature or 1.0).max()) >= SURE_PROBABILITY
