"""The call that trains, for the library and the command: a Run and a Process that computes → its result.

A run opens what its names stand for, claims its files, shows and logs itself, and draws its result. What trains is in
the folder `training`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mnistcnn.app.wiring import Process, open_dataset
from mnistcnn.config import TrainConfig
from mnistcnn.errors import UsageError
from mnistcnn.events import Listener
from mnistcnn.report.live_view import TrainingView
from mnistcnn.report.notebook_view import NotebookView, is_in_kernel
from mnistcnn.report.training_log import TrainingLog
from mnistcnn.results import TrainingResult
from mnistcnn.runtime.backend import chosen_training_backend
from mnistcnn.runtime.distribution import joined_team
from mnistcnn.runtime.outputs import Outputs, claimed_outputs, event_files
from mnistcnn.runtime.signals import StopRequest
from mnistcnn.runtime.team import ALONE, Team

if TYPE_CHECKING:
    from mnistcnn.app.wiring import AnyData, AnyModel
    from mnistcnn.model.model_file import TrainedModel


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a training run is made of."""

    config: TrainConfig
    data: "AnyData" = None
    init: "AnyModel" = None  # the model whose weights the run starts from; None draws them from the seed
    outputs: Outputs | None = None  # None writes nothing
    force: bool = False  # whether the outputs may replace what an earlier run left
    quiet: bool = False
    listeners: Sequence[Listener] = ()
    team: Team = ALONE


def run_training(run: Run, process: Process, stop: StopRequest | None = None) -> TrainingResult:
    """Train alone, or in a team whose first process shows, logs and saves the run.

    `stop` takes a request to end the run early, with a checkpoint. Raises MnistcnnError as `training.run.train` does.
    """
    if run.config.recipe == "finetune" and run.init is None:
        raise UsageError("init", "the model to start from with the finetune recipe", None)
    run.team.rows(run.config.batch_size)  # a batch that cannot be shared is refused before anything else
    if not run.team.is_first:
        return _train(replace(run, outputs=None, quiet=True, listeners=()), process, stop, lambda: None)
    outputs = run.outputs
    with nullcontext() if outputs is None else claimed_outputs(outputs, force=run.force):
        with _view(quiet=run.quiet) as view, _logs(outputs) as logs:
            shown = replace(run, listeners=[view, *logs, *run.listeners])
            result = _train(shown, process, stop, view.say_stopping)
        if outputs is not None and outputs.plot is not None and result.model is not None:
            from mnistcnn.report.plots import save_training_sheet

            save_training_sheet(result, outputs.plot)
    return result


def _view(*, quiet: bool) -> TrainingView | NotebookView:
    """Return the listener that shows a run: under the cell of a notebook, else in the terminal."""
    return NotebookView() if is_in_kernel() and not quiet else TrainingView(quiet=quiet)


def _train(run: Run, process: Process, stop: StopRequest | None, acknowledge: Callable[[], None]) -> TrainingResult:
    """Train in this process; once Keras has started, a `stop` waits until the run has saved a checkpoint."""
    chosen_training_backend(process.backend)  # before a download
    initial = _initial_model(run.init)
    dataset = open_dataset(run.data, process, quiet=run.quiet)
    process.start_training(process.device if run.team.count == 1 else None)
    if stop is not None:
        stop.defer(acknowledge)
    with joined_team(run.team, process.device, run.config.batch_size):
        from mnistcnn.training.run import train

        return train(
            run.config,
            dataset,
            initial=initial,
            outputs=run.outputs,
            listeners=run.listeners,
            should_stop=stop or (lambda: False),
            team=run.team,
        )


def _initial_model(init: "AnyModel") -> "TrainedModel | None":
    """Return the model that training starts from, if there is one. Its weights need no Keras yet."""
    if not isinstance(init, str | Path):
        return init
    from mnistcnn.model.model_file import load_model
    from mnistcnn.model.pretrained import model_file

    return load_model(model_file(init), "numpy")


@contextmanager
def _logs(outputs: Outputs | None) -> Iterator[list[Listener]]:
    """Yield the listeners that write the training log and TensorBoard's files, as far as they are wanted."""
    with ExitStack() as stack:
        logs: list[Listener] = []
        if outputs is not None and outputs.log is not None:
            logs.append(stack.enter_context(closing(TrainingLog(outputs.log))))
        if outputs is not None and outputs.tensorboard is not None:
            from mnistcnn.report.tensorboard_log import TensorBoardLog

            events = TensorBoardLog(outputs.tensorboard, event_files(outputs.tensorboard))
            logs.append(stack.enter_context(closing(events)))
        yield logs
