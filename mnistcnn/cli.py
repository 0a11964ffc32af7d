"""The command line: options → configuration → one call → report."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnistcnn import evaluation_report, info_report, live_view, prediction_report, report
from mnistcnn.config import OPTIMIZERS, PRECISIONS, RECIPES, TrainConfig, config_from_recipe
from mnistcnn.distribution import Processes, joined, team_of
from mnistcnn.errors import MnistcnnError
from mnistcnn.events import Listener, TrainingResult
from mnistcnn.log_file import TrainingLog
from mnistcnn.outputs import Outputs, claimed_outputs, require_plot_path
from mnistcnn.results import Comparison
from mnistcnn.runtime import (
    BACKENDS,
    StopRequest,
    chosen_backend,
    command_line,
    installed_versions,
    start_keras,
    stop_on_signals,
)

if TYPE_CHECKING:
    from mnistcnn.datasets import Dataset
    from mnistcnn.model_file import TrainedModel

DEFAULT_MODEL = Path("mnistcnn.keras")

app = typer.Typer(
    help="Train, measure and use the TensorFlow tutorial's handwritten-digit network, on Keras 3.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a bug keeps its own traceback
)


class Format(StrEnum):
    """How `predict` prints."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"


class Digits(StrEnum):
    """How many digits `predict` looks for in a picture."""

    one = "one"
    many = "many"


class Invert(StrEnum):
    """Whether strokes are dark on light."""

    auto = "auto"
    yes = "yes"
    no = "no"


Model = Annotated[Path, typer.Option("-m", "--model", help="The model file.", metavar="FILE")]
Data = Annotated[
    str | None,
    typer.Option(
        envvar="MNISTCNN_DATA",
        metavar="mnist|digits|PATH",
        help="The images: MNIST; the bundled UCI digits; or a folder of IDX files, an .npz file, or a folder with one "
        "folder of pictures per class. By default MNIST, or the digits where it is out of reach.",
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(metavar="FILE.png|svg|pdf", help="Draw what was learned on a sheet. (mnistcnn[plot])"),
]
Backend = Annotated[
    str | None,
    typer.Option(
        envvar="KERAS_BACKEND",
        metavar="|".join(BACKENDS),
        help="What Keras computes on. By default what keras.json says, or tensorflow.",
    ),
]

Device = Annotated[
    str | None,
    typer.Option(metavar="cpu|gpu|gpu:1|tpu|…", help="What the backend computes on. By default what it prefers."),
]

# What `train` takes in place of the recipe's own values.
HYPERPARAMETERS = frozenset(
    [
        "steps",
        "batch_size",
        "learning_rate",
        "optimizer",
        "dropout",
        "seed",
        "log_every",
        "checkpoint_every",
        "validate_every",
        "patience",
        "precision",
    ]
)


def _hyperparameter(name: str, help_text: str) -> Any:
    """Declare an option of `train` whose default is the recipe's; help shows it for each."""
    defaults = {recipe: getattr(config, name) for recipe, config in RECIPES.items()}
    return typer.Option(help=f"{help_text} ({', '.join(f'{recipe}: {value}' for recipe, value in defaults.items())})")


@contextmanager
def error_door() -> Iterator[None]:
    """Turn what the user can fix into one line and an exit status; a bug keeps its traceback."""
    try:
        yield
        sys.stdout.flush()
    except MnistcnnError as error:
        report.say_error(str(error))
        raise typer.Exit(error.exit_status) from error
    except KeyboardInterrupt as stop:
        raise typer.Exit(getattr(stop, "exit_status", 130)) from None
    except BrokenPipeError:  # whoever read our output has seen enough
        _drop_output()
    except OSError as error:  # where nothing more helpful was known to say: a full disk under standard output
        _drop_output()
        report.say_error(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
        raise typer.Exit(1) from error


def _drop_output() -> None:
    """Keep Python's own flush at exit from failing too."""
    with suppress(OSError):  # it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dataset(data: str | None, *, quiet: bool = False) -> "Dataset":
    from mnistcnn.datasets import load_dataset
    from mnistcnn.download import COMPRESSED_BYTES

    with live_view.DownloadView(COMPRESSED_BYTES, quiet=quiet) as view:
        dataset = load_dataset(data, on_bytes=view)
    if dataset.notice:
        report.warn(dataset.notice)
    return dataset


def _load_model(path: Path, backend: str | None, device: str | None) -> "TrainedModel":
    start_keras(backend, device)
    from mnistcnn.model_file import load_model

    return load_model(path)


@contextmanager
def _logs(outputs: Outputs) -> Iterator[list[Listener]]:
    """Yield the listeners that write the training log and TensorBoard's files, where they are wanted."""
    with ExitStack() as stack:
        logs: list[Listener] = []
        if outputs.log is not None:
            logs.append(stack.enter_context(closing(TrainingLog(outputs.log))))
        if outputs.tensorboard is not None:
            from mnistcnn.tensorboard_log import TensorBoardLog

            logs.append(stack.enter_context(closing(TensorBoardLog(outputs.tensorboard))))
        yield logs


def _plot_training(result: TrainingResult, path: Path | None) -> None:
    if path is not None and result.model is not None:
        from mnistcnn.plots import save_training_sheet

        save_training_sheet(result, path)


def _assist(
    config: TrainConfig, data: str | None, backend: str | None, device: str | None, team: Processes, stop: StopRequest
) -> None:
    """Train as another process than the first: it neither logs nor writes anything."""
    dataset = _dataset(data, quiet=True)
    start_keras(backend, to_train=True)
    stop.defer(lambda: None)
    with joined(team, device, config.batch_size):
        from mnistcnn.training import train

        train(config, dataset, should_stop=stop, processes=team)
    if stop():
        raise typer.Exit(stop.exit_status)


def _plot_evaluation(comparison: Comparison, path: Path | None) -> None:
    if path is not None:
        from mnistcnn.plots import save_evaluation_sheet

        [evaluation] = comparison.evaluations
        save_evaluation_sheet(evaluation, path)


def print_versions(wanted: bool) -> None:
    """Print the versions of mnistcnn, Python, Keras and the backend found, and end."""
    if wanted:
        with error_door():
            report.show_versions(installed_versions(chosen_backend()))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_versions, is_eager=True, help="Print versions and exit."),
    ] = False,
) -> None:
    """Train, measure and use the TensorFlow tutorial's handwritten-digit network, on Keras 3."""
    report.escape_what_cannot_be_encoded()
    # Pillow warns of odd metadata in pictures that it reads all the same. Not around each picture: they are read in a
    # thread, and `warnings.catch_warnings` is the whole process's.
    warnings.filterwarnings("ignore", module=r"PIL\.")


