"""How far a network's answers can be believed: its temperature, their evidence, and which of them it is sure of."""

import numpy as np

from mnistcnn.inference.measures import log_softmax, softmax

LOW, HIGH = 0.05, 20.0  # between which the temperature is looked for
ITERATIONS = 60  # of golden-section search: to 1e-12 of the interval
GOLDEN = (5**0.5 - 1) / 2

# An answer below this calibrated probability is not sure.
SURE_PROBABILITY = 0.8
# Nor is one with less evidence than all but this share of validation images have: rather a letter, or no writing.
WEAK = 0.02
# Nor one of a picture with as many other things of the digit's size: rather a page of text.
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


def evidence(logits: np.ndarray) -> np.ndarray:
    """Return how strongly logits (N, 10) speak for any digit at all: how far (N,) the largest is above their mean.

    The largest logit of Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings", 2022; above
    the mean, because nothing else in training says where their zero is.
    """
    return np.asarray(logits.max(axis=1) - logits.mean(axis=1))


def least_evidence(logits: np.ndarray) -> float:
    """Return the evidence that all but a share of WEAK images have, of logits (N, 10) of images of digits."""
    return float(np.quantile(evidence(logits), WEAK))


def are_sure(logits: np.ndarray, temperature: float | None, least: float | None, others: np.ndarray) -> np.ndarray:
    """Tell which answers of logits (N, 10) are ones to rely on: (N,) bool.

    They have a high calibrated probability, a temperature of None counting as 1; at least the `least` evidence, if that
    is known; and few `others` (N,) in their picture.
    """
    probable = softmax(logits / (temperature or 1.0)).max(axis=1) >= SURE_PROBABILITY
    return np.asarray(probable & (others < MANY) & (evidence(logits) >= (-np.inf if least is None else least)))
