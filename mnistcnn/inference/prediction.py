"""Digits read from pictures by a model: any number of pictures, in order, in bounded memory.

A model and pictures by name go in; predictions come out. It knows neither how a digit is found in a picture
(`pictures.preparing`) nor how a prediction is shown.
"""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, islice

import numpy as np

from mnistcnn.config import Digits, Invert
from mnistcnn.errors import MnistcnnError
from mnistcnn.inference.calibration import doubts
from mnistcnn.inference.choosing import Answer, costs, digits_shown, is_clear
from mnistcnn.inference.measures import softmax
from mnistcnn.model.model_file import TrainedModel
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.prepared import PreparedDigit
from mnistcnn.pictures.preparing import read_digits
from mnistcnn.results import Prediction

# pictures: the most that are decoded ahead and held at once
BATCH_SIZE = 250
# threads: the most that decode, each of which may hold a picture of 89 million pixels
MAX_DECODERS = 8


@dataclass(frozen=True)
class PreparedPicture:
    """A picture's digits, in reading order, or the reason why there are none."""

    picture: Picture
    digits: Sequence[PreparedDigit] = ()
    error: str | None = None

    @property
    def asked(self) -> Sequence[PreparedDigit]:
        """What the network is asked: the digits, and last, if there is one, the picture's one digit in their place."""
        alone = [digit.alone for digit in self.digits if digit.alone is not None]
        return [*self.digits, *alone]


def predict(trained: TrainedModel, pictures: Iterable[Picture], *, invert: Invert = "auto") -> Iterator[Prediction]:
    """Yield a prediction for each picture, in order; that of a picture that cannot be read has an `error`.

    `invert` says whether strokes are dark on light; "auto" finds out.
    """
    for predictions in predict_numbers(trained, pictures, invert=invert, digits="one"):
        yield from predictions


def predict_numbers(
    trained: TrainedModel, pictures: Iterable[Picture], *, invert: Invert = "auto", digits: Digits = "auto"
) -> Generator[tuple[Prediction, ...], None, None]:
    """Yield the predictions for each picture, as `predict_batches` has them."""
    for batch in predict_batches(trained, batches(pictures), invert=invert, digits=digits):
        yield from batch


def batches(pictures: Iterable[Picture], start: int = 0) -> Iterator[list[Picture]]:
    """Divide pictures, the first of which is number `start` of all, into what the network reads at once.

    The first batches are small, so that the first answers do not wait for many pictures. The sizes follow from the
    place alone, because the last bits of an answer depend on the batch: who goes on at a batch's end gets the same.
    """
    remaining = iter(pictures)
    # 1, then four times as many each time, because JAX compiles anew for every size.
    while batch := list(islice(remaining, min(3 * start + 1, BATCH_SIZE))):
        yield batch
        start += len(batch)


def predict_batches(
    trained: TrainedModel,
    pictures: Iterable[Sequence[Picture]],
    *,
    invert: Invert = "auto",
    digits: Digits = "auto",
    cores: int | None = None,
) -> Generator[list[tuple[Prediction, ...]], None, None]:
    """Read the digits of each picture, in reading order.

    One batch of pictures is decoded while the network reads the batch before, and one more may wait.

    Args:
        trained: the model that reads the digits.
        pictures: the pictures in batches, in the order of the answers.
        invert: whether strokes are dark on light; "auto" finds out.
        digits: "auto" for as many digits as a picture shows, "one" for its one digit, "many" for all.
        cores: how many cores decode; None is all.

    Yields:
        For each picture of a batch at least one prediction; exactly one if it has an `error`.

    """
    remaining = iter(pictures)
    first = next(remaining, [])
    decoder = ThreadPoolExecutor(_decoders(first, cores or os.cpu_count() or 1))
    pending: list[Future[PreparedPicture]] = []
    try:
        for batch in chain([first], remaining):
            # The decoders get a batch before the one in front of it is done: no core waits for its last picture.
            ahead = [decoder.submit(_prepared, picture, invert, digits) for picture in batch]
            if pending:
                yield _read(trained, [future.result() for future in pending])
            pending = ahead
        if pending:
            yield _read(trained, [future.result() for future in pending])
    finally:
        # After Ctrl-C, or once nobody reads on, only the pictures under way are decoded: a batch can take a minute.
        decoder.shutdown(wait=False, cancel_futures=True)


