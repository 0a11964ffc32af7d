"""Keras callbacks that log a run's batches, save its checkpoints and end it.

The batch being trained on comes from a metric, `LastBatch`; steps come from the optimizer, not from Keras's counts.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import keras
import numpy as np

from mnistcnn.config import CLASSES
from mnistcnn.errors import SharedError, parameter
from mnistcnn.events import Listener, TrainingProgress, TrainingRecord, tell
from mnistcnn.inference.measures import loss_and_accuracy, softmax


class LastBatch(keras.metrics.Metric):
    """Keeps the labels and logits of the batch just trained on, both (batch, 10) float32.

    Keras hands predictions to metrics, not to callbacks, and a second forward pass would drop other units. A metric
    that assigns them inside the training step shows what the tutorial's LoggingTensorHook showed, on every backend,
    without a second pass.
    """

    def __init__(self, batch_size: int) -> None:
        super().__init__(name="last_batch", dtype="float32")
        shape = (batch_size, CLASSES)
        self.labels = self.add_variable(shape, initializer="zeros", name="labels")
        self.logits = self.add_variable(shape, initializer="zeros", name="logits")

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Keep one batch: its labels, one-hot or even, and its logits."""
        self.labels.assign(y_true)
        self.logits.assign(y_pred)

    def result(self) -> float:
        """Return a plain number: an array in Keras's logs breaks its History and progress bar."""
        return 0.0

    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels (digits,) int64 and logits (digits, 10) float32 of the batch last trained on.

        Images with even labels, which show no digit, are left out.
        """
        labels, logits = (keras.ops.convert_to_numpy(variable.value) for variable in (self.labels, self.logits))
        shows_digit = labels.max(axis=1) == 1
        return labels[shows_digit].argmax(axis=1), logits[shows_digit]


def steps_taken(model: keras.Model) -> int:
    """Return the steps that a model's optimizer has taken, those before a resume among them."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations.value))


class StepCallback(keras.callbacks.Callback):
    """A callback that counts steps from the optimizer.

    Keras's own count is of executions, overshoots if the last one is short, and starts anew in a resumed run.
    """

    @property
    def step(self) -> int:
        """The steps taken so far. On JAX, reading `self.model` also brings every variable up to date."""
        return steps_taken(self.model)


class FiniteLoss(StepCallback):
    """Ends a run whose loss became NaN or infinite, before the callbacks after it log or save anything.

    After each execution it looks at the biases, which are few: a loss that is not finite makes them NaN or infinite at
    once, while ReLU and pooling can hide it from the logits. `Checkpointing` looks at all weights before it saves them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._good_step = 0

    def on_train_begin(self, logs: object = None) -> None:
        """Take the weights that the run starts from as good."""
        self._good_step = self.step

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Raise SharedError if a bias is NaN or infinite."""
        step = self.step
        biases = (variable for variable in self.model.trainable_variables if len(variable.shape) == 1)
        _require_finite((keras.ops.convert_to_numpy(bias.value) for bias in biases), self._good_step, step)
        self._good_step = step


def _require_finite(weights: Iterable[np.ndarray], good_step: int, step: int) -> None:
    """Raise SharedError if weights are NaN or infinite at `step`; at `good_step` they were finite."""
    if not all(np.isfinite(array).all() for array in weights):
        raise SharedError(
            f"the loss became NaN or infinite within steps {good_step + 1:,} to {step:,}; what was saved before "
            f"stands: start anew with {parameter('force', True)} and a lower {parameter('learning_rate')}"
        )


class ProbabilityLogger(StepCallback):
    """Tells listeners of each execution's end, and every `every` steps (0: never) of the batch being trained on.

    `first_digit` returns the batch's first image (28, 28) uint8 from its step, counted from 0.
    """

    def __init__(
        self,
        metric: LastBatch,
        every: int,
        listeners: Sequence[Listener],
        first_digit: Callable[[int], np.ndarray],
    ) -> None:
        super().__init__()
        self._metric = metric
        self._every = every
        self._listeners = listeners
        self._first_digit = first_digit
        self._since = (0, 0.0)  # step, seconds: of the last record, or of the run's start

    def on_train_begin(self, logs: object = None) -> None:
        """Start the clock."""
        self._since = (self.step, time.perf_counter())

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Report progress, and a record if one is due."""
        step = self.step
        tell(self._listeners, TrainingProgress(step=step))
        if self._every and step % self._every == 0:
            tell(self._listeners, self._record(step))

    def _record(self, step: int) -> TrainingRecord:
        step_before, time_before = self._since
        self._since = (step, time.perf_counter())
        labels, logits = self._metric.kept()
        loss, accuracy = loss_and_accuracy(logits, labels)
        return TrainingRecord(
            step=step,
            loss=loss,
            accuracy=accuracy,
            steps_per_second=(step - step_before) / (self._since[1] - time_before),
            labels=labels.tolist(),
            probabilities=softmax(logits).tolist(),
            first_image=partial(self._first_digit, step - 1),
        )


class Checkpointing(StepCallback):
    """Calls `save` with the model and its step every `every` steps (0: never), and when training ends.

    Raises SharedError in place of saving weights that are NaN or infinite: the checkpoints before stand. It saves at
    the end of the only epoch, not of training: by then weight averaging has overwritten the weights.
    """

    def __init__(self, every: int, save: Callable[[keras.Model, int], None]) -> None:
        super().__init__()
        self._every = every
        self._save = save
        self._saved_step = -1

    def on_train_begin(self, logs: object = None) -> None:
        """Take the weights that the run starts from as saved."""
        self._saved_step = self.step

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Save if a checkpoint is due."""
        step = self.step
        if self._every and step % self._every == 0:
            self._save_once(step)

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Save the last step, whether the run's last or the one it was stopped at."""
        self._save_once(self.step)

    def _save_once(self, step: int) -> None:
        if step != self._saved_step:
            _require_finite(self.model.get_weights(), self._saved_step, step)
            self._save(self.model, step)
            self._saved_step = step


class GracefulStop(keras.callbacks.Callback):
    """Ends training after the current execution once `should_stop` returns True."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        super().__init__()
        self.should_stop = should_stop

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Make the current execution the last one if a stop was asked for."""
        if self.should_stop():
            self.model.stop_training = True
