"""The optimizer of a run, and its learning rate at each step.

A configuration goes in; a Keras optimizer, or a number, comes out.
"""

import math

import keras

from mnistcnn.config import TrainConfig
from mnistcnn.training.kernels import FusedAdam, FusedSGD


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
        warmup_steps = _warmup_steps(config)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, decay_steps=config.steps - warmup_steps, warmup_target=rate, warmup_steps=warmup_steps
        )
    return optimizers[config.optimizer](
        learning_rate=rate, weight_decay=config.weight_decay or None, name=config.optimizer
    )


def rate_at(config: TrainConfig, step: int) -> float:
    """Return the learning rate of a step, counted from 0, that the optimizer of `make_optimizer` has there."""
    if config.warmup is None:
        return config.learning_rate
    warmup_steps = _warmup_steps(config)
    if step < warmup_steps:
        return config.learning_rate * step / warmup_steps
    share = (step - warmup_steps) / (config.steps - warmup_steps)
    return config.learning_rate * (1 + math.cos(math.pi * share)) / 2


def _warmup_steps(config: TrainConfig) -> int:
    assert config.warmup is not None
    return round(config.warmup * config.steps)
