"""How well models read labelled images: one model measured, or several compared.

Models and a dataset go in; the plain data of `results` comes out. It knows neither files nor reports.
"""

from collections.abc import Mapping

import numpy as np

from mnistcnn.config import CLASSES
from mnistcnn.data.dataset import Dataset, Split
from mnistcnn.inference.measures import (
    calibration_bins,
    calibration_error,
    confusion_matrix,
    loss_and_accuracy,
    measures_by_class,
    softmax,
    top_k_accuracy,
    wilson_interval,
)
from mnistcnn.model.model_file import TrainedModel
from mnistcnn.results import Comparison, Difference, Evaluation, Mistake

# accuracy: below it, images are tried with rows and columns exchanged, so many of them
LOW_ACCURACY, TURNED_IMAGES = 0.5, 500
# × the accuracy: if exchanged images are read so much better, a notice says so
MUCH_BETTER = 2
# mistakes: the most that an evaluation shows
WORST_MISTAKES = 20


def evaluate(trained: TrainedModel, dataset: Dataset, split: str | None = None) -> Evaluation:
    """Measure a model on every image of a split; None is the dataset's default split.

    Raises as `Dataset.split` does.
    """
    name = split or dataset.default_split
    images = dataset.split(name)
    return _evaluation(trained, split_logits(trained, images), images, dataset, name)


def compare(models: Mapping[str, TrainedModel], dataset: Dataset, split: str | None = None) -> Comparison:
    """Measure models, by name, on the same split, and find the images that they read differently.

    Raises as `Dataset.split` does.
    """
    name = split or dataset.default_split
    images = dataset.split(name)
    logits = [split_logits(trained, images) for trained in models.values()]
    return Comparison(
        models=tuple(models),
        evaluations=tuple(
            _evaluation(trained, outputs, images, dataset, name)
            for trained, outputs in zip(models.values(), logits, strict=True)
        ),
        differences=_differences(np.stack([softmax(outputs) for outputs in logits]), images),
    )


def _evaluation(trained: TrainedModel, logits: np.ndarray, images: Split, dataset: Dataset, split: str) -> Evaluation:
    found = images[images.has_ink]
    probabilities = softmax(logits[images.has_ink])  # (found, 10)
    confusion = confusion_matrix(found.labels, probabilities.argmax(axis=1), CLASSES)
    shown, hits = np.bincount(images.labels, minlength=CLASSES), int(confusion.trace())
    bins = calibration_bins(probabilities, found.labels)
    return Evaluation(
        loss=loss_and_accuracy(logits, images.labels)[0],
        accuracy=hits / len(images),
        accuracy_interval=wilson_interval(hits, len(images)),
        top2_accuracy=top_k_accuracy(probabilities, found.labels, 2) * len(found) / len(images),
        calibration_error=calibration_error(bins),
        step=trained.metadata.step,
        recipe=trained.metadata.recipe,
        data=dataset.name,
        split=split,
        images=len(images),
        mistakes=len(images) - hits,
        without_digit=len(images) - len(found),
        classes=measures_by_class(confusion, shown),
        confusion=tuple(map(tuple, confusion.tolist())),
        calibration=bins,
        worst_mistakes=_mistakes(softmax(logits), images, WORST_MISTAKES),
        notice=_notice(trained, dataset, images, hits / len(images)),
    )


def _notice(trained: TrainedModel, dataset: Dataset, images: Split, accuracy: float) -> str | None:
    """Return what a reader of the measures must know: the model may know these images, or they lie on their side."""
    name, source = dataset.name, dataset.taken_from
    if source is not None and trained.metadata.data == source:
        return f"{name} is taken from the training images of {source}: a model trained on {source} may know them"
    if accuracy < LOW_ACCURACY:
        few = images[:TURNED_IMAGES]
        turned = float((trained.logits(few.images.transpose(0, 2, 1)).argmax(axis=1) == few.labels).mean())
        if turned > MUCH_BETTER * accuracy:
            share = f"{100 * turned:.0f} %"
            return f"with rows and columns exchanged {share} would be right: are the images turned, as EMNIST's are?"
    return None


def misread_images(trained: TrainedModel, images: Split) -> tuple[Mistake, ...]:
    """Return all images of a split that a model misreads, the mistake with the highest probability first."""
    return _mistakes(softmax(split_logits(trained, images)), images, len(images))


def _mistakes(probabilities: np.ndarray, images: Split, limit: int) -> tuple[Mistake, ...]:
    """Return up to `limit` images that probabilities (N, 10) misread, the one with the highest probability first."""
    answers = probabilities.argmax(axis=1)
    (misread,) = np.nonzero((answers != images.labels) & images.has_ink)
    surest_first = misread[np.argsort(-probabilities[misread, answers[misread]], kind="stable")]
    return tuple(
        Mistake(
            position=position,
            label=int(images.labels[position]),
            digit=int(answers[position]),
            probability=float(probabilities[position, answers[position]]),
            label_probability=float(probabilities[position, images.labels[position]]),
            file=images.file(position),
            image=images.images[position],
        )
        for position in surest_first[:limit].tolist()
    )


def _differences(probabilities: np.ndarray, images: Split) -> tuple[Difference, ...]:
    """Return the images that models read differently, from their probabilities (models, N, 10)."""
    answers = probabilities.argmax(axis=2)  # (models, N)
    (apart,) = np.nonzero((answers != answers[0]).any(axis=0))
    return tuple(
        Difference(
            position=position,
            label=int(images.labels[position]),
            digits=tuple(answers[:, position].tolist()),
            probabilities=tuple(probabilities[:, position].max(axis=1).tolist()),
            file=images.file(position),
            image=images.images[position],
        )
        for position in apart.tolist()
    )


def split_logits(trained: TrainedModel, images: Split) -> np.ndarray:
    """Return a model's logits (N, 10) of a split. An image without ink gets ten equal logits: no opinion."""
    return np.where(images.has_ink[:, None], trained.logits(images.images), 0)
