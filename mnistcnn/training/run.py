"""One training run: it trains the network, measures it on the test split, and saves it.

A configuration and a dataset go in; a `TrainingResult` with the trained model comes out. It prints nothing: listeners
are told of all that happens. `fitting` decides how a step is computed, `resuming` what a checkpoint holds.
"""

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import keras
import numpy as np

from mnistcnn.config import TrainConfig
from mnistcnn.data.dataset import Dataset
from mnistcnn.errors import MnistcnnError, parameter
from mnistcnn.events import Listener, TrainingStarted, tell
from mnistcnn.inference.calibration import fitted_temperature, least_evidence
from mnistcnn.inference.evaluation import evaluate
from mnistcnn.inference.measures import loss_and_accuracy
from mnistcnn.model.metadata import ModelMetadata
from mnistcnn.model.model_file import TrainedModel, are_usable, save_model
from mnistcnn.model.network import build_model, describe_layers
from mnistcnn.results import Evaluation, TrainingResult
from mnistcnn.runtime.backend import installed_versions
from mnistcnn.runtime.devices import chosen_precision, current_device
from mnistcnn.runtime.outputs import Outputs
from mnistcnn.runtime.team import ALONE, Team, on_this_process_only
from mnistcnn.training.batches import first_digit, training_batches
from mnistcnn.training.callbacks import (
    Checkpointing,
    FiniteLoss,
    GracefulStop,
    LastBatch,
    ProbabilityLogger,
    steps_taken,
)
from mnistcnn.training.checkpoint_file import keep_newest_checkpoints
from mnistcnn.training.fitting import fit, initial_model
from mnistcnn.training.history import HistoryKeeper
from mnistcnn.training.resuming import RunState
from mnistcnn.training.validation import Validation

# images: fewer say less of calibration than the model that a run started from (not swept; 6 fitted 0.075, far too sure)
FEW_IMAGES = 100
# batches: the most that are computed at the same time for a GPU, which else waits for `best`'s distortions (an H200 at
# 190 of some 700 steps/s; not swept)
MAX_BATCH_WORKERS = 8


def train(
    config: TrainConfig,
    dataset: Dataset,
    *,
    initial: TrainedModel | None = None,
    outputs: Outputs | None = None,
    listeners: Sequence[Listener] = (),
    should_stop: Callable[[], bool] = lambda: False,
    team: Team = ALONE,
) -> TrainingResult:
    """Train the network on a dataset's train split and measure it on its test split.

    The run ends after its last step or, with `patience`, once validations bring no lower loss.

    Args:
        config: The hyperparameters. If they hold no validation images out, these are trained on too.
        dataset: The splits "train", "validation" and "test".
        initial: A model whose weights the run starts from. None draws them from the seed.
        outputs: The files of the run: it keeps checkpoints, goes on from the last one if `outputs.resume` says so (and
            else removes an earlier run's), and saves the model. None writes nothing.
        listeners: Each is told of the start, of progress, of every record and validation, and of the result.
        should_stop: Once it returns True, the run ends after at most 50 more steps, with a checkpoint.
        team: The processes that train together, joined already. Each of them calls this function, the first alone with
            `outputs`, and the first alone measures and returns a model.

    Returns:
        The result. A run that was stopped has a model only if it leaves no checkpoint to go on from.

    Raises:
        MnistcnnError: A file cannot be read or written, a checkpoint is of another run, or the loss became NaN or
            infinite.

    """
    run = _Run(config, dataset, initial, outputs, listeners, team)
    run.begin()
    run.fit(should_stop)
    return run.finish()


