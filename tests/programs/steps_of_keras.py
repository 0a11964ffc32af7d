"""Take three steps as a run does and by Keras's own layers and optimizer, and print how they differ: OPTIMIZER.

Inputs are random numbers, so that no two pixels of a window tie.
"""

import json
import sys
from typing import Any

import numpy as np

from mnistcnn.config import TrainConfig
from mnistcnn.runtime.backend import start_keras

STEPS, START, BATCH_SIZE = 3, 2, 6


def by_keras(model: Any, config: TrainConfig, batches: Any) -> np.ndarray:
    """Take the steps by Keras's `train_on_batch`, and return the logits of the last in training, before its update."""
    import keras

    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    model.compile(model.optimizer, loss, jit_compile=False)
    for inputs, labels in batches[:-1]:
        model.train_on_batch(inputs, labels)
    dropout = model.get_layer("dropout").seed_generator.state
    state = keras.ops.convert_to_numpy(dropout.value)
    logits = np.array(keras.ops.convert_to_numpy(model(batches[-1][0], training=True)))
    dropout.assign(state)
    model.train_on_batch(*batches[-1])
    return logits


def main(optimizer: str) -> None:
    """Print the differences as one JSON object."""
    backend = start_keras(to_train=True)
    import keras

    from mnistcnn.training.checkpoint_file import model_variables
    from mnistcnn.training.fitting import initial_model
    from mnistcnn.training.jax_steps import steps_on_jax
    from mnistcnn.training.torch_steps import steps_on_torch

    config = TrainConfig(
        steps=10, optimizer=optimizer, learning_rate=0.01, warmup=0.4, weight_decay=0.3, label_smoothing=0.1, seed=7
    )
    rng = np.random.default_rng(0)
    batches = [
        (rng.random((BATCH_SIZE, 28, 28, 1), np.float32), np.eye(10, dtype=np.float32)[rng.integers(0, 10, BATCH_SIZE)])
        for _ in range(STEPS)
    ]
    models = [initial_model(config, "float32") for _ in range(2)]
    for model in models:
        model.optimizer.iterations.assign(START)
    start = models[0].get_weights()
    expected = by_keras(models[0], config, batches)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing)
    take_steps = steps_on_jax(models[1], loss) if backend == "jax" else steps_on_torch(models[1], config)
    take_steps(iter(batches[:1]))
    _, logits = take_steps(iter(batches[1:]))
    theirs, ours = map(model_variables, models)
    assert theirs.keys() == ours.keys()
    found = {
        "iterations": [int(keras.ops.convert_to_numpy(model.optimizer.iterations.value)) for model in models],
        "moved": max(float(np.abs(a - b).max()) for a, b in zip(start, models[1].get_weights(), strict=True)),
        "logits": float(np.abs(keras.ops.convert_to_numpy(logits) - expected).max()),
        "variables": max(float(np.abs(theirs[name].astype(float) - ours[name]).max()) for name in theirs),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
