"""How far answers can be believed: the temperature, the evidence, and which answers are sure."""

import numpy as np
import pytest
from scipy.special import softmax as scipy_softmax

from mnistcnn.inference.calibration import doubts, evidence, fitted_temperature, least_evidence


def drawn_labels(logits: np.ndarray) -> np.ndarray:
    """Labels (N,) drawn with the probabilities that logits (N, 10) stand for."""
    random = np.random.RandomState(1)
    return np.array([random.choice(10, p=row) for row in scipy_softmax(logits, axis=1)])


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_what_logits_were_multiplied_by(factor: float) -> None:
    """Labels drawn from a network's own probabilities need a temperature of 1; multiplied logits need the factor."""
    logits = np.random.RandomState(0).normal(0, 2, (20_000, 10))
    assert fitted_temperature(factor * logits, drawn_labels(logits)) == pytest.approx(factor, rel=0.05)


def test_evidence_is_how_far_the_largest_logit_stands_out() -> None:
    """It does not depend on where the logits have their zero, as probabilities do not."""
    assert evidence(np.array([[1.0] * 9 + [11.0]])) == pytest.approx(9)
    logits = np.random.RandomState(0).normal(0, 3, (50, 10))
    np.testing.assert_allclose(evidence(logits + 100), evidence(logits), rtol=1e-12)


def test_two_of_a_hundred_images_have_less_than_the_least_evidence() -> None:
    """least_evidence of a thousand images lies between the twentieth and the one after it."""
    logits = np.random.RandomState(0).normal(0, 2, (1_000, 10))
    assert (evidence(logits) < least_evidence(logits)).sum() == 20


@pytest.mark.parametrize(
    ("logits", "temperature", "least", "others", "reason"),
    [
        ([5.0] + 9 * [0.0], None, None, 0, None),
        ([5.0] + 9 * [0.0], 1.0, 4.5, 0, None),  # its evidence is 5 - 5 / 10
        ([5.0] + 9 * [0.0], 1.0, 4.6, 0, "weak evidence"),
        ([5.0] + 9 * [0.0], 2.0, None, 0, "two likely"),  # a probability of 0.58
        ([5.0] + 9 * [0.0], None, None, 1, "other marks"),
        ([5.0, 5.0] + 8 * [0.0], None, None, 0, "two likely"),
    ],
)
def test_an_answer_is_sure_that_is_probable_strong_and_alone(
    logits: list[float], temperature: float | None, least: float | None, others: int, reason: str | None
) -> None:
    """Each of the three conditions alone is named; what a model's file does not say is not asked."""
    assert doubts(np.array([logits]), temperature, least, np.array([others])) == [reason]
