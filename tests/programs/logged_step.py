"""Train 50 steps, take step 50 again by hand from step 49's checkpoint, and print how its record differs from that."""

import json
from pathlib import Path

import keras
import numpy as np

from mnistcnn.config import TrainConfig
from mnistcnn.data.sources import load_dataset
from mnistcnn.events import TrainingEvent, TrainingRecord
from mnistcnn.runtime.outputs import Outputs
from mnistcnn.training.batches import training_batches
from mnistcnn.training.checkpoint_file import read_latest_checkpoint, restore_variables
from mnistcnn.training.fitting import initial_model
from mnistcnn.training.run import train


def config(steps: int) -> TrainConfig:
    """Return the run, of some length."""
    return TrainConfig(steps=steps, batch_size=10, precision="float32", learning_rate=0.01, seed=5)


def main() -> None:
    """Print the differences as one JSON object."""
    digits = load_dataset("sample")
    events: list[TrainingEvent] = []
    train(config(49), digits, outputs=Outputs(model=Path("m.keras")))
    train(config(50), digits, listeners=[events.append])
    [record] = [event for event in events if isinstance(event, TrainingRecord)]

    model = initial_model(config(50), "float32")
    checkpoint = read_latest_checkpoint(Path("m.keras.checkpoint"))
    assert checkpoint is not None
    restore_variables(model, checkpoint.variables)
    [(inputs, labels)] = training_batches(digits.split("train"), config(50), start_step=49).as_numpy_iterator()
    logits = model(inputs, training=True)
    probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    still = keras.ops.convert_to_numpy(keras.ops.softmax(model(inputs, training=False)))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)(labels, logits)
    found = {
        "step": record.step,
        "difference": float(np.abs(probabilities - record.probabilities).max()),
        "difference_without_dropout": float(np.abs(still - record.probabilities).max()),
        "loss_difference": abs(float(keras.ops.convert_to_numpy(loss)) - record.loss),
        "labels_equal": bool((labels.argmax(axis=1) == record.labels).all()),
        "accuracy_equal": record.accuracy == float((probabilities.argmax(axis=1) == labels.argmax(axis=1)).mean()),
        "backend": keras.backend.backend(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
