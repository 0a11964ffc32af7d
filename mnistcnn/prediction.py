"""Reading digits from pictures: many of them, in order, in bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import keras
import numpy as np

from mnistcnn.errors import MnistcnnError
from mnistcnn.model_file import TrainedModel
from mnistcnn.pictures import Picture, model_inputs, read_digit
from mnistcnn.results import Prediction

BATCH_SIZE = 250


def predict(trained: TrainedModel, pictures: Iterable[Picture]) -> Iterator[Prediction]:
    """Yield what the network says of each picture, in their order; a picture that cannot be read has an `error`.

    One batch of pictures is decoded while the network reads the one before it, and no more are held.
    """
    remaining = iter(pictures)
    with ThreadPoolExecutor(max_workers=1) as decoder:
        pending = decoder.submit(_prepared, list(islice(remaining, BATCH_SIZE)))
        while prepared := pending.result():
            pending = decoder.submit(_prepared, list(islice(remaining, BATCH_SIZE)))
            yield from _read(trained, prepared)


def _prepared(pictures: Sequence[Picture]) -> list[Prediction]:
    """Return predictions that hold an image (28, 28) uint8, or an error, and nothing else yet."""
    return [_prepare_one(picture) for picture in pictures]


def _prepare_one(picture: Picture) -> Prediction:
    try:
        return Prediction(file=picture.name, image=read_digit(picture))
    except MnistcnnError as error:
        return Prediction(file=picture.name, error=str(error))


def _read(trained: TrainedModel, prepared: Sequence[Prediction]) -> Iterator[Prediction]:
    images = [prediction.image for prediction in prepared if prediction.image is not None]
    if images:
        inputs = model_inputs(np.stack(images))  # (N, 28, 28, 1)
        outputs = iter(keras.ops.convert_to_numpy(trained.model(inputs, training=False)).tolist())
    for prediction in prepared:
        if prediction.image is None:
            yield prediction
        else:
            yield replace(prediction, probabilities=tuple(next(outputs)))
