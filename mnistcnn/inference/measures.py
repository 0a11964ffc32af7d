"""Measures of logits or probabilities against labels: loss, accuracy and its interval, confusion, calibration.

NumPy arrays go in; numbers come out. `softmax` makes probabilities of logits. It knows neither models nor datasets.
"""

import math

import numpy as np

from mnistcnn.results import CalibrationBin, ClassMeasures

# standard deviations: the 97.5 % quantile of the normal distribution
Z_95 = 1.959963984540054
# bins of equal width (the number in Guo et al., "On Calibration of Modern Neural Networks", 2017)
CALIBRATION_BINS = 15


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the log-probabilities (N, 10) float64 of logits (N, 10), without overflow for logits of any size."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities (N, 10) float64 of logits (N, 10)."""
    return np.asarray(np.exp(log_softmax(logits)))


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of Wilson (1927) for a share: within [0, 1], and wider than a point at 0 and 1."""
    share = hits / trials
    spread = Z_95**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def top_k_accuracy(probabilities: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Return the share of labels (N,) among the `k` likeliest of probabilities (N, 10); 0 without labels."""
    if not len(labels):
        return 0.0
    likeliest = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float((likeliest == labels[:, None]).any(axis=1).mean())


def confusion_matrix(labels: np.ndarray, answers: np.ndarray, classes: int) -> np.ndarray:
    """Count images by label (row) and answer (column): (classes, classes) int64."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, answers), 1)
    return counts


def measures_by_class(confusion: np.ndarray, shown: np.ndarray) -> tuple[ClassMeasures, ...]:
    """Return precision, recall and F1 of each class; a measure without images is None.

    `shown` (classes,) counts the images of each label, including those without an answer.
    """
    hits, read = confusion.diagonal(), confusion.sum(axis=0)
    return tuple(
        ClassMeasures(
            digit=digit,
            images=int(shown[digit]),
            precision=_ratio(hits[digit], read[digit]),
            recall=_ratio(hits[digit], shown[digit]),
            f1=_ratio(2 * hits[digit], shown[digit] + read[digit]),
        )
        for digit in range(len(confusion))
    )


def calibration_bins(probabilities: np.ndarray, labels: np.ndarray) -> tuple[CalibrationBin, ...]:
    """Group images by the probability of their answer, in (0, 1], into 15 equal bins without the empty ones."""
    confidence = probabilities.max(axis=1)
    hits = probabilities.argmax(axis=1) == labels
    places = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    return tuple(
        CalibrationBin(
            low=place / CALIBRATION_BINS,
            high=(place + 1) / CALIBRATION_BINS,
            images=int((places == place).sum()),
            confidence=float(confidence[places == place].mean()),
            accuracy=float(hits[places == place].mean()),
        )
        for place in np.unique(places).tolist()
    )


def calibration_error(bins: tuple[CalibrationBin, ...]) -> float:
    """Return the expected calibration error: the mean distance, over images, of accuracy from confidence."""
    images = sum(group.images for group in bins)
    return sum(group.images * abs(group.accuracy - group.confidence) for group in bins) / max(images, 1)


def _ratio(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None


def loss_and_accuracy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the mean softmax cross-entropy in nats, and the share read right, of logits (N, 10) and labels (N,)."""
    loss = -log_softmax(logits)[np.arange(len(labels)), labels].mean()
    return float(loss), float((logits.argmax(axis=1) == labels).mean())
