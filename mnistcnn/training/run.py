"""One training run, from a configuration and a dataset to a trained model."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import keras
import numpy as np

from mnistcnn.config import TrainConfig
from mnistcnn.data.dataset import Dataset
from mnistcnn.errors import MnistcnnError
from mnistcnn.events import Listener, TrainingEvent, TrainingStarted
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
from mnistcnn.training.batches import training_batches
from mnistcnn.training.callbacks import Checkpointing, FiniteLoss, GracefulStop, LastBatch, ProbabilityLogger
from mnistcnn.training.fitting import fit, initial_model
from mnistcnn.training.history import HistoryKeeper
from mnistcnn.training.resuming import RunState
from mnistcnn.training.validation import Validation


def train(
    config: TrainConfig,
    dataset: Dataset,
    *,
    outputs: Outputs | None = None,
    listeners: Sequence[Listener] = (),
    should_stop: Callable[[], bool] = lambda: False,
    team: Team = ALONE,
) -> TrainingResult:
    """Train the network on a dataset's train split and measure it on its test split.

    `listeners` are told of the start, of progress, of every record and validation, and of the result. With `outputs`
    the run keeps checkpoints, goes on from the last one where they say so (and removes an earlier run's where not),
    and saves the model; without, nothing is written. Where the run validates, the validation split is not trained on.
    Once `should_stop` returns True the run ends after at most 50 more steps, with a checkpoint and without a model.
    Each process of a `team`, joined already, calls this, the first alone with `outputs`, and that one alone
    measures and returns a model. Raises MnistcnnError where files cannot be read or written, a checkpoint is of
    another run, or the loss becomes NaN or infinite.
    """
    run = _Run(config, dataset, outputs, listeners, team)
    run.begin()
    run.fit(should_stop)
    return run.finish()


class _Run:
    """What one run consists of while it lasts."""

    def __init__(
        self,
        config: TrainConfig,
        dataset: Dataset,
        outputs: Outputs | None,
        listeners: Sequence[Listener],
        team: Team,
    ) -> None:
        self._config, self._dataset, self._outputs, self._team = config, dataset, outputs, team
        self._split = dataset.split("train") if config.validation_held_out else dataset.training_images()
        dataset.split("test")  # what is wrong with it shows before the hours of training, not after
        self._history = HistoryKeeper()
        self._listeners: tuple[Listener, ...] = (self._history, *listeners)
        self._validation = Validation(config, dataset, self._listeners, team)
        backend = keras.backend.backend()
        device = current_device(backend)
        precision = chosen_precision(config.precision, backend, device)
        # By the names that listeners are told and checkpoints keep.
        self._setting = {"backend": backend, "device": device, "precision": precision, "processes": team.count}
        # Before anything is computed: Keras would find other weights elsewhere, and say less.
        team.require_same({**asdict(config), "data": self._split.fingerprint, "precision": precision})
        self._model = initial_model(config, precision)
        self._metric = LastBatch(config.batch_size)
        self._state = RunState(
            outputs,
            [self._history, self._validation],
            determinants={**config.determinants, "data": self._split.fingerprint},
            exactness=self._setting,
            team=team,
        )
        self._start_step, self._seconds = 0, 0.0

    def begin(self) -> None:
        """Bring the model to where the run starts or goes on, and say so."""
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
        self._tell(started)

    def fit(self, should_stop: Callable[[], bool]) -> None:
        """Train, unless there is no step left."""
        config = self._config
        stop = GracefulStop(lambda: self._team.any(should_stop()))
        if self._step == config.steps or self._validation.is_out_of_patience or stop.should_stop():
            return
        callbacks = [
            FiniteLoss(),  # first: what is not finite is neither logged nor saved
            ProbabilityLogger(self._metric, config.log_every, self._listeners),
            self._validation,
            Checkpointing(config.checkpoint_every, self._state.save),
            stop,
        ]
        batches = training_batches(self._split, config, self._start_step, self._team)
        self._seconds = fit(self._model, config, batches, self._start_step, self._metric, callbacks)

    def finish(self) -> TrainingResult:
        """Measure and save the trained model, if the run has come to its end, and say so."""
        step, trained, test = self._step, None, None
        if self._team.is_first and (step == self._config.steps or self._validation.is_out_of_patience):
            weights, kept_step = _kept(self._model, step, self._validation)
            trained, test = _measured(weights, kept_step, self._config, self._dataset)
            if self._outputs is not None:
                save_model(trained, self._outputs.model)
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
        self._tell(result)
        return result

    @property
    def _step(self) -> int:
        return int(keras.ops.convert_to_numpy(self._model.optimizer.iterations.value))

    def _tell(self, event: TrainingEvent) -> None:
        for listener in self._listeners:
            listener(event)


def _kept(model: keras.Model, step: int, validation: Validation) -> tuple[list[np.ndarray], int]:
    """Return the weights to keep and their step: with patience the best by validation, else the last."""
    if validation.best is not None and validation.best_weights:
        return validation.best_weights, validation.best.step
    return model.get_weights(), step


def _measured(
    weights: list[np.ndarray], step: int, config: TrainConfig, dataset: Dataset
) -> tuple[TrainedModel, Evaluation]:
    """Return the trained network in float32 and how well it reads the test split."""
    versions = installed_versions(keras.backend.backend())
    metadata = ModelMetadata(recipe=config.recipe, step=step, data=dataset.name, versions=versions)
    with on_this_process_only():
        network = build_model(dropout=config.dropout, seed=config.seed)
        network.set_weights(weights)
        test = evaluate(TrainedModel(model=network, metadata=metadata), dataset, "test")
    if not (math.isfinite(test.loss) and are_usable(weights)):
        raise MnistcnnError(
            "the trained network's loss or weights are beyond use: start anew with --force and a lower rate"
        )
    trained = TrainedModel(model=network, metadata=metadata)
    temperature, least = _calibration(trained, config, dataset)
    known = replace(metadata, accuracy=test.accuracy, calibration=temperature, evidence=least)
    return replace(trained, metadata=known), test


def _calibration(trained: TrainedModel, config: TrainConfig, dataset: Dataset) -> tuple[float | None, float | None]:
    """Return the temperature and the least evidence on the validation split, or the recipe's where it is trained on.

    None where there are no such images: of few pictures, a tenth is none.
    """
    if not config.validation_held_out:
        return config.calibration, config.evidence
    try:
        validation = dataset.split("validation")
    except MnistcnnError:
        return None, None
    validation = validation[validation.has_ink]
    if not len(validation):
        return None, None
    logits = trained.logits(validation.images)
    return fitted_temperature(logits, validation.labels), least_evidence(logits)
