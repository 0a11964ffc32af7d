"""What each class of training/kernels.py brings: training steps with it against Keras's own class, in turns.

python tests/benchmarks/kernels.py
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from table import ratio, setting

from mnistcnn.config import CLASSES, TrainConfig, config_from_recipe
from mnistcnn.model.network import build_model, logits_model
from mnistcnn.training.kernels import Dense, FusedAdam, FusedSGD

ROUNDS, STEPS, STEPS_PER_EXECUTION = 7, 100, 50


def trainer(config: TrainConfig, precision: str, optimizer: type[Any], dense: type[Any]) -> Callable[[], float]:
    """Return a function that trains for STEPS steps on one constant batch, warmed up, and returns steps/s."""
    dtype = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    model = logits_model(build_model(dropout=config.dropout, seed=config.seed, dtype=dtype, kinds={"dense": dense}))
    model.compile(
        optimizer(config.learning_rate, weight_decay=config.weight_decay or None),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    rng = np.random.default_rng(0)
    images = rng.random((config.batch_size, 28, 28, 1), np.float32)  # (B, 28, 28, 1)
    labels = np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, config.batch_size)]  # (B, 10)
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread sleeps, and the end of an epoch waits for it
    batches = tf.data.Dataset.from_tensors((images, labels)).repeat().with_options(options)

    def train() -> float:
        began = time.perf_counter()
        model.fit(batches, steps_per_epoch=STEPS, verbose=0)
        return STEPS / (time.perf_counter() - began)

    train()
    return train


def main() -> None:
    """Print a row for each class, recipe and precision."""
    keras_sgd, keras_adam, keras_dense = keras.optimizers.SGD, keras.optimizers.Adam, keras.layers.Dense
    print(f"{setting()}\n\n| class | recipe | precision | steps/s with it | with Keras's | ratio |")
    print("|---|---|---|---|---|---|")
    for name, recipe, precision, ours, theirs in (
        ("FusedSGD", "tutorial", "float32", (FusedSGD, keras_dense), (keras_sgd, keras_dense)),
        ("FusedSGD", "tutorial", "bfloat16", (FusedSGD, keras_dense), (keras_sgd, keras_dense)),
        ("FusedAdam", "fast", "bfloat16", (FusedAdam, keras_dense), (keras_adam, keras_dense)),
        ("FusedAdam", "best", "bfloat16", (FusedAdam, keras_dense), (keras_adam, keras_dense)),
        ("Dense", "tutorial", "float32", (FusedSGD, Dense), (FusedSGD, keras_dense)),
    ):
        config = config_from_recipe(recipe)
        pair = [trainer(config, precision, *classes) for classes in (ours, theirs)]
        rates = [[train() for train in pair] for _ in range(ROUNDS)]
        with_it, without = zip(*rates, strict=True)
        print(
            f"| `{name}` | `{recipe}` | {precision} | {median(with_it):.1f} | {median(without):.1f} "
            f"| {ratio(with_it, without):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
