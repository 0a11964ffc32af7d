"""The library: train, evaluate, compare, predict, explain, load_model and export, as `from mnistcnn import …` has them.

Paths, names and models go in; frozen results come out. `wiring` and `training_run` do the work, for the commands too.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnistcnn.app.explaining import Sheet, explain_picture
from mnistcnn.app.exporting import export_files
from mnistcnn.app.reading import Reading, read_pictures
from mnistcnn.app.training_run import Run, run_training
from mnistcnn.app.wiring import Process, compare_models, load_models
from mnistcnn.config import Digits, Invert, config_from_recipe, default_recipe
from mnistcnn.errors import UsageError, parameter
from mnistcnn.events import Listener
from mnistcnn.report.notebook_view import is_in_kernel
from mnistcnn.results import Comparison, Evaluation, Explanation, Export, Predictions, TrainingResult
from mnistcnn.runtime.outputs import Outputs
from mnistcnn.runtime.signals import stop_on_interrupt

if TYPE_CHECKING:
    from mnistcnn.app.reading import AnyPicture
    from mnistcnn.app.wiring import AnyData, AnyModel
    from mnistcnn.model.model_file import TrainedModel


def load_model(
    path: str | Path | None = None, *, backend: str | None = None, device: str | None = None
) -> "TrainedModel":
    """Load a model that `train` saved; its `model` is the network, its `metadata` says where it comes from.

    "pretrained" is the model of the package. None is `mnistcnn.keras` in the current folder, else the pretrained one.
    `backend` and `device` are as for `train`; on "numpy" the network needs no Keras. Nothing in the file is
    deserialized. Raises MnistcnnError for a file that is not such a model.
    """
    return load_models([path], Process(backend, device))[0]


def train(
    recipe: str | None = None,
    data: "AnyData" = None,
    *,
    init: "AnyModel" = None,
    model: str | Path | None = None,
    log_file: str | Path | None = None,
    plot: str | Path | None = None,
    tensorboard: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    backend: str | None = None,
    device: str | None = None,
    quiet: bool = False,
    listeners: Sequence[Listener] = (),
    **hyperparameters: Any,
) -> TrainingResult:
    """Train the network, as `mnistcnn train` does.

    Args:
        recipe: "tutorial", "fast", "best" or "finetune"; None is "tutorial" or, with `init`, "finetune".
        data: "mnist", "sample", a path, or a Dataset. None is what MNISTCNN_DATA names, else MNIST, or the sample if
            MNIST is out of reach.
        init: A model, or the file that holds it, whose weights the run starts from; None draws them from the seed.
        model: The .keras file to save, with checkpoints beside it; None writes nothing.
        log_file: The file to write every record to, as JSON lines.
        plot: The PNG, SVG or PDF file to draw the result into.
        tensorboard: The folder to write TensorBoard's event files to.
        resume: Whether to go on from the last checkpoint.
        force: Whether to replace what an earlier run left.
        backend: "tensorflow", "jax" or "torch"; None is Keras's own choice. The first call decides for the process.
        device: The device to compute on, such as "cpu" or "gpu:1"; None is the one that the backend prefers.
        quiet: Whether to show nothing while it trains.
        listeners: Functions that get every event of the run, as `mnistcnn.events` describes them.
        **hyperparameters: `steps`, `batch_size`, `learning_rate` and the others in `mnistcnn.config.HYPERPARAMETERS`.

    Returns:
        The result: its `model` is trained, its `test` an Evaluation, its `history` the run's course. In a notebook,
        interrupting the kernel ends the run early: it leaves a checkpoint to resume or, if it writes no files, returns
        the model as it is.

    Raises:
        MnistcnnError: What you can fix: a file, data, a device. A UsageError among them is a wrong value.

    Example:
        >>> result = train(data="sample", steps=200, quiet=True)  # doctest: +SKIP

    """
    config = config_from_recipe(recipe or default_recipe(init), **hyperparameters)
    outputs = _outputs(model, log_file=log_file, plot=plot, tensorboard=tensorboard, resume=resume)
    run = Run(config=config, data=data, init=init, outputs=outputs, force=force, quiet=quiet, listeners=listeners)
    with stop_on_interrupt() if is_in_kernel() else nullcontext() as stop:
        return run_training(run, Process(backend, device), stop)


def evaluate(
    model: "AnyModel" = None,
    data: "AnyData" = None,
    split: str | None = None,
    *,
    plot: str | Path | None = None,
    force: bool = False,
    backend: str | None = None,
    device: str | None = None,
) -> Evaluation:
    """Measure a model on a split, as `mnistcnn evaluate` does.

    Args:
        model: A model, or the file that holds it, as for `load_model`.
        data: As for `train`.
        split: "train", "validation" or "test". None is the test split, or every picture of class folders.
        plot: The PNG, SVG or PDF file to draw the result into.
        force: Whether to replace that file.
        backend: As for `train`, and besides "openvino" and "numpy". It concerns models in files.
        device: As for `train`.

    Returns:
        The measures.

    Raises:
        MnistcnnError: The model or the data cannot be read, or the plot cannot be drawn.

    """
    drawing = None if plot is None else Path(plot)
    return compare_models([model], data, split, Process(backend, device), plot=drawing, force=force).evaluations[0]


def compare(
    models: "Sequence[AnyModel]",
    data: "AnyData" = None,
    split: str | None = None,
    *,
    plot: str | Path | None = None,
    force: bool = False,
    backend: str | None = None,
    device: str | None = None,
) -> Comparison:
    """Measure several models on the same split, and find the images that they do not all read alike.

    Args:
        models: Models, or the files that hold them.
        data: As for `train`.
        split: As for `evaluate`.
        plot: The PNG, SVG or PDF file to draw the result into.
        force: Whether to replace that file.
        backend: As for `evaluate`.
        device: As for `train`.

    Returns:
        An evaluation for each model, and the images.

    Raises:
        MnistcnnError: A model or the data cannot be read, or the plot cannot be drawn.

    """
    drawing = None if plot is None else Path(plot)
    return compare_models(models, data, split, Process(backend, device), plot=drawing, force=force)


def predict(
    model: "AnyModel",
    *pictures: "AnyPicture",
    digits: Digits = "auto",
    invert: Invert = "auto",
    backend: str | None = None,
    device: str | None = None,
) -> Predictions:
    """Read the digits in pictures, as `mnistcnn predict` does.

    Args:
        model: A model, or the file that holds it, as for `load_model`.
        *pictures: Files, folders, glob patterns, CSV files whose rows are images, and "@FILE" for a file of names;
            Pillow's images; arrays; lists of any of these. An array is a picture (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4), or several, such as (N, 28, 28). Its levels are whole numbers or floats from 0 to 255, floats
            from 0 to 1, or bool.
        digits: "auto" for as many digits as a picture shows, in reading order, "one" for its one digit, "many" for all.
        invert: Whether strokes are dark on light, "yes" or "no"; "auto" finds out.
        backend: As for `evaluate`.
        device: As for `train`.

    Returns:
        A prediction for each digit, in order. A picture that cannot be read has one, with an `error`.

    Raises:
        MnistcnnError: The model cannot be read.
        TypeError: A picture is none of these, or an array has another shape or other levels.

    """
    reading = Reading(digits=digits, invert=invert)
    _, batches = read_pictures(model, pictures, reading, Process(backend, device), stdin=BytesIO())
    return Predictions(prediction for batch in batches for number in batch for prediction in number)


def explain(
    model: "AnyModel",
    picture: str | Path,
    *,
    invert: Invert = "auto",
    plot: str | Path | None = None,
    why_not: int | None = None,
    force: bool = False,
    backend: str | None = None,
    device: str | None = None,
) -> Explanation:
    """Explain what a model makes of the one digit of a picture, as `mnistcnn explain` does.

    Args:
        model: A model, or the file that holds it, as for `load_model`.
        picture: The picture's file.
        invert: As for `predict`.
        plot: The PNG, SVG or PDF file to draw the explanation into.
        why_not: The digit that the drawing compares the answer with; None is the second likeliest.
        force: Whether to replace that file.
        backend: As for `evaluate`. The activations are computed in NumPy on every backend.
        device: As for `train`.

    Returns:
        The prediction, what each layer makes of the image, and what in the image speaks for each digit.

    Raises:
        MnistcnnError: The model or the picture cannot be read, or the plot cannot be drawn.

    """
    sheet = None if plot is None else Sheet(plot=Path(plot), why_not=why_not, force=force)
    reading = Reading(digits="one", invert=invert)
    return explain_picture(model, str(picture), reading, Process(backend, device), sheet, stdin=BytesIO())


def export(model: "AnyModel", *files: str | Path, int8: bool = False, force: bool = False) -> tuple[Export, ...]:
    """Write a model for other programs, as `mnistcnn export` does.

    Args:
        model: A model, or the file that holds it, as for `load_model`.
        *files: What to write: a name that ends in .onnx, .tflite (LiteRT) or .xml (OpenVINO), or a folder's for
            TensorFlow's SavedModel.
        int8: Whether the network in the file computes in 8-bit whole numbers, for ONNX and LiteRT.
        force: Whether to replace what was exported before.

    Returns:
        For each file how its own runtime reads images.

    Raises:
        MnistcnnError: The model cannot be read, or a file cannot be written or reads images too differently.

    """
    process = Process("tensorflow")
    return tuple(export_files(model, list(map(Path, files)), int8=int8, force=force, process=process))


def _outputs(
    model: str | Path | None,
    *,
    log_file: str | Path | None,
    plot: str | Path | None,
    tensorboard: str | Path | None,
    resume: bool,
) -> Outputs | None:
    """Return a run's files; None if there are none. A run that writes anything also saves its model."""
    others = {"log_file": log_file, "plot": plot, "tensorboard": tensorboard}
    log, drawing, folder = (None if place is None else Path(place) for place in others.values())
    if model is not None:
        return Outputs(model=Path(model), log=log, plot=drawing, tensorboard=folder, resume=resume)
    for name, place in others.items():
        if place is not None:
            raise UsageError("model", f"a .keras file with {parameter(name)}", model)
    return None
