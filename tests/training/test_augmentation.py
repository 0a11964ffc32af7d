"""The distortions of the `best` recipe."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from mnistcnn.data.sources import load_dataset
from mnistcnn.training import augmentation
from mnistcnn.training.augmentation import augment

DIGITS = load_dataset("sample").split("train")
IMAGES = DIGITS.images[:64, ..., None].astype(np.float32) / 255
LABELS = DIGITS.labels[:64]


def augmented(
    images: np.ndarray,
    seed: int = 0,
    step: int = 0,
    rows: slice = slice(None),
    labels: np.ndarray | None = None,
    others: np.ndarray | None = None,
) -> np.ndarray:
    """Return a batch, or some rows of it, as a training step distorts it.

    By default no label is 1, and each image's other is the next one.
    """
    answers = np.zeros(len(images), np.uint8) if labels is None else labels
    others = np.roll(images, -1, axis=0) if others is None else others
    return _augmented(images, answers, others, seed, step, rows)[0]


def _augmented(
    images: np.ndarray, labels: np.ndarray, others: np.ndarray, seed: int, step: int, rows: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images that a step distorts, and whether each shows its digit."""
    inputs, digits, neighbours = (tf.constant(each[rows]) for each in (images, labels, others))
    moment = tf.constant(step, tf.int64)
    result, is_digit = augment(inputs, digits, neighbours, seed, moment, batch_size=len(images), rows=rows)
    return np.asarray(result.numpy()), np.asarray(is_digit.numpy())


def test_the_same_seed_and_step_distort_alike_and_others_do_not() -> None:
    """Distortions are the same if seed and step are, and differ between seeds, steps and images."""
    first = augmented(IMAGES)
    assert np.array_equal(first, augmented(IMAGES))
    assert not np.array_equal(first, augmented(IMAGES, step=1))
    assert not np.array_equal(first, augmented(IMAGES, seed=1))
    twins = augmented(np.repeat(IMAGES[:1], 2, axis=0))
    assert not np.array_equal(twins[0], twins[1])


def test_digits_stay_digits() -> None:
    """Values stay in [0, 1], ink by and large its amount, and its centre within 5 pixels, if digits are distorted."""
    distorted = augmented(IMAGES)
    assert distorted.shape == IMAGES.shape
    assert distorted.dtype == np.float32
    assert 0 <= distorted.min() <= distorted.max() <= 1
    ink, ink_before = (images.sum(axis=(1, 2, 3)) for images in (distorted, IMAGES))
    assert 0.6 < (ink / ink_before).min() < (ink / ink_before).max() < 1.6
    for axis in (1, 2):
        across = tuple({1, 2, 3} - {axis})
        before, after = (
            (images.sum(axis=across) @ np.arange(28)) / images.sum(axis=(1, 2, 3)) for images in (IMAGES, distorted)
        )
        assert np.abs(after - before).max() < 5


def test_an_empty_picture_stays_empty() -> None:
    """An image stays empty if it is empty, even if its label is 1."""
    assert not augmented(np.zeros((64, 28, 28, 1), np.float32), labels=np.ones(64, np.uint8)).any()


@pytest.mark.parametrize("value", [0.25, 1.0])
def test_interpolation_keeps_a_flat_area_flat(value: float) -> None:
    """A constant image keeps its value far from the border, whatever the displacement."""
    flat = augmented(np.full((8, 28, 28, 1), value, np.float32))[:, 10:18, 10:18]
    np.testing.assert_allclose(flat, value, atol=1e-5)


def test_rows_of_a_batch_are_distorted_as_in_the_whole() -> None:
    """Images are distorted alike if several processes share their batch.

    Flags are alike up to the rounding of coordinates: a CPU computes the last few of a batch by other instructions than
    the rest.
    """
    rounding = 28 * float(np.finfo(np.float32).eps)
    whole = augmented(IMAGES, labels=LABELS)
    for rows in (slice(0, 32), slice(32, 64)):
        part, flagged = augmented(IMAGES, rows=rows, labels=LABELS), LABELS[rows] == 1
        assert np.array_equal(part[~flagged], whole[rows][~flagged])
        np.testing.assert_allclose(part[flagged], whole[rows][flagged], rtol=0, atol=rounding)


