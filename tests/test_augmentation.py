"""The distortions of the `best` recipe."""

import numpy as np
import pytest
import tensorflow as tf

from mnistcnn.augmentation import augment
from mnistcnn.datasets import load_dataset

IMAGES = load_dataset("digits").split("train").images[:64, ..., None].astype(np.float32) / 255


def augmented(images: np.ndarray, seed: int = 0, step: int = 0, rows: slice = slice(None)) -> np.ndarray:
    """What a training step makes of a batch, or of some rows of it."""
    moment = tf.constant(step, tf.int64)
    return np.asarray(augment(tf.constant(images[rows]), seed, moment, batch_size=len(images), rows=rows).numpy())


def test_the_same_seed_and_step_distort_alike_and_others_do_not() -> None:
    """A resumed run sees the same pictures; each step, seed and picture has distortions of its own."""
    first = augmented(IMAGES)
    assert np.array_equal(first, augmented(IMAGES))
    assert not np.array_equal(first, augmented(IMAGES, step=1))
    assert not np.array_equal(first, augmented(IMAGES, seed=1))
    twins = augmented(np.repeat(IMAGES[:1], 2, axis=0))
    assert not np.array_equal(twins[0], twins[1])


def test_digits_stay_digits() -> None:
    """Values stay in [0, 1], about as much ink is left, and it stays within a few pixels of where it was."""
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
    """Nothing comes in from outside."""
    assert not augmented(np.zeros((3, 28, 28, 1), np.float32)).any()


@pytest.mark.parametrize("value", [0.25, 1.0])
def test_interpolation_keeps_a_flat_area_flat(value: float) -> None:
    """Far from the border a constant picture keeps its value, whatever the displacement."""
    flat = augmented(np.full((8, 28, 28, 1), value, np.float32))[:, 10:18, 10:18]
    np.testing.assert_allclose(flat, value, atol=1e-5)


def test_rows_of_a_batch_are_distorted_as_in_the_whole() -> None:
    """However many processes share a batch, each picture of it is distorted alike."""
    whole = augmented(IMAGES)
    assert np.array_equal(augmented(IMAGES, rows=slice(3, 7)), whole[3:7])