@app.command()
def train(
    model: Model = DEFAULT_MODEL,
    data: Data = None,
    recipe: Annotated[
        str, typer.Option(metavar="|".join(RECIPES), help="Where the defaults below come from.")
    ] = "tutorial",
    steps: Annotated[int | None, _hyperparameter("steps", "Batches to train on.")] = None,
    batch_size: Annotated[int | None, _hyperparameter("batch_size", "Images in a batch.")] = None,
    learning_rate: Annotated[float | None, _hyperparameter("learning_rate", "The optimizer's rate.")] = None,
    optimizer: Annotated[str | None, _hyperparameter("optimizer", f"One of {', '.join(OPTIMIZERS)}.")] = None,
    dropout: Annotated[float | None, _hyperparameter("dropout", "Share of dense units dropped.")] = None,
    seed: Annotated[int | None, _hyperparameter("seed", "Of weights, batches and dropout.")] = None,
    log_every: Annotated[int | None, _hyperparameter("log_every", "Steps between records; 0 logs none.")] = None,
    log_file: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="Where whole records go.")] = None,
    checkpoint_every: Annotated[
        int | None, _hyperparameter("checkpoint_every", "Steps between checkpoints; 0 keeps the last only.")
    ] = None,
    validate_every: Annotated[
        int | None, _hyperparameter("validate_every", "Steps between validations; 0 never validates.")
    ] = None,
    patience: Annotated[
        int | None,
        _hyperparameter("patience", "Validations without a lower loss that end the run, keeping the best; 0 keeps on."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier run left.")] = False,
    plot: Plot = None,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where TensorBoard's event files go. (mnistcnn[tensorboard])")
    ] = None,
    backend: Backend = None,
    device: Device = None,
    precision: Annotated[str | None, _hyperparameter("precision", f"One of {', '.join(PRECISIONS)}.")] = None,
    processes: Annotated[
        int | None,
        typer.Option(
            envvar="KERAS_DISTRIBUTION_NUM_PROCESSES", help="Processes that train together, on JAX. (Default: 1)"
        ),
    ] = None,
    process_id: Annotated[
        int, typer.Option(envvar="KERAS_DISTRIBUTION_PROCESS_ID", help="Which of them this is, from 0 on.")
    ] = 0,
    coordinator: Annotated[
        str | None,
        typer.Option(
            envvar="KERAS_DISTRIBUTION_JOB_ADDRESSES",
            metavar="HOST:PORT",
            help="Where process 0 is reached by all of them.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Show the result alone.")] = False,
) -> None:
    """Train the network and save it as a .keras file."""
    changes = {name: value for name, value in locals().items() if name in HYPERPARAMETERS}
    outputs = Outputs(model=model, log=log_file, plot=plot, tensorboard=tensorboard, resume=resume)
    with error_door(), stop_on_signals() as stop:
        config = config_from_recipe(recipe, **changes)
        team = team_of(processes, process_id, coordinator)
        team.rows(config.batch_size)  # what cannot be shared is refused before anything else is done
        if not team.is_first:
            _assist(config, data, backend, device, team, stop)
            return
        with (
            claimed_outputs(outputs, force=force),
            live_view.TrainingView(quiet=quiet) as view,
            _logs(outputs) as logs,
        ):
            dataset = _dataset(data, quiet=quiet)
            start_keras(backend, device if team.count == 1 else None, to_train=True)
            stop.defer(view.say_stopping)
            with joined(team, device, config.batch_size):
                from mnistcnn.training import train

                shown: list[Listener] = [view, *logs]
                result = train(config, dataset, outputs=outputs, listeners=shown, should_stop=stop, processes=team)
            _plot_training(result, plot)
        report.show_training_result(result, outputs, command_line())
        if stop():
            raise typer.Exit(stop.exit_status)


