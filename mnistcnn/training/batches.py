"""The order in which a run sees its images, as one tf.data pipeline that serves every backend."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from mnistcnn.config import CLASSES, TrainConfig
from mnistcnn.data.dataset import Split
from mnistcnn.model.inputs import model_inputs
from mnistcnn.runtime.team import ALONE, Team
from mnistcnn.training.augmentation import augment

PREFETCHED_BATCHES = 16  # ready before they are asked for: 5 MB of them by default
STEPS_PER_BLOCK = 100  # positions handed from Python to the pipeline at once


def epoch_permutation(size: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order (size,) in which an epoch takes the images: a function of its arguments alone.

    RandomState's streams are frozen for good (NEP 19), so the order survives releases of NumPy as of Keras.
    """
    return np.random.RandomState([seed, epoch]).permutation(size)


def batch_positions(size: int, batch_size: int, seed: int, steps: range) -> Iterator[np.ndarray]:
    """Yield the positions of the images that each step trains on, some steps at a time: (steps, batch_size) int64.

    Step s, from 0, takes positions [s·B, (s+1)·B) of the epochs' permutations laid end to end. Every batch is full,
    and any process or resumed run knows it without asking.
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


def training_batches(split: Split, config: TrainConfig, start_step: int = 0, team: Team = ALONE) -> tf.data.Dataset:
    """Return the batches of the steps from `start_step` to the run's last, or of each the rows of one process.

    Each is `(inputs (batch, 28, 28, 1) float32 in [0, 1], labels (batch, 10) float32 one-hot)`. Where the configuration
    says so the inputs are distorted, and the labels of those that no longer show their digit even. The images stay
    uint8 until they are in a batch: a quarter of the memory.
    """
    batch_size, rows = config.batch_size, team.rows(config.batch_size)
    with tf.device("CPU"):
        images, labels = tf.constant(split.images), tf.constant(split.labels)

    def blocks() -> Iterator[np.ndarray]:
        steps = range(start_step, config.steps)
        return (block[:, rows] for block in batch_positions(len(split), batch_size, config.seed, steps))

    def batch(step: tf.Tensor, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs, answers = model_inputs(tf.gather(images, positions), xp=tnp), tf.gather(labels, positions)
        if config.augmentation:
            inputs, is_digit = augment(inputs, answers, config.seed, step, batch_size=batch_size, rows=rows)
            return inputs, tf.where(is_digit[:, None], tf.one_hot(answers, CLASSES), 1 / CLASSES)
        return inputs, tf.one_hot(answers, CLASSES)

    options = tf.data.Options()
    options.autotune.enabled = False  # its thread sleeps ever longer, and a run would wait at its end until it wakes
    signature = tf.TensorSpec((None, rows.stop - rows.start), tf.int64)
    return (
        tf.data.Dataset.from_generator(blocks, output_signature=signature)
        .unbatch()
        .apply(tf.data.experimental.assert_cardinality(config.steps - start_step))
        .enumerate(start=start_step)
        .map(batch, num_parallel_calls=1, deterministic=True)
        .prefetch(PREFETCHED_BATCHES)
        .with_options(options)
    )