def _fingerprint(weights: list[np.ndarray]) -> str:
    """Return the SHA-256 of weights: equal for equal arrays in equal order."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


class _Run:
    """The parts of a run, and what it does in order: begin, fit, finish."""

    def __init__(
        self,
        config: TrainConfig,
        dataset: Dataset,
        initial: TrainedModel | None,
        outputs: Outputs | None,
        listeners: Sequence[Listener],
        team: Team,
    ) -> None:
        self._config, self._dataset, self._outputs, self._team = config, dataset, outputs, team
        self._split = dataset.split("train") if config.validation_held_out else dataset.training_images()
        dataset.split("test")  # a fault in it shows before the hours of training, not after
        self._history = HistoryKeeper()
        self._listeners: tuple[Listener, ...] = (self._history, *listeners)
        self._validation = Validation(config, dataset, self._listeners, team)
        backend = keras.backend.backend()
        device = current_device(backend)
        precision = chosen_precision(config.precision, backend, device)
        # Named as in TrainingStarted, and as checkpoints store them.
        self._setting = {"backend": backend, "device": device, "precision": precision, "processes": team.count}
        self._initial = initial
        weights = None if initial is None else initial.model.get_weights()
        source = {"data": self._split.fingerprint} | ({"init": _fingerprint(weights)} if weights else {})
        # Before anything is computed: Keras, too, finds that processes differ, but says less.
        team.require_same({**asdict(config), **source, "precision": precision})
        self._model = initial_model(config, precision, weights)
        self._metric = LastBatch(config.batch_size)
        self._state = RunState(
            outputs,
            [self._history, self._validation],
            determinants={**config.determinants, **source},
            exactness=self._setting,
            team=team,
        )
        self._start_step, self._seconds = 0, 0.0

    def begin(self) -> None:
        """Bring the model to the step at which the run starts or goes on, and tell the listeners."""
        self._start_step, notes = self._state.begin(self._model, self._config)
        started = TrainingStarted(
            config=self._config,
            data=self._dataset.name,
            train_images=len(self._split),
            start_step=self._start_step,
            history=self._history.history,
            layers=describe_layers(self._model),
            notes=notes,
            **self._setting,
        )
        tell(self._listeners, started)

    def fit(self, should_stop: Callable[[], bool]) -> None:
        """Train until the run is over or is stopped, unless it is over already."""
        config = self._config
        stop = GracefulStop(lambda: self._team.any(should_stop()))
        if self._is_over or stop.should_stop():
            return
        callbacks = [
            FiniteLoss(),  # first, so that what is not finite is neither logged nor saved
            ProbabilityLogger(
                self._metric,
                config.log_every,
                self._listeners,
                lambda step: first_digit(self._split, config, step, self._team),
            ),
            self._validation,
            Checkpointing(config.checkpoint_every, self._state.save),
            stop,
        ]
        batches = training_batches(
            self._split, config, self._start_step, self._team, workers=_batch_workers(str(self._setting["device"]))
        )
        self._seconds = fit(self._model, config, batches, self._metric, callbacks)

    def finish(self) -> TrainingResult:
        """Measure the trained model, save it if the run is over, and tell the listeners the result."""
        trained, test = None, None
        if self._team.is_first and self._has_model:
            trained, test = _measured(*self._kept_weights(), self._config, self._dataset, self._initial)
            if self._outputs is not None:
                save_model(trained, self._outputs.model)
                keep_newest_checkpoints(self._outputs.checkpoints, 1)
        step = steps_taken(self._model)
        steps = step - self._start_step
        result = TrainingResult(
            model=trained,
            step=step,
            steps=self._config.steps,
            kept_step=trained.metadata.step if trained else None,
            history=self._history.history,
            loss=loss_and_accuracy(*reversed(self._metric.kept()))[0] if steps else None,
            test=test,
            seconds=self._seconds,
            steps_per_second=steps / self._seconds if steps else 0.0,
        )
        tell(self._listeners, result)
        return result

    @property
    def _is_over(self) -> bool:
        return steps_taken(self._model) == self._config.steps or self._validation.is_out_of_patience

    @property
    def _has_model(self) -> bool:
        """Whether the run ends with a model: it is over, or was stopped and leaves no checkpoint to go on from."""
        return self._is_over or (self._outputs is None and steps_taken(self._model) > self._start_step)

    def _kept_weights(self) -> tuple[list[np.ndarray], int]:
        """Return the weights to keep and their step: with patience the best by validation, else the last."""
        best = self._validation.best
        if best is not None and self._validation.best_weights:
            return self._validation.best_weights, best.step
        return self._model.get_weights(), steps_taken(self._model)


def _batch_workers(device: str) -> int:
    """Return how many batches are computed at the same time: on a CPU the steps need the cores themselves."""
    return 1 if device.startswith("cpu") else min(MAX_BATCH_WORKERS, os.cpu_count() or 1)


def _measured(
    weights: list[np.ndarray], step: int, config: TrainConfig, dataset: Dataset, initial: TrainedModel | None
) -> tuple[TrainedModel, Evaluation]:
    """Return the float32 network with these weights, of a step, and how well it reads the test split."""
    versions = installed_versions(keras.backend.backend())
    metadata = ModelMetadata(recipe=config.recipe, step=step, data=dataset.name, versions=versions)
    with on_this_process_only():
        network = build_model(dropout=config.dropout, seed=config.seed)
        network.set_weights(weights)
        trained = TrainedModel(model=network, metadata=metadata)
        test = evaluate(trained, dataset, "test")
        if not (math.isfinite(test.loss) and are_usable(weights)):
            raise MnistcnnError(
                "the trained network's loss or weights are beyond use: "
                f"start anew with {parameter('force', True)} and a lower {parameter('learning_rate')}"
            )
        temperature, least = _calibration(trained, config, dataset, initial)
    known = replace(metadata, accuracy=test.accuracy, calibration=temperature, evidence=least)
    return replace(trained, metadata=known), test


def _calibration(
    trained: TrainedModel, config: TrainConfig, dataset: Dataset, initial: TrainedModel | None
) -> tuple[float | None, float | None]:
    """Return the temperature and the least evidence on the validation images with ink, or None for both without any.

    A run that trained on the validation images takes its recipe's, one that started from a model and has few such
    images that model's. A dataset of a few pictures has none of them.
    """
    if not config.validation_held_out:
        return config.calibration, config.evidence
    try:
        validation = dataset.split("validation").with_ink()
    except MnistcnnError:
        validation = None
    images = 0 if validation is None else len(validation)
    if initial is not None and images < FEW_IMAGES:
        return initial.metadata.calibration, initial.metadata.evidence
    if validation is None or not images:
        return None, None
    logits = trained.logits(validation.images)
    return fitted_temperature(logits, validation.labels), least_evidence(logits)