@app.command()
def evaluate(
    models: Annotated[
        list[Path] | None,
        typer.Option("-m", "--model", metavar="FILE", help="The model file; several are put side by side."),
    ] = None,
    data: Data = None,
    split: Annotated[
        str | None,
        typer.Option(help="train, validation or test. By default test, or every picture of class folders."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plot: Plot = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a plot that is there.")] = False,
    backend: Backend = None,
    device: Device = None,
) -> None:
    """Measure a model on labelled images, or several side by side."""
    with error_door():
        if plot is not None:
            require_plot_path(plot, models=len(models or [DEFAULT_MODEL]), force=force)
        dataset = _dataset(data)
        trained = {str(path): _load_model(path, backend, device) for path in models or [DEFAULT_MODEL]}
        from mnistcnn.evaluation import compare

        comparison = compare(trained, dataset, split)
        _plot_evaluation(comparison, plot)
        evaluation_report.show_comparison(comparison, as_json=as_json)


@app.command()
def predict(
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="Pictures, folders, glob patterns, or - for standard input."),
    ],
    model: Model = DEFAULT_MODEL,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    top_k: Annotated[int, typer.Option(min=1, max=10, help="Digits to name for each picture.")] = 3,
    show: Annotated[
        bool, typer.Option("--show", help="Draw each picture and what the network saw of it, in the table.")
    ] = False,
    digits: Annotated[
        Digits, typer.Option(help="Read one digit in each picture, or a number in one line.")
    ] = Digits.one,
    invert: Annotated[
        Invert, typer.Option(help="Whether strokes are dark on light, and so are to be inverted.")
    ] = Invert.auto,
    save_inputs: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Save what the network saw as 28×28 PNG files.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Let --save-inputs replace files.")] = False,
    backend: Backend = None,
    device: Device = None,
) -> None:
    """Read the digit in each picture; of a folder with folders 0 to 9, say how many were right."""
    show_picture = prediction_report.PredictionReport(form, top_k=top_k, show=show, many=digits == Digits.many)
    with error_door():
        folder = None if save_inputs is None else prediction_report.InputFolder(save_inputs, force=force)
        trained = _load_model(model, backend, device)
        from mnistcnn.pictures import find_pictures
        from mnistcnn.prediction import predict_numbers

        found = find_pictures(images, sys.stdin.buffer)
        for predictions in predict_numbers(trained, found, invert=invert.value, digits=digits.value):
            show_picture(predictions)
            if folder is not None:
                folder(predictions)
        show_picture.finish()
        if show_picture.has_failed:
            raise typer.Exit(1)


@app.command()
def info(
    model: Annotated[Path | None, typer.Argument(metavar="[MODEL]", help="A model file to tell of too.")] = None,
) -> None:
    """Tell what is installed, what it computes on, and what a model file holds."""
    with error_door():
        from mnistcnn.info import model_info, system_info

        info_report.show_system(system_info())
        if model is not None:
            start_keras()
            info_report.show_model(model_info(model))
