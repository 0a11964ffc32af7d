"""How well a model reads labelled images."""

import numpy as np

from mnistcnn.datasets import Dataset
from mnistcnn.model import logits_model
from mnistcnn.model_file import TrainedModel
from mnistcnn.pictures import model_inputs
from mnistcnn.results import Evaluation

BATCH_SIZE = 500


def evaluate(trained: TrainedModel, dataset: Dataset, split: str | None = None) -> Evaluation:
    """Measure a model on every image of a split, the dataset's default one where none is named.

    Raises as `Dataset.split` does.
    """
    name = split or dataset.default_split
    images = dataset.split(name)
    loss, accuracy = loss_and_accuracy(predicted_logits(trained, images.images), images.labels)
    return Evaluation(
        loss=loss,
        accuracy=accuracy,
        step=trained.metadata.step,
        recipe=trained.metadata.recipe,
        data=dataset.name,
        split=name,
        images=len(images),
    )


def predicted_logits(trained: TrainedModel, images: np.ndarray) -> np.ndarray:
    """Run the network over images (N, 28, 28) uint8 and return its logits (N, 10) float32; none is dropped."""
    network = logits_model(trained.model)
    batches = (images[first : first + BATCH_SIZE] for first in range(0, len(images), BATCH_SIZE))
    return np.concatenate([network.predict_on_batch(model_inputs(batch)) for batch in batches])


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the log-probabilities (N, 10) float64 of logits (N, 10); no size of logit overflows."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities (N, 10) float64 of logits (N, 10)."""
    return np.asarray(np.exp(log_softmax(logits)))


def loss_and_accuracy(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the mean softmax cross-entropy in nats, and the share read right, of logits (N, 10), labels (N,)."""
    loss = -log_softmax(logits)[np.arange(len(labels)), labels].mean()
    return float(loss), float((logits.argmax(axis=1) == labels).mean())
