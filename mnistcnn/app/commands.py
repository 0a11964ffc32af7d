"""What each command does, from its values to its report."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mnistcnn.config import Digits, Invert, OutputFormat, TrainConfig
from mnistcnn.errors import UsageError, parameter
from mnistcnn.events import Listener
from mnistcnn.report import console, live_view
from mnistcnn.report import evaluation as evaluation_report
from mnistcnn.report import info as info_report
from mnistcnn.report import prediction as prediction_report
from mnistcnn.report import training as training_report
from mnistcnn.report.input_folder import InputFolder
from mnistcnn.report.training_log import TrainingLog
from mnistcnn.results import TrainingResult
from mnistcnn.runtime.backend import start_keras
from mnistcnn.runtime.distribution import joined_team
from mnistcnn.runtime.outputs import Outputs, claimed_outputs, event_files, require_plot_path
from mnistcnn.runtime.signals import StopRequest, ended_by_signals, stop_on_signals
from mnistcnn.runtime.team import Team

if TYPE_CHECKING:
    from mnistcnn.data.dataset import Dataset
    from mnistcnn.model.model_file import TrainedModel


def train(
    config: TrainConfig,
    outputs: Outputs,
    data: str | None,
    team: Team,
    *,
    backend: str | None,
    device: str | None,
    force: bool,
    quiet: bool,
) -> int:
    """Train the network, save it, and return the exit status: other than 0 where a signal ended the run."""
    team.rows(config.batch_size)  # what cannot be shared is refused before anything else is done
    with stop_on_signals() as stop:
        if team.is_first:
            with claimed_outputs(outputs, force=force):
                result = _train(config, outputs, data, backend, device, team, stop, quiet=quiet)
                _plot_training(result, outputs.plot)
            training_report.show_training_result(result, outputs.model, command_line())
        else:
            _assist(config, data, backend, device, team, stop)
        return stop.exit_status if stop() else 0


def _train(
    config: TrainConfig,
    outputs: Outputs,
    data: str | None,
    backend: str | None,
    device: str | None,
    team: Team,
    stop: StopRequest,
    *,
    quiet: bool,
) -> TrainingResult:
    """Train as the only process, or as the first of a team: the one that logs and saves."""
    with live_view.TrainingView(quiet=quiet) as view, _logs(outputs) as logs:
        dataset = _dataset(data, quiet=quiet)
        _start_keras(backend, device if team.count == 1 else None, to_train=True)
        stop.defer(view.say_stopping)
        with joined_team(team, device, config.batch_size):
            from mnistcnn.training.run import train

            shown: list[Listener] = [view, *logs]
            return train(config, dataset, outputs=outputs, listeners=shown, should_stop=stop, team=team)


def _assist(
    config: TrainConfig, data: str | None, backend: str | None, device: str | None, team: Team, stop: StopRequest
) -> None:
    """Train as another process than the first: it neither logs nor writes anything."""
    dataset = _dataset(data, quiet=True)
    _start_keras(backend, to_train=True)
    stop.defer(lambda: None)
    with joined_team(team, device, config.batch_size):
        from mnistcnn.training.run import train

        train(config, dataset, should_stop=stop, team=team)


def evaluate(
    models: Sequence[Path],
    data: str | None,
    split: str | None,
    *,
    as_json: bool,
    plot: Path | None,
    force: bool,
    backend: str | None,
    device: str | None,
) -> None:
    """Measure models on labelled images."""
    letters = len(evaluation_report.LETTERS)
    if len(models) > letters or len(set(models)) < len(models):
        raise UsageError("model", f"different files, at most {letters}", ", ".join(map(str, models)))
    if plot is not None:
        require_plot_path(plot, models=len(models), force=force)
    dataset = _dataset(data)
    trained = {str(path): _load_model(path, backend, device) for path in models}
    from mnistcnn.inference.evaluation import compare

    comparison = compare(trained, dataset, split)
    if plot is not None:
        from mnistcnn.report.plots import save_evaluation_sheet

        [evaluation] = comparison.evaluations
        save_evaluation_sheet(evaluation, plot)
    evaluation_report.show_comparison(comparison, as_json=as_json)


def predict(
    images: Sequence[str],
    model: Path,
    *,
    form: OutputFormat,
    top_k: int | None,
    show: bool,
    digits: Digits,
    invert: Invert,
    save_inputs: Path | None,
    force: bool,
    backend: str | None,
    device: str | None,
) -> int:
    """Read pictures, and return the exit status: 1 where one of them could not be read."""
    if form != "table" and (show or top_k is not None):
        expected = f"table with {parameter('show')} or {parameter('top_k')}, which shape the table"
        raise UsageError("format", expected, form)
    show_picture = prediction_report.PredictionReport(form, top_k=top_k or 3, show=show, many=digits == "many")
    trained = _load_model(model, backend, device)
    folder = None if save_inputs is None else InputFolder(save_inputs, force=force)
    from mnistcnn.inference.prediction import predict_numbers
    from mnistcnn.pictures.finding import find_pictures

    found = list(find_pictures(images, sys.stdin.buffer if sys.stdin else None))
    numbers = predict_numbers(trained, found, invert=invert, digits=digits)
    with live_view.prediction_view(len(found)) as advance, closing(numbers):
        for predictions in numbers:
            show_picture(predictions)
            if folder is not None:
                folder(predictions)
            advance()
    show_picture.finish()
    return int(show_picture.has_failed)


def info(model: Path | None) -> None:
    """Tell of this machine, and of a model file."""
    from mnistcnn.model.model_file import model_info
    from mnistcnn.runtime.system_info import system_info

    info_report.show_system(system_info())
    if model is not None:
        _start_keras()
        info_report.show_model(model_info(model))


def _dataset(data: str | None, *, quiet: bool = False) -> "Dataset":
    from mnistcnn.data.download import COMPRESSED_BYTES
    from mnistcnn.data.sources import load_dataset

    with live_view.download_view(COMPRESSED_BYTES, quiet=quiet) as view:
        dataset = load_dataset(data, on_bytes=view)
    if dataset.notice:
        console.warn(dataset.notice)
    return dataset


def _start_keras(backend: str | None = None, device: str | None = None, *, to_train: bool = False) -> None:
    with nullcontext() if to_train else ended_by_signals():  # a run has claimed its files, which it must give back
        start_keras(backend, device, to_train=to_train)
    # What is loaded stays to the end of a command. To go through it again and again, and once more at the end, was a
    # quarter of the time of `evaluate`.
    gc.freeze()


def _load_model(path: Path, backend: str | None, device: str | None) -> "TrainedModel":
    _start_keras(backend, device)
    from mnistcnn.model.model_file import load_model

    return load_model(path)


@contextmanager
def _logs(outputs: Outputs) -> Iterator[list[Listener]]:
    """Yield the listeners that write the training log and TensorBoard's files, where they are wanted."""
    with ExitStack() as stack:
        logs: list[Listener] = []
        if outputs.log is not None:
            logs.append(stack.enter_context(closing(TrainingLog(outputs.log))))
        if outputs.tensorboard is not None:
            from mnistcnn.report.tensorboard_log import TensorBoardLog

            logs.append(
                stack.enter_context(closing(TensorBoardLog(outputs.tensorboard, event_files(outputs.tensorboard))))
            )
        yield logs


def _plot_training(result: TrainingResult, path: Path | None) -> None:
    if path is not None and result.model is not None:
        from mnistcnn.report.plots import save_training_sheet

        save_training_sheet(result, path)


def command_line() -> list[str]:
    """Return the words that started this process, as a person types them."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return [Path(sys.executable).name, "-m", "mnistcnn", *sys.argv[1:]]
    return [program.name, *sys.argv[1:]]