@pytest.fixture
def undistorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn off all but the flags."""
    for constant in ("ROTATION", "SCALE", "SHEAR", "SHIFT", "ELASTIC", "OUTLIERS", "TOUCHING"):
        monkeypatch.setattr(augmentation, constant, 0.0)


def strokes(slant: float) -> np.ndarray:
    """Return 1,000 images of one straight stroke from row 4 to row 23 that moves `slant` columns a row."""
    picture = np.zeros((28, 28), np.float32)
    for row in range(4, 24):
        column = round(13.5 + slant * (row - 13.5))
        picture[row, column - 1 : column + 2] = 1
    return np.repeat(picture[None, ..., None], 1000, axis=0)


@pytest.mark.usefixtures("undistorted")
@pytest.mark.parametrize("slant", [0.0, -0.25, 0.25])
def test_two_in_five_ones_get_a_flag_at_the_upper_left(slant: float) -> None:
    """Two of five upright 1s get ink left of the stroke, in its upper two thirds, falling from its top."""
    ones = strokes(slant)
    flagged = augmented(ones, labels=np.ones(1000, np.uint8))
    added = (flagged - ones)[..., 0]
    assert np.abs(added[added.max(axis=(1, 2)) < 0.5]).max() < 1e-3
    flags = added[added.max(axis=(1, 2)) >= 0.5]
    assert 0.35 < len(flags) / len(ones) < 0.45
    assert not flags[:, 18:].any()
    _, rows, columns = np.nonzero(flags > 0.5)
    assert rows.min() >= 4
    assert columns.max() <= 13.5 + slant * (4 - 13.5) + 2
    assert np.polyfit(columns, rows, 1)[0] < -0.3


@pytest.mark.usefixtures("undistorted")
def test_a_flag_is_as_sharp_as_it_would_be_undistorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag stays as sharp if it is moved with its 1 by parts of a pixel, as it is resampled once."""
    ones, labels = strokes(0.0), np.ones(1000, np.uint8)

    def softness(shift: float) -> float:
        monkeypatch.setattr(augmentation, "SHIFT", shift)
        flags = augmented(ones, labels=labels)[:, :, :9]  # the 1s themselves are to the right of that
        return float((flags * (1 - flags)).sum() / flags.sum())

    assert softness(2.0) == pytest.approx(softness(0.0), rel=0.05)


@pytest.mark.usefixtures("undistorted")
def test_only_upright_ones_get_a_flag() -> None:
    """A digit gets no flag if it is not a 1, or is a slanting 1, which a flag would make a 7."""
    np.testing.assert_allclose(augmented(strokes(0.0), labels=np.full(1000, 7, np.uint8)), strokes(0.0), atol=1e-3)
    np.testing.assert_allclose(augmented(strokes(-0.6), labels=np.ones(1000, np.uint8)), strokes(-0.6), atol=1e-3)


REFLECTED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda image: image,
    "half a turn": lambda image: image[::-1, ::-1],
    "upside down": np.flipud,
    "mirrored": np.fliplr,
    "left turn": lambda image: np.rot90(image, 1),
    "right turn": lambda image: np.rot90(image, -1),
    "transposed": np.transpose,
    "transposed and half a turn": lambda image: np.rot90(image, 2).T,
}
ON_ITS_SIDE = {"left turn", "right turn"}


