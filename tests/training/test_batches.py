"""The order of the images, and what a batch is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnistcnn.config import RECIPES, TrainConfig
from mnistcnn.data.dataset import Split
from mnistcnn.data.sources import load_dataset
from mnistcnn.runtime.team import ALONE, Team
from mnistcnn.training import augmentation
from mnistcnn.training.batches import batch_positions, epoch_permutation, first_digit, training_batches


def split_of(size: int) -> Split:
    """Return images whose first pixel is their position."""
    images = np.zeros((size, 28, 28), np.uint8)
    images[:, 0, 0] = np.arange(size)
    return Split(images, (np.arange(size) % 10).astype(np.uint8))


@given(size=st.integers(1, 50), batch_size=st.integers(1, 70), steps=st.integers(1, 40), data=st.data())
@settings(deadline=None)
def test_batches_are_the_epochs_permutations_laid_end_to_end(
    size: int, batch_size: int, steps: int, data: st.DataObject
) -> None:
    """Step s takes positions [s·B, (s+1)·B) of them, whatever the sizes and whichever step comes first."""
    start = data.draw(st.integers(0, steps - 1))
    epochs = steps * batch_size // size + 1
    endless = np.concatenate([epoch_permutation(size, 3, epoch) for epoch in range(epochs)])
    expected = endless[start * batch_size : steps * batch_size].reshape(-1, batch_size)
    got = np.concatenate(list(batch_positions(size, batch_size, 3, range(start, steps))))
    assert np.array_equal(got, expected)


def test_an_epoch_takes_every_image_once_in_an_order_of_its_own() -> None:
    """A permutation depends on the seed and the epoch alone, and is the same in every release of NumPy."""
    first = epoch_permutation(1000, 0, 0)
    assert sorted(first) == list(range(1000))
    assert not np.array_equal(first, epoch_permutation(1000, 0, 1))
    assert not np.array_equal(first, epoch_permutation(1000, 1, 0))
    assert epoch_permutation(10, 0, 0).tolist() == [3, 7, 6, 4, 1, 0, 2, 8, 5, 9]


def test_a_batch_is_scaled_images_and_one_hot_labels() -> None:
    """Inputs are float32 in [0, 1] with a channel, labels are one-hot, and the pipeline ends at the last step."""
    config = TrainConfig(steps=7, batch_size=6, log_every=0, checkpoint_every=0)
    batches = list(training_batches(split_of(20), config, start_step=4).as_numpy_iterator())
    positions = np.concatenate(list(batch_positions(20, 6, 0, range(4, 7))))
    assert len(batches) == 3
    for (inputs, labels), expected in zip(batches, positions, strict=True):
        assert inputs.shape == (6, 28, 28, 1)
        assert inputs.dtype == labels.dtype == np.float32
        assert np.array_equal(inputs[:, 0, 0, 0], (expected / 255).astype(np.float32))
        assert np.array_equal(labels, np.eye(10, dtype=np.float32)[expected % 10])


def test_batches_that_are_computed_at_the_same_time_are_the_same() -> None:
    """With several workers the batches of `best` come in their order, and each is the same to the last bit."""
    config = replace(RECIPES["best"], steps=6, batch_size=5)
    alone, together = (
        list(training_batches(split_of(20), config, workers=workers).as_numpy_iterator()) for workers in (1, 4)
    )
    assert len(alone) == len(together) == 6
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_processes_of_a_team_get_the_rows_of_the_batch_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process of a team gets its rows of the batch of `best`, digits that touch others' images among them."""
    monkeypatch.setattr(augmentation, "TOUCHING", 0.5)
    config, split = replace(RECIPES["best"], steps=2, batch_size=20), load_dataset("sample").split("train")
    teams = [Team(count=2, index=index, coordinator="a:1") for index in range(2)]
    alone, *parts = (list(training_batches(split, config, team=team).as_numpy_iterator()) for team in (ALONE, *teams))
    for (inputs, labels), *shares in zip(alone, *parts, strict=True):
        assert (labels.max(axis=1) < 1).sum() >= 2
        np.testing.assert_allclose(np.concatenate([share for share, _ in shares]), inputs, rtol=0, atol=1e-5)
        assert np.array_equal(np.concatenate([share for _, share in shares]), labels)


def test_what_shows_no_digit_has_even_labels() -> None:
    """`best` gives an image one-hot labels or, if its distortion shows no digit, a tenth for every digit."""
    batches = training_batches(load_dataset("sample").split("train"), RECIPES["best"]).take(20)
    labels = np.concatenate([labels for _, labels in batches.as_numpy_iterator()])
    even = (labels == np.float32(0.1)).all(axis=1)
    assert 0.04 < even.mean() < 0.09
    assert np.array_equal(np.sort(labels[~even]), np.eye(10, dtype=np.float32)[[9] * (~even).sum()])


def test_the_pipeline_tunes_nothing() -> None:
    """The pipeline turns off TensorFlow's tuning thread, which sleeps up to a minute while the end of a run waits."""
    dataset = load_dataset("sample")
    batches = training_batches(dataset.split("train"), TrainConfig(steps=2, batch_size=10))
    assert batches.options().autotune.enabled is False


@pytest.mark.parametrize("recipe", ["tutorial", "best"])
def test_the_first_digit_of_a_batch_is_the_one_that_is_trained_on(recipe: str) -> None:
    """first_digit returns the pixels of a batch's first input whose label is one-hot, distorted or not."""
    config = replace(RECIPES[recipe], steps=12, batch_size=6, log_every=0, checkpoint_every=0)
    split = load_dataset("sample").split("train")
    for step, (inputs, labels) in enumerate(training_batches(split, config).as_numpy_iterator()):
        first = inputs[labels.max(axis=1) == 1][0, :, :, 0]
        assert np.array_equal(first_digit(split, config, step), np.rint(255 * first))
