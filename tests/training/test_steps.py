"""The training steps of JAX and PyTorch against Keras's own layers and optimizers, each in a process of its own."""

import json
from dataclasses import replace

import pytest
from conftest import Run

from mnistcnn.config import RECIPES, TrainConfig
from mnistcnn.training.optimizer import make_optimizer, rate_at


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_steps_are_those_of_keras(python: Run, backend: str, optimizer: str) -> None:
    """Three steps, from step 2 on, with decay, schedule and smoothing: logits, weights and states within rounding.

    Adam divides gradients by their size, and so their rounding too: hence a hundredth of what the weights moved.
    """
    pytest.importorskip(backend)
    found = json.loads(python("steps_of_keras.py", optimizer, backend=backend).stdout.splitlines()[-1])
    assert found["iterations"] == [5, 5]
    assert found["moved"] > 1e-3
    assert found["logits"] < 1e-4
    assert found["variables"] < found["moved"] / 100


MASKS = """
import json
import numpy as np
from mnistcnn.runtime.backend import start_keras
start_keras("torch", to_train=True)
import torch
from mnistcnn.training.kernels import Dropout
layer, again = (Dropout(0.4, seed=3) for _ in range(2))
ones = torch.ones(100, 1024)
first, second, same = (layer(ones, training=True).numpy() for layer in (layer, layer, again))
still = bool((layer(ones, training=False) == ones).all())
shares = float((first == 0).mean()), float((first == second).mean())
print(json.dumps([np.unique(first).tolist(), *shares, bool((first == same).all()), still]))
"""


def test_dropout_drops_its_share_and_scales_the_rest(python: Run) -> None:
    """On PyTorch: 40 % of the units, other ones at each call, the same ones from the same state; none in prediction."""
    pytest.importorskip("torch")
    values, dropped, alike, is_same, is_still = json.loads(python(MASKS, backend="torch").stdout)
    assert values == pytest.approx([0, 1 / 0.6])
    assert dropped == pytest.approx(0.4, abs=0.01)
    assert alike == pytest.approx(0.4**2 + 0.6**2, abs=0.01)
    assert is_same
    assert is_still


@pytest.mark.parametrize("steps", [1, 2, 10, 300])
@pytest.mark.parametrize("recipe", ["tutorial", "fast", "best"])
def test_the_rate_of_a_step_is_that_of_the_optimizer(recipe: str, steps: int) -> None:
    """rate_at returns, to 1e-6 of the largest, what Keras's optimizer has at every step."""
    config: TrainConfig = replace(RECIPES[recipe], steps=steps)
    optimizer = make_optimizer(config)
    for step in range(0, steps, 7):
        optimizer.iterations.assign(step)
        assert rate_at(config, step) == pytest.approx(float(optimizer.learning_rate), abs=1e-6 * config.learning_rate)