@pytest.mark.usefixtures("undistorted")
@pytest.mark.parametrize(
    ("digit", "outliers"),
    [
        (0, set()),
        (1, set()),
        (2, ON_ITS_SIDE),
        (3, ON_ITS_SIDE | {"mirrored"}),
        (4, ON_ITS_SIDE),
        (5, ON_ITS_SIDE),
        (6, ON_ITS_SIDE),
        (7, ON_ITS_SIDE | {"mirrored", "upside down", "half a turn"}),
        (8, set()),
        (9, ON_ITS_SIDE),
    ],
)
def test_outliers_are_reflections_that_show_no_digit(
    monkeypatch: pytest.MonkeyPatch, digit: int, outliers: set[str]
) -> None:
    """Each reflection that shows no digit comes, marked so, if outliers are certain; other images are as before."""
    monkeypatch.setattr(augmentation, "OUTLIERS", 1.0)
    monkeypatch.setattr(augmentation, "FLAGGED", 0.0)
    picture = np.zeros((28, 28), np.float32)
    picture[3:9, 5:8], picture[5:8, 8:20] = 1.0, 0.5
    images = np.repeat(picture[None, ..., None], 400, axis=0)
    results, shows_digit = _augmented(images, np.full(400, digit, np.uint8), images, 0, 0, slice(0, 400))
    shown = results[..., 0]
    seen = {
        name: shows_digit[(np.abs(shown - reflect(picture)) < 1e-3).all(axis=(1, 2))]
        for name, reflect in REFLECTED.items()
    }
    assert sum(map(len, seen.values())) == 400
    assert {name for name, shows in seen.items() if shows.size} == outliers | {"as it is"}
    assert seen.pop("as it is").all()
    assert not any(shows.any() for shows in seen.values())


def block(width: int, value: float) -> np.ndarray:
    """Return a hundred images of one block, 20 rows high and centred."""
    picture = np.zeros((28, 28), np.float32)
    picture[4:24, 14 - width // 2 : 14 + width // 2] = value
    return np.repeat(picture[None, ..., None], 100, axis=0)


@pytest.mark.usefixtures("undistorted")
@pytest.mark.parametrize(
    ("width", "part", "overlap", "shown"),
    [
        (8, 1.0, 0.0, [(slice(4, 24), slice(6, 14), slice(14, 22))]),
        (20, 1.0, 0.0, [(slice(9, 19), slice(4, 14), slice(14, 24))]),
        (12, 1.0, 4.0, [(slice(4, 24), slice(4, 16), slice(16, 24))]),
        (8, 0.5, 0.0, [(slice(4, 24), slice(8, 12), slice(12, 20)), (slice(4, 24), slice(8, 16), slice(16, 20))]),
    ],
    ids=["narrow", "wide", "overlapping", "one of them in part"],
)
def test_two_digits_that_touch_stand_side_by_side_and_fit_the_size_of_one(
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    part: float,
    overlap: float,
    shown: list[tuple[slice, slice, slice]],
) -> None:
    """An image and its other, or a part of one, stand side by side, 20 pixels wide at most, and are not a digit."""
    monkeypatch.setattr(augmentation, "TOUCHING", 1.0)
    monkeypatch.setattr(augmentation, "TOUCHING_PART", (part, part))
    monkeypatch.setattr(augmentation, "OVERLAP", (overlap, overlap))
    labels = np.zeros(100, np.uint8)
    pairs, is_digit = _augmented(block(width, 1.0), labels, block(width, 0.5), 0, 0, slice(0, 100))
    assert is_digit.tolist() == [True] + 99 * [False]
    assert np.allclose(pairs[0], block(width, 1.0)[0], atol=1e-3)
    expected = np.zeros((len(shown), 28, 28), np.float32)
    for picture, (rows, left, right) in zip(expected, shown, strict=True):
        picture[rows, left], picture[rows, right] = 1.0, 0.5
    found = [np.abs(pairs[1:, ..., 0] - picture).mean(axis=(1, 2)) < 0.02 for picture in expected]
    assert np.logical_or.reduce(found).all()
    assert all(each.any() for each in found)


def test_one_image_in_seventeen_is_no_digit_but_never_the_first_of_a_batch() -> None:
    """About 1 % of images are reflected and 5 % touch another, never a batch's first: a log's record tells of it."""
    shares = []
    for step in range(80):
        _, is_digit = _augmented(IMAGES, LABELS, np.roll(IMAGES, -1, axis=0), 0, step, slice(0, 64))
        assert is_digit[0]
        shares.append(1 - np.mean(is_digit))
    assert 0.045 < np.mean(shares) < 0.075
