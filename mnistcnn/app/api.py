"""What `from mnistcnn import …` offers: the commands as functions that give back what they found."""

import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistcnn.config import config_from_recipe
from mnistcnn.events import Listener
from mnistcnn.report.live_view import TrainingView
from mnistcnn.results import Comparison, Evaluation, Predictions, TrainingResult
from mnistcnn.runtime.backend import start_keras
from mnistcnn.runtime.outputs import Outputs, claimed_outputs

if TYPE_CHECKING:
    from mnistcnn.data.dataset import Dataset
    from mnistcnn.model.model_file import TrainedModel


def load_model(path: str | Path) -> "TrainedModel":
    """Load a model that `train` saved; its `model` is the Keras network, its `metadata` where it comes from.

    Nothing in the file is deserialized. Raises MnistcnnError for a file that is no such model.
    """
    start_keras()
    from mnistcnn.model.model_file import load_model

    return load_model(Path(path))


def train(
    recipe: str = "tutorial",
    data: "str | Path | Dataset | None" = None,
    *,
    model: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    quiet: bool = False,
    listeners: Sequence[Listener] = (),
    **hyperparameters: Any,
) -> TrainingResult:
    """Train the network, as `mnistcnn train` does.

    Args:
        recipe: where hyperparameters that are not given come from.
        data: "mnist", "sample", a path, or a Dataset; None is MNIST, or the sample if MNIST is out of reach.
        model: the .keras file to save, with checkpoints beside it; None writes nothing.
        resume: go on from the last checkpoint.
        force: replace what an earlier run left.
        quiet: show nothing while it trains.
        listeners: functions that are told of every event of the run, as `mnistcnn.events` describes them.
        **hyperparameters: `steps`, `batch_size`, `learning_rate`, …: the fields of `mnistcnn.config.TrainConfig`.

    Returns:
        The result: its `model` is trained, its `test` an Evaluation, its `history` the run's course.

    Raises:
        MnistcnnError: what you can fix: a value, a file, data. UsageError among it is a wrong value.

    Example:
        >>> result = train(data="sample", steps=200, quiet=True)  # doctest: +SKIP
        >>> result.test.accuracy  # doctest: +SKIP
        0.7

    """
    config = config_from_recipe(recipe, **hyperparameters)
    outputs = None if model is None else Outputs(model=Path(model), resume=resume)
    with claimed_outputs(outputs, force=force) if outputs else nullcontext(), TrainingView(quiet=quiet) as view:
        dataset = _dataset(data)
        start_keras()
        from mnistcnn.training.run import train

        return train(config, dataset, outputs=outputs, listeners=[view, *listeners])


def evaluate(
    model: "TrainedModel | str | Path", data: "str | Path | Dataset | None" = None, split: str | None = None
) -> Evaluation:
    """Measure a model, or the model in a file, on a split, as `mnistcnn evaluate` does.

    `data` is as for `train`; without a `split` it is the test split, or every picture of class folders. Raises
    MnistcnnError where the model or the data cannot be read.
    """
    return compare([model], data, split).evaluations[0]


def compare(
    models: "Sequence[TrainedModel | str | Path]",
    data: "str | Path | Dataset | None" = None,
    split: str | None = None,
) -> Comparison:
    """Measure several models on the same split, and find the images that they do not all read alike."""
    dataset = _dataset(data)
    trained = {_name(model, place): _loaded(model) for place, model in enumerate(models, start=1)}
    from mnistcnn.inference.evaluation import compare

    return compare(trained, dataset, split)


def predict(model: "TrainedModel | str | Path", *pictures: str | Path) -> Predictions:
    """Read the digit in each picture: files, folders and glob patterns, as `mnistcnn predict` does.

    A picture that cannot be read has an `error` and no digit. Raises MnistcnnError where the model cannot be read.
    """
    trained = _loaded(model)
    from io import BytesIO

    from mnistcnn.inference.prediction import predict
    from mnistcnn.pictures.finding import find_pictures

    return Predictions(predict(trained, find_pictures(map(str, pictures), BytesIO())))


def _loaded(model: "TrainedModel | str | Path") -> "TrainedModel":
    return load_model(model) if isinstance(model, str | Path) else model


def _name(model: "TrainedModel | str | Path", place: int) -> str:
    return str(model) if isinstance(model, str | Path) else f"model {place}"


def _dataset(data: "str | Path | Dataset | None") -> "Dataset":
    from mnistcnn.data.dataset import Dataset
    from mnistcnn.data.sources import load_dataset

    if isinstance(data, Dataset):
        return data
    dataset = load_dataset(None if data is None else str(data))
    if dataset.notice:
        warnings.warn(dataset.notice, stacklevel=3)
    return dataset