def _decoders(batch: Sequence[Picture], cores: int) -> int:
    """Return how many threads decode pictures such as these: a thread that waits for a storage uses no core."""
    return MAX_DECODERS if any(isinstance(picture.source, str) for picture in batch) else min(cores, MAX_DECODERS)


def _prepared(picture: Picture, invert: Invert, digits: Digits) -> PreparedPicture:
    try:
        return PreparedPicture(picture, read_digits(picture, invert=invert, digits=digits))
    except MnistcnnError as error:
        return PreparedPicture(picture, error=str(error))


def _read(trained: TrainedModel, batch: Sequence[PreparedPicture]) -> list[tuple[Prediction, ...]]:
    """Return the predictions for each picture of a batch, all of which the network reads at once."""
    answers = iter(_answers_to_marks(trained, [digit for each in batch for digit in each.asked]))
    return [_predictions(each, answers) for each in batch]


def _answers_to_marks(trained: TrainedModel, marks: Sequence[PreparedDigit]) -> list[list[Answer]]:
    """Return what the network says of each mark or, if it does not read the whole mark clearly, of all its pieces."""
    wholes = answers_to(trained, marks)
    cut = [[whole.digit] if is_clear(whole) else whole.digit.cut() for whole in wholes]
    pieces = iter(answers_to(trained, [piece for _, *runs in cut for piece in runs]))
    return [
        [replace(whole, digit=first), *islice(pieces, len(runs))]
        for whole, (first, *runs) in zip(wholes, cut, strict=True)
    ]


def _predictions(prepared: PreparedPicture, answers: Iterator[list[Answer]]) -> tuple[Prediction, ...]:
    """Return the predictions for a picture, the answers to whose marks are next."""
    picture = prepared.picture
    if prepared.error is not None:
        return (Prediction(file=picture.name, label=picture.label, error=prepared.error),)
    several = [answer for mark in islice(answers, len(prepared.digits)) for answer in mark]
    alone = next(answers)[0] if prepared.digits[0].alone is not None else None
    shown = digits_shown(several, alone)
    if len(shown) == 1:
        return (prediction_of(picture, shown[0]),)
    return tuple(
        replace(prediction_of(picture, answer), thumbnail=answer.digit.page, thumbnail_box=answer.digit.page_box)
        for answer in shown
    )


def answers_to(trained: TrainedModel, digits: Sequence[PreparedDigit]) -> list[Answer]:
    """Return what the network says of each digit."""
    logits = trained.logits(np.array([digit.image for digit in digits], np.uint8))
    temperature, least = trained.metadata.calibration, trained.metadata.evidence
    others = np.array([digit.others for digit in digits])
    columns = (
        softmax(logits).astype(np.float32).tolist(),
        doubts(logits, temperature, least, others),
        costs(logits, temperature, least, np.array([digit.aspect for digit in digits])).tolist(),
    )
    return [Answer(digit, tuple(row), *rest) for digit, row, *rest in zip(digits, *columns, strict=True)]


def prediction_of(picture: Picture, answer: Answer) -> Prediction:
    """Return the prediction for one digit of a picture."""
    digit = answer.digit
    return Prediction(
        file=picture.name,
        probabilities=answer.probabilities,
        unsure_because=answer.unsure_because,
        box=digit.box,
        line=digit.line,
        group=digit.group,
        image=digit.image,
        thumbnail=digit.thumbnail,
        label=picture.label,
    )
