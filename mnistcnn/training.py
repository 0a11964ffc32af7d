"""One training run, from a configuration and a dataset to a trained model."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import keras
import numpy as np

from mnistcnn.batches import training_batches
from mnistcnn.calibration import fitted_temperature
from mnistcnn.callbacks import Checkpointing, FiniteLoss, GracefulStop, LastBatch, ProbabilityLogger
from mnistcnn.config import TrainConfig
from mnistcnn.datasets import Dataset
from mnistcnn.devices import chosen_precision, current_device
from mnistcnn.distribution import ALONE, Processes, alone
from mnistcnn.errors import MnistcnnError
from mnistcnn.evaluation import evaluate, loss_and_accuracy, predicted_logits
from mnistcnn.events import Listener, TrainingResult, TrainingStarted
from mnistcnn.history import HistoryKeeper
from mnistcnn.metadata import ModelMetadata
from mnistcnn.model import build_model, describe_layers, initial_weights, logits_model
from mnistcnn.model_file import TrainedModel, save_model
from mnistcnn.outputs import Outputs
from mnistcnn.results import Evaluation
from mnistcnn.run_state import RunState
from mnistcnn.runtime import installed_versions
from mnistcnn.validation import Validation

MAX_STEPS_PER_EXECUTION = 50  # a stop waits for no more than these


def train(
    config: TrainConfig,
    dataset: Dataset,
    *,
    outputs: Outputs | None = None,
    listeners: Sequence[Listener] = (),
    should_stop: Callable[[], bool] = lambda: False,
    processes: Processes = ALONE,
) -> TrainingResult:
    """Train the network on a dataset's train split and measure it on its test split.

    `listeners` are told of the start, of progress, of every record and validation, and of the result. With `outputs`
    the run keeps checkpoints, goes on from the last one where they say so (and removes an earlier run's where not),
    and saves the model; without, nothing is written. Where the run validates, the validation split is not trained on.
    Once `should_stop` returns True the run ends after at most 50 more steps, with a checkpoint and without a model.
    Of several `processes`, joined already, each calls this, the first alone with `outputs`, and that one alone
    measures and returns a model. Raises MnistcnnError where files cannot be read or written, a checkpoint is of
    another run, or the loss becomes NaN or infinite.
    """
    backend = keras.backend.backend()
    device = current_device(backend)
    precision = chosen_precision(config.precision, backend, device)
    held_out = config.validation_held_out or config.validate_every
    split = dataset.split("train") if held_out else dataset.training_images()
    dataset.split("test")  # what is wrong with it shows before the hours of training, not after
    keeper = HistoryKeeper()
    listeners = (keeper, *listeners)
    validation = Validation(config, dataset, listeners, processes)
    state = RunState(
        outputs,
        [keeper, validation],
        determinants={**config.determinants, "data": split.fingerprint},
        exactness={"backend": backend, "device": device, "precision": precision, "processes": processes.count},
        processes=processes,
    )
    processes.require_same({**asdict(config), "data": split.fingerprint, "precision": precision})
    model = initial_model(config, precision)
    start_step, notes = state.begin(model, config)
    started = TrainingStarted(
        config=config,
        data=dataset.name,
        train_images=len(split),
        backend=backend,
        device=device,
        precision=precision,
        processes=processes.count,
        start_step=start_step,
        layers=describe_layers(model),
        notes=notes,
    )
    for listener in listeners:
        listener(started)

    def should_stop_together() -> bool:
        return processes.any(should_stop())

    metric = LastBatch(config.batch_size)
    callbacks = [
        FiniteLoss(),  # first: what is not finite is neither logged nor saved
        ProbabilityLogger(metric, config.log_every, listeners),
        validation,
        Checkpointing(config.checkpoint_every, state.save),
        GracefulStop(should_stop_together),
    ]
    seconds = 0.0
    if start_step < config.steps and not validation.is_out_of_patience and not should_stop_together():
        batches = training_batches(split, config, start_step, processes)
        seconds = _fit(model, config, batches, start_step, metric, callbacks)
    step = int(keras.ops.convert_to_numpy(model.optimizer.iterations.value))
    trained, test = None, None
    if processes.is_first and (step == config.steps or validation.is_out_of_patience):
        weights, kept_step = _kept(model, step, validation)
        trained, test = _measured(weights, kept_step, config, dataset, backend)
        if outputs is not None:
            save_model(trained, outputs.model)
    result = TrainingResult(
        model=trained,
        step=step,
        steps=config.steps,
        kept_step=trained.metadata.step if trained else None,
        history=keeper.history,
        loss=loss_and_accuracy(*reversed(metric.kept()))[0] if step > start_step else None,
        test=test,
        seconds=seconds,
        steps_per_second=(step - start_step) / seconds if seconds else 0.0,
    )
    for listener in listeners:
        listener(result)
    return result


def make_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """Return the optimizer that a configuration names, with its schedule.

    With `warmup` the rate rises from 0 in a line, then falls to 0 as half a cosine (Loshchilov and Hutter, "SGDR:
    Stochastic Gradient Descent with Warm Restarts", 2017).
    """
    optimizers = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
    rate: float | keras.optimizers.schedules.LearningRateSchedule = config.learning_rate
    if config.warmup is not None:
        warmup_steps = round(config.warmup * config.steps)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, decay_steps=config.steps - warmup_steps, warmup_target=rate, warmup_steps=warmup_steps
        )
    return optimizers[config.optimizer](learning_rate=rate)


def steps_per_execution(config: TrainConfig, start_step: int = 0) -> int:
    """Return how many steps run between two looks from outside, at most 50.

    Executions never cross a step that is logged, checkpointed or validated, wherever the run starts.
    """
    interval = math.gcd(config.log_every, config.checkpoint_every, config.validate_every)
    aligned = math.gcd(interval or MAX_STEPS_PER_EXECUTION, start_step)
    return next(steps for steps in range(MAX_STEPS_PER_EXECUTION, 0, -1) if aligned % steps == 0)


def initial_model(config: TrainConfig, precision: str) -> keras.Model:
    """Build the network down to its logits, with its first weights and an optimizer, as step 0 finds it."""
    dtype = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    model = logits_model(build_model(dropout=config.dropout, seed=config.seed, dtype=dtype))
    model.set_weights(initial_weights(model, config.seed))
    model.optimizer = make_optimizer(config)
    model.optimizer.build(model.trainable_variables)
    return model


def _fit(
    model: keras.Model,
    config: TrainConfig,
    batches: Iterable[Any],
    start_step: int,
    metric: LastBatch,
    callbacks: list[keras.callbacks.Callback],
) -> float:
    """Train from `start_step` on and return the seconds that took."""
    backend = keras.backend.backend()
    began = time.perf_counter()
    model.compile(
        optimizer=model.optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=config.label_smoothing),
        metrics=[metric],
        # Keras runs one step an execution on PyTorch; XLA more than halves the rate of TensorFlow on a CPU.
        steps_per_execution=1 if backend == "torch" else steps_per_execution(config, start_step),
        jit_compile=backend == "jax",
    )
    model.fit(batches, callbacks=callbacks, shuffle=False, verbose=0)
    return time.perf_counter() - began


def _kept(model: keras.Model, step: int, validation: Validation) -> tuple[list[np.ndarray], int]:
    """Return the weights to keep and their step: with patience the best by validation, else the last."""
    if validation.best is not None and validation.best_weights:
        return validation.best_weights, validation.best.step
    return model.get_weights(), step


def _measured(
    weights: list[np.ndarray], step: int, config: TrainConfig, dataset: Dataset, backend: str
) -> tuple[TrainedModel, Evaluation]:
    """Return the trained network in float32 and how well it reads the test split."""
    metadata = ModelMetadata(recipe=config.recipe, step=step, data=dataset.name, versions=installed_versions(backend))
    with alone():
        network = build_model(dropout=config.dropout, seed=config.seed)
        network.set_weights(weights)
        test = evaluate(TrainedModel(model=network, metadata=metadata), dataset, "test")
    if not math.isfinite(test.loss):
        raise MnistcnnError("the trained network's loss is NaN or infinite: start anew with --force and a lower rate")
    trained = TrainedModel(model=network, metadata=metadata)
    known = replace(metadata, accuracy=test.accuracy, calibration=_temperature(trained, config, dataset))
    return replace(trained, metadata=known), test


def _temperature(trained: TrainedModel, config: TrainConfig, dataset: Dataset) -> float | None:
    """Return the temperature fitted on the validation split, or the recipe's where that was trained on.

    None where there are no such images: of few pictures, a tenth is none.
    """
    if not (config.validation_held_out or config.validate_every):
        return config.calibration
    try:
        validation = dataset.split("validation")
    except MnistcnnError:
        return None
    validation = validation[validation.has_ink]
    return fitted_temperature(predicted_logits(trained, validation.images), validation.labels)
