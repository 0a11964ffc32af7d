"""The calls that the library and the commands share: from the names of models and data to a result.

Paths, names and models go in, with a Process that computes. Frozen results come out. Training is in `training_run`,
pictures are in `reading`, explanations in `explaining`. Nothing here prints results or knows the options of commands.
"""

import inspect
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnistcnn.config import OWN_MODEL
from mnistcnn.files import expanded
from mnistcnn.report.console import say
from mnistcnn.report.live_view import download_view
from mnistcnn.results import Comparison, Prediction
from mnistcnn.runtime.backend import (
    chosen_backend,
    quickest_backend,
    start_backend,
    start_keras,
)
from mnistcnn.runtime.outputs import require_plot_path

if TYPE_CHECKING:
    from mnistcnn.data.dataset import Dataset
    from mnistcnn.model.model_file import TrainedModel

    AnyData = str | Path | Dataset | None
    AnyModel = str | Path | TrainedModel | None


@dataclass(frozen=True)
class Process:
    """The process that computes: its backend and its device.

    The library works in its caller's process, and warns the caller. The commands have a subclass for their own process.
    """

    backend: str | None = None  # None is the one that KERAS_BACKEND or keras.json names, or tensorflow
    device: str | None = None  # None is the one that the backend prefers

    def start(self, pictures: int | None = None) -> str:
        """Start the backend, if none is named the quickest for so many pictures, and return its name."""
        default = "tensorflow" if pictures is None or self.device else quickest_backend(pictures)
        return start_backend(self.backend, self.device, default=default)

    def start_training(self, device: str | None) -> None:
        """Start Keras on a backend that trains, on a device."""
        start_keras(self.backend, device, to_train=True)

    def warn(self, notice: str) -> None:
        """Warn of something at the line that called the library."""
        level, frame = 1, inspect.currentframe()
        while frame is not None and frame.f_globals.get("__name__", "").startswith("mnistcnn."):
            level, frame = level + 1, frame.f_back
        warnings.warn(notice, stacklevel=level)


def load_models(models: "Sequence[AnyModel]", process: Process, pictures: int | None = None) -> "list[TrainedModel]":
    """Return models; those that are given as files are loaded on the backend and device of a process.

    `pictures` is how many the models are to read, if that is known. None among the models is `mnistcnn.keras` in the
    current folder or, as a line on standard error says, the pretrained model.
    """
    files = [model for model in models if model is None or isinstance(model, str | Path)]
    backend = process.start(pictures) if files else ""
    from mnistcnn.model.model_file import TrainedModel, load_model
    from mnistcnn.model.pretrained import FILE, model_file

    loaded = []
    for model in models:
        if isinstance(model, TrainedModel):
            loaded.append(model)
            continue
        if model is not None and not isinstance(model, str | Path):
            expected = "model must be a path, or a TrainedModel, such as the `model` of what train returns"
            raise TypeError(f"{expected}; received {type(model).__name__}")
        loaded.append(load_model(model_file(model), backend))
        if model is None and model_file(model) == FILE:
            accuracy = 100 * (loaded[-1].metadata.accuracy or 0.0)
            say(f"no {OWN_MODEL} here: the pretrained model is used; it reads {accuracy:.2f} % of MNIST's test images")
    return loaded


def load_named_models(
    models: "Sequence[AnyModel]", process: Process, pictures: int | None = None
) -> "dict[str, TrainedModel]":
    """Return models as `load_models` does, each under the name that people know it by."""
    names = [_name(model, place) for place, model in enumerate(models, start=1)]
    return dict(zip(names, load_models(models, process, pictures), strict=True))


