"""How far a network's answers can be believed: a temperature for its probabilities, and a test that finds unsure ones.

Logits go in; a temperature, the evidence of an answer, and why it is unsure come out.
"""

import numpy as np

from mnistcnn.inference.measures import log_softmax, softmax

# The interval in which the temperature is looked for.
LOW, HIGH = 0.05, 20.0
# steps of golden-section search: 60 narrow the interval to 1e-12 of its length
ITERATIONS = 60
GOLDEN = (5**0.5 - 1) / 2

# why an answer is unsure, as people and programs read it
TWO_LIKELY, WEAK_EVIDENCE, OTHER_MARKS = "two likely", "weak evidence", "other marks"
# the same of a picture's digits: too few are sure by themselves, or one mark may be cut into digits in another way
DOUBTFUL_PAGE, DOUBTFUL_CUT = "doubtful page", "doubtful cut"
# calibrated probability: an answer below it is unsure
SURE_PROBABILITY = 0.8
# share of the validation images: an answer with less evidence than all but this share have is unsure (a letter, noise)
WEAK = 0.02


def fitted_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature that logits (N, 10) are divided by to predict the labels (N,) with the lowest loss.

    The method is that of Guo et al., "On Calibration of Modern Neural Networks", 2017. The loss has one minimum,
    because it is convex in the inverse of the temperature.
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
    """Return how strongly logits (N, 10) speak for any digit: the largest less their mean, (N,).

    Hendrycks et al., "Scaling Out-of-Distribution Detection for Real-World Settings", 2022, take the largest logit.
    Here the mean is subtracted, because training leaves the zero of the logits open.
    """
    return np.asarray(logits.max(axis=1) - logits.mean(axis=1))


def least_evidence(logits: np.ndarray) -> float:
    """Return the evidence that all but a share of WEAK of some images of digits have, from their logits (N, 10)."""
    return float(np.quantile(evidence(logits), WEAK))


def doubts(logits: np.ndarray, temperature: float | None, least: float | None, others: np.ndarray) -> list[str | None]:
    """Tell of each answer why it cannot be relied on; None if it can.

    Args:
        logits: the logits (N, 10) of the answers.
        temperature: the temperature that they are divided by; None is 1.
        least: the least evidence of a sure answer; None does not ask for any.
        others: how many other marks of the digit's size (N,) its picture shows that are not read.

    Returns:
        The first of three doubts: OTHER_MARKS, WEAK_EVIDENCE, or TWO_LIKELY for a probability that is too low.

    """
    improbable = softmax(logits / (temperature or 1.0)).max(axis=1) < SURE_PROBABILITY
    weak = evidence(logits) < (-np.inf if least is None else least)
    reasons = np.select([others > 0, weak, improbable], [OTHER_MARKS, WEAK_EVIDENCE, TWO_LIKELY], "")
    return [reason or None for reason in reasons.tolist()]
