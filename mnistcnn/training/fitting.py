"""The network before its first step, and the loop that trains it: Keras's `fit` on TensorFlow, a short one elsewhere.

A configuration, batches and callbacks go in; the weights change in place. It knows no dataset and no file.
"""

import math
import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mnistcnn.config import TrainConfig
from mnistcnn.model.network import build_model, initial_weights, logits_model
from mnistcnn.training.batches import Batch
from mnistcnn.training.callbacks import LastBatch, steps_taken
from mnistcnn.training.jax_steps import steps_on_jax
from mnistcnn.training.kernels import faster_layers
from mnistcnn.training.optimizer import make_optimizer
from mnistcnn.training.torch_steps import steps_on_torch

# a function: takes a step on each of some batches, and returns the labels and the logits of the last
Steps = Callable[[Iterable[Batch]], tuple[Any, Any]]
MAX_STEPS_PER_EXECUTION = 50  # steps: the most that a graceful stop waits for


def steps_per_execution(config: TrainConfig, start_step: int = 0) -> int:
    """Return how many steps Keras executes before it calls the callbacks: from 1 to 50.

    An execution never runs past a step that is logged, checkpointed or validated, wherever the run starts.
    """
    interval = math.gcd(config.log_every, config.checkpoint_every, config.validate_every)
    aligned = math.gcd(interval or MAX_STEPS_PER_EXECUTION, start_step)
    return next(steps for steps in range(MAX_STEPS_PER_EXECUTION, 0, -1) if aligned % steps == 0)


def initial_model(config: TrainConfig, precision: str, weights: list[np.ndarray] | None = None) -> keras.Model:
    """Build the network from its inputs to its logits, with its initial weights and an optimizer at step 0.

    `precision` is what the layers compute in, "float32" or "bfloat16"; the weights are float32. `weights` has the
    order of `model.get_weights()`; None draws them from the seed.
    """
    dtype = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    kinds = faster_layers(keras.backend.backend(), precision)
    model = logits_model(build_model(dropout=config.dropout, seed=config.seed, dtype=dtype, kinds=kinds))
    model.set_weights(initial_weights(model, config.seed) if weights is None else weights)
    model.optimizer = make_optimizer(config)
    model.optimizer.build(model.trainable_variables)
    return model


def fit(
    model: keras.Model,
    config: TrainConfig,
    batches: tf.data.Dataset,
    metric: LastBatch,
    callbacks: list[keras.callbacks.Callback],
) -> float:
    """Train a model on batches, from the step its optimizer is at.

    Args:
        model: The model of `initial_model`, perhaps with the variables of a checkpoint. Its variables change.
        config: The run.
        batches: The batches of `training_batches`, one for each step.
        metric: The metric that keeps the batch being trained on.
        callbacks: Keras's callbacks. Their order is the order of their calls.

    Returns:
        The seconds that compiling and training took.

    """
    began = time.perf_counter()
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    steps = steps_per_execution(config, steps_taken(model))
    backend = keras.backend.backend()
    if backend == "tensorflow":
        # XLA more than halves the steps a second on a CPU.
        model.compile(model.optimizer, loss, metrics=[metric], steps_per_execution=steps, jit_compile=False)
        model.fit(batches, callbacks=callbacks, shuffle=False, verbose=0)
        return time.perf_counter() - began
    take_steps = steps_on_jax(model, loss) if backend == "jax" else steps_on_torch(model, config)
    _loop(model, take_steps, steps, batches, metric, keras.callbacks.CallbackList(callbacks, model=model))
    return time.perf_counter() - began


def _loop(
    model: keras.Model,
    take_steps: Steps,
    steps: int,
    batches: tf.data.Dataset,
    metric: LastBatch,
    callbacks: keras.callbacks.CallbackList,
) -> None:
    """Train, and call the callbacks as Keras's `fit` does on TensorFlow, without what slows it on other backends."""
    remaining = batches.as_numpy_iterator()
    model.stop_training = False
    callbacks.on_train_begin()
    for _ in range(math.ceil(len(batches) / steps)):
        metric.update_state(*take_steps(islice(remaining, steps)))
        callbacks.on_train_batch_end(0)
        if model.stop_training:
            break
    callbacks.on_epoch_end(0)
    callbacks.on_train_end()
