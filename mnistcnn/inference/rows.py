"""Digits read from the rows of a CSV file, which the network gets as they are: no digit is looked for in them."""

from collections.abc import Iterator

import numpy as np

from mnistcnn.config import SIZE, Invert
from mnistcnn.data.csv import Table
from mnistcnn.inference.calibration import doubts
from mnistcnn.inference.measures import softmax
from mnistcnn.model.model_file import TrainedModel
from mnistcnn.results import Prediction

BATCH_SIZE = 500  # rows: what the network is given at once


def predict_rows(
    trained: TrainedModel, file: str, table: Table, *, invert: Invert = "auto"
) -> Iterator[tuple[Prediction]]:
    """Yield the prediction for each row of a file, in order. Strokes are light on dark, unless `invert` is "yes"."""
    for first in range(0, len(table.images), BATCH_SIZE):
        images = table.images[first : first + BATCH_SIZE]
        images = 255 - images if invert == "yes" else images
        logits = trained.logits(images)
        probabilities = softmax(logits).astype(np.float32).tolist()
        others = np.zeros(len(images), int)
        reasons = doubts(logits, trained.metadata.calibration, trained.metadata.evidence, others)
        for place, image in enumerate(images):
            yield (
                Prediction(
                    file=file,
                    row=first + place + 1,
                    probabilities=tuple(probabilities[place]),
                    unsure_because=reasons[place],
                    box=(0, 0, SIZE, SIZE),
                    line=0,
                    group=0,
                    image=image,
                    thumbnail=image,
                    label=None if table.labels is None else int(table.labels[first + place]),
                ),
            )
