"""The network before its first step, its optimizer, and the call of Keras's `fit` that trains it.

A configuration, batches and callbacks go in; the weights change in place. It knows no dataset and no file.
"""

import math
import time
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from mnistcnn.config import TrainConfig
from mnistcnn.model.network import build_model, initial_weights, logits_model
from mnistcnn.training.callbacks import LastBatch, steps_taken
from mnistcnn.training.kernels import Dense, FusedAdam, FusedSGD

MAX_STEPS_PER_EXECUTION = 50  # steps: the most that a graceful stop waits for


def make_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """Return the optimizer that a configuration names, with its schedule.

    With `warmup` the rate rises from 0 in a line, then falls to 0 as half a cosine (Loshchilov and Hutter, "SGDR:
    Stochastic Gradient Descent with Warm Restarts", 2017). `weight_decay` is decoupled from the gradient (Loshchilov
    and Hutter, "Decoupled Weight Decay Regularization", 2019).
    """
    if keras.backend.backend() == "tensorflow":
        optimizers = {"sgd": FusedSGD, "adam": FusedAdam}
    else:
        optimizers = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.warmup is not None:
        warmup_steps = round(config.warmup * config.steps)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, decay_steps=config.steps - warmup_steps, warmup_target=rate, warmup_steps=warmup_steps
        )
    return optimizers[config.optimizer](
        learning_rate=rate, weight_decay=config.weight_decay or None, name=config.optimizer
    )


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
    dense = Dense if keras.backend.backend() == "tensorflow" and precision == "float32" else keras.layers.Dense
    model = logits_model(build_model(dropout=config.dropout, seed=config.seed, dtype=dtype, dense=dense))
    model.set_weights(initial_weights(model, config.seed) if weights is None else weights)
    model.optimizer = make_optimizer(config)
    model.optimizer.build(model.trainable_variables)
    return model


def fit(
    model: keras.Model,
    config: TrainConfig,
    batches: Iterable[Any],
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
    backend = keras.backend.backend()
    began = time.perf_counter()
    model.compile(
        optimizer=model.optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=[metric],
        # On PyTorch, Keras allows only one step an execution.
        steps_per_execution=1 if backend == "torch" else steps_per_execution(config, steps_taken(model)),
        # On TensorFlow, XLA more than halves the steps a second on a CPU.
        jit_compile=backend == "jax",
    )
    model.fit(batches, callbacks=callbacks, shuffle=False, verbose=0)
    return time.perf_counter() - began
