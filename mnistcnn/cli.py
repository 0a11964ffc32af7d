"""The command line: options → configuration → one call → report."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnistcnn import evaluation_report, info_report, live_view, options, prediction_report, report
from mnistcnn.config import TrainConfig, config_from_recipe
from mnistcnn.distribution import Processes, joined, team_of
from mnistcnn.errors import MnistcnnError
from mnistcnn.events import Listener, TrainingResult
from mnistcnn.log_file import TrainingLog
from mnistcnn.outputs import Outputs, claimed_outputs, require_plot_path
from mnistcnn.results import Comparison
from mnistcnn.runtime import (
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

app = typer.Typer(
    help="Train, measure and use the TensorFlow tutorial's handwritten-digit network, on Keras 3.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a bug keeps its own traceback
)


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
    model: options.Model = options.DEFAULT_MODEL,
    data: options.Data = None,
    recipe: options.Recipe = "tutorial",
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    optimizer: options.Optimizer = None,
    dropout: options.Dropout = None,
    seed: options.Seed = None,
    log_every: options.LogEvery = None,
    log_file: options.LogFile = None,
    checkpoint_every: options.CheckpointEvery = None,
    validate_every: options.ValidateEvery = None,
    patience: options.Patience = None,
    resume: options.Resume = False,
    force: options.ReplaceRun = False,
    plot: options.Plot = None,
    tensorboard: options.TensorBoard = None,
    backend: options.Backend = None,
    device: options.Device = None,
    precision: options.Precision = None,
    processes: options.ProcessCount = None,
    process_id: options.ProcessId = 0,
    coordinator: options.Coordinator = None,
    quiet: options.Quiet = False,
) -> None:
    """Train the network and save it as a .keras file."""
    changes = {name: value for name, value in locals().items() if name in options.HYPERPARAMETERS}
    outputs = Outputs(model=model, log=log_file, plot=plot, tensorboard=tensorboard, resume=resume)
    with error_door(), stop_on_signals() as stop:
        config = config_from_recipe(recipe, **changes)
        team = team_of(processes, process_id, coordinator)
        team.rows(config.batch_size)  # what cannot be shared is refused before anything else is done
        if team.is_first:
            with claimed_outputs(outputs, force=force):
                result = _train(config, outputs, data, backend, device, team, stop, quiet=quiet)
                _plot_training(result, plot)
            report.show_training_result(result, outputs, command_line())
        else:
            _assist(config, data, backend, device, team, stop)
        if stop():
            raise typer.Exit(stop.exit_status)


def _train(
    config: TrainConfig,
    outputs: Outputs,
    data: str | None,
    backend: str | None,
    device: str | None,
    team: Processes,
    stop: StopRequest,
    *,
    quiet: bool,
) -> TrainingResult:
    """Train as the only process, or as the first of a team: the one that logs and saves."""
    with live_view.TrainingView(quiet=quiet) as view, _logs(outputs) as logs:
        dataset = _dataset(data, quiet=quiet)
        start_keras(backend, device if team.count == 1 else None, to_train=True)
        stop.defer(view.say_stopping)
        with joined(team, device, config.batch_size):
            from mnistcnn.training import train

            shown: list[Listener] = [view, *logs]
            return train(config, dataset, outputs=outputs, listeners=shown, should_stop=stop, processes=team)


@app.command()
def evaluate(
    models: options.Models = None,
    data: options.Data = None,
    split: options.SplitName = None,
    as_json: options.AsJson = False,
    plot: options.Plot = None,
    force: options.ReplacePlot = False,
    backend: options.Backend = None,
    device: options.Device = None,
) -> None:
    """Measure a model on labelled images, or several side by side."""
    with error_door():
        if plot is not None:
            require_plot_path(plot, models=len(models or [options.DEFAULT_MODEL]), force=force)
        dataset = _dataset(data)
        trained = {str(path): _load_model(path, backend, device) for path in models or [options.DEFAULT_MODEL]}
        from mnistcnn.evaluation import compare

        comparison = compare(trained, dataset, split)
        _plot_evaluation(comparison, plot)
        evaluation_report.show_comparison(comparison, as_json=as_json)


@app.command()
def predict(
    images: options.Images,
    model: options.Model = options.DEFAULT_MODEL,
    form: options.FormatName = options.Format.table,
    top_k: options.TopK = 3,
    show: options.Show = False,
    digits: options.DigitCount = options.Digits.one,
    invert: options.Inverted = options.Invert.auto,
    save_inputs: options.SaveInputs = None,
    force: options.ReplaceInputs = False,
    backend: options.Backend = None,
    device: options.Device = None,
) -> None:
    """Read the digit in each picture; of a folder with folders 0 to 9, say how many were right."""
    show_picture = prediction_report.PredictionReport(form, top_k=top_k, show=show, many=digits == options.Digits.many)
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
def info(model: options.ModelToTellOf = None) -> None:
    """Tell what is installed, what it computes on, and what a model file holds."""
    with error_door():
        from mnistcnn.info import model_info, system_info

        info_report.show_system(system_info())
        if model is not None:
            start_keras()
            info_report.show_model(model_info(model))
