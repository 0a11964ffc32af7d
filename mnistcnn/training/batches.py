"""The batches of a run, in their order, from one tf.data pipeline that serves every backend.

A split goes in; batches of scaled, perhaps distorted, inputs and one-hot labels come out. It knows no network.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from mnistcnn.config import CLASSES, TrainConfig
from mnistcnn.data.dataset import Split
from mnistcnn.model.inputs import model_inputs
from mnistcnn.runtime.team import ALONE, Team
from mnistcnn.training.augmentation import augment

Batch = tuple[np.ndarray, np.ndarray]  # inputs (batch, 28, 28, 1) float32 and labels (batch, 10) float32
PREFETCHED_BATCHES = 16  # batches: computed ahead of the step that needs them (5 MB with batches of 100)
STEPS_PER_BLOCK = 100  # steps: the positions of so many go from Python to the pipeline at once


def epoch_permutation(size: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order (size,) int64 in which an epoch takes the images: a function of its arguments alone.

    RandomState's streams are frozen for good (NEP 19), so the order survives new releases of NumPy and Keras.
    """
    return np.random.RandomState([seed, epoch]).permutation(size)


def batch_positions(size: int, batch_size: int, seed: int, steps: range) -> Iterator[np.ndarray]:
    """Yield the positions of the images that each step trains on.

    Step s, from 0, takes positions [s·B, (s+1)·B) of the epochs' permutations laid end to end. Every batch is full,
    and any process or resumed run can compute it from these arguments alone. `steps` is a range without gaps. Yields
    blocks (up to 100 steps, B) int64 of positions below `size`, the number of images in the split.
    """
    epoch, order = -1, np.empty(0, np.int64)
    for first_step in range(steps.start, steps.stop, STEPS_PER_BLOCK):
        position, end = first_step * batch_size, min(first_step + STEPS_PER_BLOCK, steps.stop) * batch_size
        pieces = []
        while position < end:
            if position // size != epoch:
                epoch = position // size
                order = epoch_permutation(size, seed, epoch)
            stop = min(end, (epoch + 1) * size)
            pieces.append(order[position - epoch * size : stop - epoch * size])
            position = stop
        yield np.concatenate(pieces).reshape(-1, batch_size)


def training_batches(
    split: Split, config: TrainConfig, start_step: int = 0, team: Team = ALONE, *, workers: int = 1
) -> tf.data.Dataset:
    """Return a run's batches, from its first or a later step to its last.

    The images stay uint8 until they are in a batch: that takes a quarter of the memory.

    Args:
        split: The images to train on, with their labels.
        config: The run. With `augmentation` inputs are distorted; an input that shows no digit then gets even labels.
        start_step: The steps that were taken before.
        team: The processes that train together. Each gets its own rows of every batch.
        workers: How many batches are computed at the same time; they come in their order, and are the same.

    Returns:
        Pairs of inputs (rows, 28, 28, 1) float32 in [0, 1] and labels (rows, 10) float32, one-hot or even.

    """
    rows = team.rows(config.batch_size)
    with tf.device("CPU"):
        images, labels = tf.constant(split.images), tf.constant(split.labels)

    def positions() -> Iterator[np.ndarray]:
        steps = range(start_step, config.steps)
        blocks = batch_positions(len(split), config.batch_size, config.seed, steps)
        return (block[:, _with_next(rows, config.batch_size)] for block in blocks)

    def batch(step: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _batch(tf.gather(images, chosen), tf.gather(labels, chosen), step, config, rows)

    options = tf.data.Options()
    # The pipeline's tuning thread sleeps up to a minute, and the end of the run would wait for it.
    options.autotune.enabled = False
    signature = tf.TensorSpec((None, rows.stop - rows.start + 1), tf.int64)
    return (
        tf.data.Dataset.from_generator(positions, output_signature=signature)
        .unbatch()
        .apply(tf.data.experimental.assert_cardinality(config.steps - start_step))
        .enumerate(start=start_step)
        .map(batch, num_parallel_calls=workers, deterministic=True)
        .prefetch(PREFETCHED_BATCHES)
        .with_options(options)
    )


def first_digit(split: Split, config: TrainConfig, step: int, team: Team = ALONE) -> np.ndarray:
    """Return the first image (28, 28) uint8 of a step's batch, distorted as the step sees it: it shows a digit.

    `step` counts from 0. The other arguments are those of `training_batches`.
    """
    row = team.rows(config.batch_size).start
    first = slice(row, row + 1)
    shown = _with_next(first, config.batch_size)
    [positions] = next(batch_positions(len(split), config.batch_size, config.seed, range(step, step + 1)))
    with tf.device("CPU"):
        images, labels = tf.constant(split.images[positions[shown]]), tf.constant(split.labels[positions[shown]])
        inputs, _ = _batch(images, labels, tf.constant(step, tf.int64), config, first)
    return np.asarray(np.rint(255 * inputs[0, :, :, 0].numpy()), np.uint8)


def _with_next(rows: slice, batch_size: int) -> np.ndarray:
    """Return the places in a batch of some of its rows, and of the row after them, which the last may touch."""
    return np.arange(rows.start, rows.stop + 1) % batch_size


def _batch(
    images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, config: TrainConfig, rows: slice
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the inputs and the labels of a step, as `training_batches` does, from its images and their digits.

    The images and digits are those of the rows, and of the row after them.
    """
    inputs, labels = model_inputs(images, xp=tnp), labels[:-1]
    inputs, others, answers = inputs[:-1], inputs[1:], tf.one_hot(labels, CLASSES)
    if not config.augmentation:
        return inputs, answers
    inputs, is_digit = augment(inputs, labels, others, config.seed, step, batch_size=config.batch_size, rows=rows)
    return inputs, tf.where(is_digit[:, None], answers, 1 / CLASSES)
