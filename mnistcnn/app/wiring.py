"""The calls that the library and the commands share: from the names of models and data to a result.

Paths, names and models go in, with a Process that computes. Frozen results come out. Training is in `training_run`,
explanations are in `explaining`. Nothing here prints results or knows the command line's options.
"""

import inspect
import os
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, get_args

from mnistcnn.config import OWN_MODEL, Digits, Invert
from mnistcnn.errors import UsageError
from mnistcnn.files import expanded, is_csv
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
    import numpy as np
    from PIL.Image import Image

    from mnistcnn.data.dataset import Dataset
    from mnistcnn.model.model_file import TrainedModel
    from mnistcnn.pictures.finding import Picture

    AnyData = str | Path | Dataset | None
    AnyModel = str | Path | TrainedModel | None
    AnyPicture = str | Path | Image | np.ndarray | Sequence["AnyPicture"]

CSV_ROW_BYTES = 1_600  # bytes: what a row of 784 pixels takes in a CSV file, at least


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


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How pictures are read: the digits to look for in each, and whether its strokes are dark on light.

    Raises UsageError for any other value.
    """

    digits: Digits = "auto"
    invert: Invert = "auto"

    def __post_init__(self) -> None:
        for name, values in (("digits", get_args(Digits)), ("invert", get_args(Invert))):
            if getattr(self, name) not in values:
                raise UsageError(name, f"one of {', '.join(values)}", getattr(self, name))


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


def read_pictures(
    model: "AnyModel", given: "Iterable[AnyPicture]", reading: Reading, process: Process, *, stdin: BinaryIO | None
) -> tuple[int, Generator[tuple[Prediction, ...], None, None]]:
    """Find the pictures that are given; return how many there are, and their predictions as they are read.

    The name "-" stands for the picture that `stdin` holds. Each picture has a prediction for each of its digits, from
    left to right, or one with an `error`. Each row of a CSV file is a picture of one digit; these come first. Raises
    MnistcnnError if the model or a CSV file cannot be read, TypeError for what is not a picture.
    """
    flat = list(_flat(given))
    files = [Path(each) for each in flat if isinstance(each, str | Path) and is_csv(str(each))]
    if files and reading.digits == "many":
        raise UsageError("digits", "auto or one for a CSV file: each of its rows shows one digit", reading.digits)
    others = [each for each in flat if not (isinstance(each, str | Path) and is_csv(str(each)))]
    pictures = _found(others, stdin)
    about = len(pictures) + sum(path.stat().st_size // CSV_ROW_BYTES for path in files if path.is_file())
    [trained] = load_models([model], process, about)  # before NumPy is imported, which it sets up
    from mnistcnn.data.named_files import read_table, transposed_notice
    from mnistcnn.inference.prediction import predict_numbers
    from mnistcnn.inference.rows import predict_rows

    for notice in filter(None, [*_skipped(others), *map(transposed_notice, files)]):
        process.warn(notice)
    tables = [(str(path), read_table(path)) for path in files]

    def numbers() -> Generator[tuple[Prediction, ...], None, None]:
        for name, table in tables:
            yield from predict_rows(trained, name, table, invert=reading.invert)
        yield from predict_numbers(trained, pictures, invert=reading.invert, digits=reading.digits)

    return len(pictures) + sum(len(table.images) for _, table in tables), numbers()


def _found(given: "Iterable[AnyPicture]", stdin: BinaryIO | None) -> "list[Picture]":
    """Return pictures, found by their names or made of images and arrays; such a picture is named by its place."""
    from mnistcnn.pictures.finding import find_pictures

    found: list[Picture] = []
    for each in given:
        if isinstance(each, str | os.PathLike):
            found += find_pictures([os.fspath(each)], stdin)
        else:
            from mnistcnn.pictures.in_memory import numbered, pictures_of

            found += numbered(pictures_of(each), first=len(found) + 1)
    return found


def _skipped(given: "Iterable[AnyPicture]") -> "Iterator[str | None]":
    """Yield for each folder what of it is not read, if anything is not."""
    from mnistcnn.pictures.folders import skipped

    for each in given:
        if isinstance(each, str | os.PathLike) and Path(each).is_dir():
            yield skipped(Path(each))


def _flat(given: "Iterable[AnyPicture]") -> "Iterator[AnyPicture]":
    for each in given:
        if isinstance(each, list | tuple):
            yield from _flat(each)
        else:
            yield each


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
