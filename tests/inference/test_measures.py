"""What an evaluation comes to, against scikit-learn, SciPy and numbers worked out by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)
from sklearn.metrics import (
    confusion_matrix as reference_confusion_matrix,
)

from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.data.sources import bundled_sample
from mnistcnn.inference.evaluation import compare, evaluate
from mnistcnn.inference.measures import (
    CALIBRATION_BINS,
    calibration_bins,
    calibration_error,
    confusion_matrix,
    measures_by_class,
    softmax,
    top_k_accuracy,
    wilson_interval,
)
from mnistcnn.model.metadata import ModelMetadata
from mnistcnn.model.model_file import TrainedModel, load_model
from mnistcnn.model.network import build_model, initial_weights
from mnistcnn.model.pretrained import model_file

RANDOM = np.random.RandomState(7)
LABELS = RANDOM.randint(10, size=3_000)
LOGITS = RANDOM.standard_normal((3_000, 10)) * 2
LOGITS[np.arange(3_000), LABELS] += 3
PROBABILITIES = softmax(LOGITS)
ANSWERS = PROBABILITIES.argmax(axis=1)


def untrained(seed: int) -> TrainedModel:
    """The network with the weights that a seed starts from."""
    model = build_model()
    model.set_weights(initial_weights(model, seed))
    return TrainedModel(model=model, metadata=ModelMetadata(step=seed))


@pytest.mark.parametrize(("hits", "trials"), [(9733, 10_000), (0, 5), (5, 5), (1, 3), (351, 360)])
def test_the_interval_is_wilsons(hits: int, trials: int) -> None:
    """SciPy's score interval, to 12 digits, at the ends of [0, 1] too."""
    expected = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_top_k_accuracy_is_scikit_learns() -> None:
    """For one, two and five likeliest digits."""
    for k in (1, 2, 5):
        expected = top_k_accuracy_score(LABELS, PROBABILITIES, k=k, labels=range(10))
        assert top_k_accuracy(PROBABILITIES, LABELS, k) == pytest.approx(expected, abs=1e-12)


def test_the_confusion_matrix_and_what_follows_are_scikit_learns() -> None:
    """Counts are equal; precision, recall and F1 are to 12 digits, for digits never shown or read as well."""
    labels, answers = LABELS.copy(), ANSWERS.copy()
    labels[labels == 4] = 5  # 4 is never shown
    answers[answers == 7] = 1  # 7 is never read
    counts = confusion_matrix(labels, answers, 10)
    assert (counts == reference_confusion_matrix(labels, answers, labels=range(10))).all()
    expected = precision_recall_fscore_support(labels, answers, labels=range(10), zero_division=np.nan)
    found = [(row.precision, row.recall, row.f1, row.images) for row in measures_by_class(counts, counts.sum(axis=1))]
    np.testing.assert_allclose(np.array(found, float), np.transpose(expected), atol=1e-12)  # None becomes NaN


def test_images_that_lie_on_their_side_are_told_of() -> None:
    """A notice says so if a model reads them far better with rows and columns exchanged, as EMNIST's."""
    trained = load_model(model_file("pretrained"), "numpy")
    upright = bundled_sample().split("test")
    turned = Split(np.ascontiguousarray(upright.images.transpose(0, 2, 1)), upright.labels)
    assert evaluate(trained, Dataset("mine", {"test": lambda: upright})).notice is None
    notice = evaluate(trained, Dataset("mine", {"test": lambda: turned})).notice
    assert notice == "with rows and columns exchanged 100 % would be right: are the images turned, as EMNIST's are?"


def test_calibration_is_scikit_learns() -> None:
    """Bins agree with calibration_curve of "is the answer right"; the error is their weighted distance."""
    confidence, hits = PROBABILITIES.max(axis=1), ANSWERS == LABELS
    accuracies, confidences = calibration_curve(hits, confidence, n_bins=CALIBRATION_BINS)
    bins = calibration_bins(PROBABILITIES, LABELS)
    np.testing.assert_allclose([group.accuracy for group in bins], accuracies, atol=1e-12)
    np.testing.assert_allclose([group.confidence for group in bins], confidences, atol=1e-12)
    assert sum(group.images for group in bins) == len(LABELS)
    weights = np.array([group.images for group in bins]) / len(LABELS)
    assert calibration_error(bins) == pytest.approx((weights * abs(accuracies - confidences)).sum(), abs=1e-12)


def test_calibration_by_hand() -> None:
    """Ten answers at 90 %, nine right, are calibrated; ten more at 100 %, five right, are half off."""
    calm = np.tile([0.9, 0.1], (10, 1))
    sure = np.tile([1.0, 0.0], (10, 1))
    labels = np.array([0] * 9 + [1] + [0] * 5 + [1] * 5)
    assert calibration_error(calibration_bins(calm, labels[:10])) == pytest.approx(0)
    both = calibration_bins(np.concatenate([calm, sure]), labels)
    assert [(group.images, group.confidence, group.accuracy) for group in both] == [
        (10, pytest.approx(0.9), 0.9),
        (10, 1.0, 0.5),
    ]
    assert calibration_error(both) == pytest.approx(0.25)


def test_an_evaluation_is_scikit_learns() -> None:
    """Every number of a real evaluation, and its mistakes, follow from the network's own probabilities."""
    trained, sample = untrained(3), bundled_sample()
    found, split = evaluate(trained, sample), sample.split("test")
    probabilities = softmax(trained.logits(split.images))
    answers = probabilities.argmax(axis=1)
    assert (found.data, found.split, found.images, found.step) == ("sample", "test", 500, 3)
    assert found.loss == pytest.approx(log_loss(split.labels, probabilities, labels=range(10)), rel=1e-6)
    assert found.accuracy == pytest.approx(accuracy_score(split.labels, answers), abs=1e-12)
    assert found.top2_accuracy == pytest.approx(top_k_accuracy_score(split.labels, probabilities, k=2))
    assert (np.array(found.confusion) == reference_confusion_matrix(split.labels, answers, labels=range(10))).all()
    assert found.mistakes == (answers != split.labels).sum()
    low, high = found.accuracy_interval
    assert low < found.accuracy < high

    sureness = [mistake.probability for mistake in found.worst_mistakes]
    assert len(sureness) == 20
    assert sureness == sorted(sureness, reverse=True)
    misread = answers != split.labels
    assert sureness[0] == probabilities[misread].max()
    for mistake in found.worst_mistakes:
        assert mistake.label == split.labels[mistake.position] != mistake.digit == answers[mistake.position]
        assert mistake.label_probability == probabilities[mistake.position, mistake.label]
        assert (mistake.image == split.images[mistake.position]).all()


def test_models_are_compared_on_the_same_images() -> None:
    """Each is measured as it is alone, and the differences are every image that they read differently."""
    models, sample = {"a": untrained(1), "b": untrained(2), "c": untrained(1)}, bundled_sample()
    found, split = compare(models, sample, "validation"), sample.split("validation")
    assert found.models == ("a", "b", "c")
    alone = [evaluate(trained, sample, "validation") for trained in models.values()]
    assert list(found.evaluations) == alone
    answers = np.stack([trained.logits(split.images).argmax(axis=1) for trained in models.values()])
    apart = [position for position in range(len(split)) if len(set(answers[:, position])) > 1]
    assert [difference.position for difference in found.differences] == apart
    assert all(difference.digits == tuple(answers[:, difference.position]) for difference in found.differences)
    assert not compare({"a": models["a"], "c": models["c"]}, sample).differences
