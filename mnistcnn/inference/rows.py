"""Digits read from the rows of a CSV file, which the network gets as they are: no digit is looked for in them."""

from collections.abc import Iterator
from dataclasses import replace

from mnistcnn.config import SIZE, Invert
from mnistcnn.data.csv import Table
from mnistcnn.inference.prediction import answers_to, prediction_of
from mnistcnn.model.model_file import TrainedModel
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.prepared import PreparedDigit
from mnistcnn.results import Prediction

BATCH_SIZE = 500  # rows: what the network is given at once
BOX = (0, 0, SIZE, SIZE)  # pixels: a row's image is all digit


def predict_rows(
    trained: TrainedModel, file: str, table: Table, *, start: int = 0, invert: Invert = "auto"
) -> Iterator[list[tuple[Prediction, ...]]]:
    """Yield the prediction for each row of a file from row `start` on, counted from 0, in order and in batches.

    Strokes are light on dark, unless `invert` is "yes".
    """
    for first in range(start, len(table.images), BATCH_SIZE):
        images = table.images[first : first + BATCH_SIZE]
        images = 255 - images if invert == "yes" else images
        digits = [PreparedDigit(image, BOX, thumbnail=image) for image in images]
        batch: list[tuple[Prediction, ...]] = []
        for place, answer in enumerate(answers_to(trained, digits), start=first):
            label = None if table.labels is None else int(table.labels[place])
            batch.append((replace(prediction_of(Picture(file, label=label), answer), row=place + 1),))
        yield batch