def compare_models(
    models: "Sequence[AnyModel]",
    data: "AnyData",
    split: str | None,
    process: Process,
    *,
    plot: Path | None = None,
    force: bool = False,
) -> Comparison:
    """Measure models on the same split, and draw the result if a plot is wanted.

    Args:
        models: Models, or the files that hold them.
        data: A dataset, or what names one; None is what MNISTCNN_DATA names, or MNIST.
        split: The name of a split; None is the dataset's default.
        process: The process that computes.
        plot: The file to draw the result into.
        force: Whether that file may be replaced.

    Returns:
        An evaluation for each model, and the images that they do not all read alike.

    Raises:
        MnistcnnError: A model or the data cannot be read, or the plot cannot be drawn.

    """
    if plot is not None:
        require_plot_path(plot, force=force)
    _require(models, process)
    dataset = open_dataset(data, process)
    trained = load_named_models(models, process)
    from mnistcnn.inference.evaluation import compare

    comparison = compare(trained, dataset, split)
    if plot is not None:
        from mnistcnn.report.plots import save_comparison_sheet, save_evaluation_sheet

        if len(models) == 1:
            save_evaluation_sheet(comparison.evaluations[0], plot)
        else:
            save_comparison_sheet(comparison, plot)
    return comparison


def sample_images(
    data: "AnyData", split: str | None, count: int, misread: "AnyModel", process: Process
) -> Iterator[Prediction]:
    """Yield up to `count` images of a split: its first or, with a model `misread`, those that it misreads most surely.

    Each has its label, and a file's name made of its own or else its split and position and, if it is misread, the
    answer.
    """
    if misread is not None:
        _require([misread], process)
    dataset = open_dataset(data, process)
    name = split or "test"
    if misread is None:
        images = dataset.split(name)[:count]
        for position, (image, label) in enumerate(zip(images.images, images.labels.tolist(), strict=True)):
            stem = _stem(images.file(position), name, position)
            yield Prediction(file=f"{stem}.png", image=image, label=label)
        return
    [trained] = load_models([misread], process)
    from mnistcnn.inference.evaluation import misread_images

    for mistake in misread_images(trained, dataset.split(name))[:count]:
        stem = _stem(mistake.file, name, mistake.position)
        yield Prediction(file=f"{stem}-read-as-{mistake.digit}.png", image=mistake.image, label=mistake.label)


def _stem(file: str | None, split: str, position: int) -> str:
    return f"{split}-{position:05}" if file is None else Path(file).stem


def _require(models: "Sequence[AnyModel]", process: Process) -> None:
    """Raise MnistcnnError if a file of a model or the backend is missing: sooner than after a download."""
    files = [model for model in models if model is None or isinstance(model, str | Path)]
    if not files:
        return
    chosen_backend(process.backend)
    from mnistcnn.model.archive import require_file
    from mnistcnn.model.pretrained import model_file

    for model in files:
        require_file(model_file(model))


def _name(model: "AnyModel", place: int) -> str:
    """Return the name under which a model is compared."""
    if isinstance(model, str | Path):
        return str(model)
    from mnistcnn.model.pretrained import FILE, NAME, model_file

    if model is not None:
        return f"model {place}"
    return NAME if model_file(None) == FILE else OWN_MODEL


def open_dataset(data: "AnyData", process: Process, *, quiet: bool = False) -> "Dataset":
    """Return the dataset that data, or MNISTCNN_DATA, names; a terminal shows the download unless `quiet`."""
    from mnistcnn.data.dataset import Dataset
    from mnistcnn.data.download import COMPRESSED_BYTES
    from mnistcnn.data.sources import load_dataset

    if isinstance(data, Dataset):
        return data
    if data is not None and not isinstance(data, str | os.PathLike):
        raise TypeError(f"data must be mnist, sample, a path, or a Dataset; received {type(data).__name__}")
    source = expanded(os.environ.get("MNISTCNN_DATA", "")) or None if data is None else os.fspath(data)
    with download_view(COMPRESSED_BYTES, quiet=quiet) as view:
        dataset = load_dataset(source, on_bytes=view)
    if dataset.notice:
        process.warn(dataset.notice)
    return dataset
