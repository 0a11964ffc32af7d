"""Training steps on PyTorch: the network and its optimizer in PyTorch's own functions, on the variables of Keras.

A Keras model and batches go in; the model's variables change. Nothing here knows a run, its files or its log.
tests/training/test_steps.py holds the logits and the updates equal to those of Keras.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import keras

from mnistcnn.config import TrainConfig
from mnistcnn.training.batches import Batch
from mnistcnn.training.kernels import moments_of
from mnistcnn.training.optimizer import rate_at


def steps_on_torch(model: keras.Model, config: TrainConfig) -> Callable[[Iterable[Batch]], tuple[Any, Any]]:
    """Return a function that takes a step on each of some batches, from the step the model's optimizer is at.

    Args:
        model: The model of `initial_model`. After a call its variables and its optimizer's are those of the last step.
        config: The run.

    Returns:
        A function of pairs of inputs (batch, 28, 28, 1) float32 and labels (batch, 10) float32. It returns labels and
        logits of the last batch, both (batch, 10) float32.

    """
    import torch
    from torch.nn import functional

    weights = [variable.value for variable in model.trainable_variables]
    device = weights[0].device
    update = _updates(model, config, weights)

    def take_steps(batches: Iterable[Batch]) -> tuple[Any, Any]:
        step = int(model.optimizer.iterations.value)
        for each in batches:
            inputs, labels = (torch.tensor(array, device=device) for array in each)
            logits = network_logits(model, weights, inputs)
            loss = functional.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
            loss.backward()
            update(step)
            step += 1
        model.optimizer.iterations.assign(step)
        return labels, logits.detach()

    return take_steps


def network_logits(model: keras.Model, weights: list[Any], inputs: Any) -> Any:
    """Return the logits (batch, 10) float32 of inputs (batch, 28, 28, 1) float32, in training.

    `weights` are the model's, as tensors. Images stay in channels_last memory from the input to the dense layer. A
    layer's bias and ReLU come after the pooling, which leaves them a quarter of the values and changes no result: both
    are monotone. Where values tie, the gradient goes to the first of them, as it does in Keras.
    """
    import torch
    from torch.nn import functional

    precision = getattr(torch, model.get_layer("dense").compute_dtype)
    kernel1, bias1, kernel2, bias2, dense, dense_bias = (weight.to(precision) for weight in weights[:6])
    logits, logits_bias = weights[6:]
    x = inputs.to(precision).permute(0, 3, 1, 2)
    for kernel, bias in ((kernel1, bias1), (kernel2, bias2)):
        x = functional.conv2d(x, kernel.permute(3, 2, 0, 1), padding=2)
        x = functional.relu(functional.max_pool2d(x, 2) + bias[:, None, None])
    x = functional.relu(x.permute(0, 2, 3, 1).flatten(1) @ dense + dense_bias)
    x = model.get_layer("dropout")(x, training=True)
    return x.to(logits.dtype) @ logits + logits_bias


def _updates(model: keras.Model, config: TrainConfig, weights: list[Any]) -> Callable[[int], None]:
    """Return a function of the step, from 0, that updates weights from their gradients, and forgets these.

    PyTorch's optimizers work on the variables of Keras's, by the same rules.
    """
    import torch

    keras_optimizer = model.optimizer
    if config.optimizer == "sgd":
        optimizer = torch.optim.SGD(weights, fused=True)
    else:
        beta_1, beta_2 = keras_optimizer.beta_1, keras_optimizer.beta_2
        optimizer = torch.optim.AdamW(weights, betas=(beta_1, beta_2), weight_decay=config.weight_decay, fused=True)
        first = torch.tensor(float(keras_optimizer.iterations.value))
        for weight, momentum, velocity in zip(weights, *moments_of(keras_optimizer), strict=True):
            state = {"exp_avg": momentum.value.data, "exp_avg_sq": velocity.value.data}
            optimizer.state[weight] = {"step": first.to(weight.device, copy=True), **state}
    [settings] = optimizer.param_groups

    def update(step: int) -> None:
        rate = settings["lr"] = rate_at(config, step)
        if config.optimizer == "adam":  # Keras adds epsilon before the correction of the second moment, PyTorch after
            settings["eps"] = keras_optimizer.epsilon / math.sqrt(1 - beta_2 ** (step + 1))
        elif config.weight_decay:  # PyTorch's SGD adds it to the gradient
            with torch.no_grad():
                for weight in weights:
                    weight.mul_(1 - rate * config.weight_decay)
        optimizer.step()
        optimizer.zero_grad()

    return update
