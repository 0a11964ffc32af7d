"""What watches a run: the logger of probabilities and its metric, checkpointing, the graceful stop."""

import time
from collections.abc import Callable, Sequence

import keras
import numpy as np

from mnistcnn.config import CLASSES
from mnistcnn.errors import SharedError
from mnistcnn.events import Listener, TrainingProgress, TrainingRecord
from mnistcnn.inference.measures import loss_and_accuracy, softmax


class LastBatch(keras.metrics.Metric):
    """Keeps the labels and logits of the batch just trained on, both (batch, 10) float32.

    Keras hands predictions to metrics, not to callbacks, and a second forward pass would show another dropout. A
    metric that assigns them inside the training step shows what the tutorial's LoggingTensorHook showed, on every
    backend, at no second pass.
    """

    def __init__(self, batch_size: int) -> None:
        super().__init__(name="last_batch", dtype="float32")
        shape = (batch_size, CLASSES)
        self.labels = self.add_variable(shape, initializer="zeros", name="labels")
        self.logits = self.add_variable(shape, initializer="zeros", name="logits")

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Keep one batch: labels, one-hot or even, and logits."""
        self.labels.assign(y_true)
        self.logits.assign(y_pred)

    def result(self) -> float:
        """Return a plain number: an array in Keras's logs breaks its History and progress bar."""
        return 0.0

    def kept(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the labels (digits,) int64 and logits (digits, 10) float32 of the batch last trained on.

        What shows no digit, and so has no label above the others, is left out.
        """
        labels, logits = (keras.ops.convert_to_numpy(variable.value) for variable in (self.labels, self.logits))
        shows_digit = labels.max(axis=1) == 1
        return labels[shows_digit].argmax(axis=1), logits[shows_digit]


class StepCallback(keras.callbacks.Callback):
    """A callback that counts steps from the optimizer.

    Keras's own count is of executions, overshoots when the last is short, and starts anew in a resumed run.
    """

    @property
    def step(self) -> int:
        """The steps the optimizer has taken, those before a resume among them.

        Asking for it brings every variable up to date on JAX, where only `self.model` does that.
        """
        return int(keras.ops.convert_to_numpy(self.model.optimizer.iterations.value))


class FiniteLoss(StepCallback):
    """Ends a run whose loss became NaN or infinite, before the callbacks after it log or save anything of it.

    It looks at the biases, which are few, after each execution: a loss that is not finite makes them so at once,
    while ReLU and pooling can hide it from the logits. `require_finite` looks at all weights, before they are saved.
    """

    def __init__(self) -> None:
        super().__init__()
        self._good_step = 0

    def on_train_begin(self, logs: object = None) -> None:
        """Take what the run starts from as good."""
        self._good_step = self.step

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Look at the biases."""
        step = self.step
        biases = (variable for variable in self.model.trainable_variables if len(variable.shape) == 1)
        if not all(np.isfinite(keras.ops.convert_to_numpy(bias.value)).all() for bias in biases):
            raise _diverged(self._good_step, step)
        self._good_step = step


def require_finite(model: keras.Model, good_step: int, step: int) -> None:
    """Raise SharedError where a weight is NaN or infinite at `step`; at `good_step` none was."""
    if not all(np.isfinite(weight).all() for weight in model.get_weights()):
        raise _diverged(good_step, step)


def _diverged(good_step: int, step: int) -> SharedError:
    return SharedError(
        f"the loss became NaN or infinite within steps {good_step + 1:,} to {step:,}; what was saved before stands: "
        "start anew with --force and a lower --learning-rate"
    )


class ProbabilityLogger(StepCallback):
    """Tells listeners of the batch being trained on every `every` steps (0: never), and of each execution's end."""

    def __init__(self, metric: LastBatch, every: int, listeners: Sequence[Listener]) -> None:
        super().__init__()
        self._metric = metric
        self._every = every
        self._listeners = listeners
        self._since = (0, 0.0)  # step and time of the record before

    def on_train_begin(self, logs: object = None) -> None:
        """Start the clock."""
        self._since = (self.step, time.perf_counter())

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Report progress, and a record where one is due."""
        step = self.step
        for listener in self._listeners:
            listener(TrainingProgress(step=step))
        if self._every and step % self._every == 0:
            record = self._record(step)
            for listener in self._listeners:
                listener(record)

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
        )


class Checkpointing(StepCallback):
    """Calls `save` with the model and its step every `every` steps (0: only then), and when training ends.

    Raises SharedError instead where a weight is not finite: the checkpoints before stand.
    It saves at the end of the only epoch, not of training: by then weight averaging has overwritten the weights.
    """

    def __init__(self, every: int, save: Callable[[keras.Model, int], None]) -> None:
        super().__init__()
        self._every = every
        self._save = save
        self._saved_step = -1

    def on_train_begin(self, logs: object = None) -> None:
        """Take what the run starts from as saved."""
        self._saved_step = self.step

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Save where the interval says so."""
        step = self.step
        if self._every and step % self._every == 0:
            self._write(step)

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Save the last step, reached or stopped at, unless it is saved already."""
        self._write(self.step)

    def _write(self, step: int) -> None:
        if step != self._saved_step:
            require_finite(self.model, self._saved_step, step)
            self._save(self.model, step)
            self._saved_step = step


class GracefulStop(keras.callbacks.Callback):
    """Ends training after the execution under way once `should_stop` says so."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        super().__init__()
        self.should_stop = should_stop

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Ask Keras to stop where a stop was asked for."""
        if self.should_stop():
            self.model.stop_training = True
