"""What the commands know when they are done, and what a run tells its listeners: frozen data of plain values.

A leaf: rooms that compute make these, the report and the log file render them. None of them knows Keras.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mnistcnn.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class TrainingStarted:
    """A run is about to take its first step."""

    config: TrainConfig
    data: str
    train_images: int
    backend: str
    precision: str  # "float32" or "bfloat16", what `auto` became
    start_step: int  # above 0 where a run is resumed
    notes: tuple[str, ...] = ()  # what a person ought to know before the run starts


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """An execution of the training function, of up to 50 steps, has ended."""

    step: int


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """One logged batch, as the training step itself saw it: dropout active, before that step's update."""

    step: int
    loss: float
    accuracy: float
    steps_per_second: float  # since the record before this one, or since the run began
    labels: list[int]  # (batch,)
    probabilities: list[list[float]]  # (batch, 10), softmax


@dataclass(frozen=True, kw_only=True)
class TrainingValidation:
    """How well the network reads the whole validation split, dropout inactive, after `step` steps."""

    step: int
    loss: float
    accuracy: float
    is_best: bool  # whether no validation before it had as low a loss


TrainingEvent = TrainingStarted | TrainingProgress | TrainingRecord | TrainingValidation
Listener = Callable[[TrainingEvent], None]


@dataclass(frozen=True, kw_only=True)
class ClassMeasures:
    """How well the images of one digit are told from the others; shares in [0, 1]."""

    digit: int
    images: int  # that show this digit
    precision: float  # of the images read as it, the share that are
    recall: float  # of its images, the share read as it
    f1: float  # the harmonic mean of the two


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """The images whose answer got a probability in (low, high]."""

    low: float
    high: float
    images: int
    confidence: float  # the mean of those probabilities
    accuracy: float  # the share read right


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """An image that was misread."""

    position: int  # in its split, from 0
    label: int
    digit: int  # what it was read as
    probability: float  # of that digit
    label_probability: float
    image: Any = field(repr=False, compare=False)  # (28, 28) uint8


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a model reads one split of a dataset."""

    loss: float  # mean softmax cross-entropy, in nats
    accuracy: float  # share of images read right, in [0, 1]
    accuracy_interval: tuple[float, float]  # Wilson's, 95 %
    top2_accuracy: float  # share of images whose label is among the two likeliest
    calibration_error: float  # expected, in 15 bins
    step: int | None  # the step the model was trained to; None where its file does not say
    recipe: str | None
    data: str
    split: str
    images: int
    mistakes: int  # images misread
    classes: tuple[ClassMeasures, ...]  # by digit
    confusion: tuple[tuple[int, ...], ...]  # (10, 10) images: a row for each label, a column for each answer
    calibration: tuple[CalibrationBin, ...]  # those that hold images
    worst_mistakes: tuple[Mistake, ...]  # the surest first, up to 20


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An image that several models do not all read alike."""

    position: int  # in its split, from 0
    label: int
    digits: tuple[int, ...]  # what each model reads
    probabilities: tuple[float, ...]  # of those digits
    image: Any = field(repr=False, compare=False)  # (28, 28) uint8


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How several models read the same split."""

    models: tuple[str, ...]  # their files
    evaluations: tuple[Evaluation, ...]  # by model
    differences: tuple[Difference, ...]  # every image they do not all read alike, in order of position


@dataclass(frozen=True, kw_only=True)
class HistoryPoint:
    """What is kept of a record when the run is over."""

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class TrainingHistory:
    """The course of a run, from its first step on, also where it was stopped and resumed."""

    records: tuple[HistoryPoint, ...]
    validations: tuple[TrainingValidation, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What a run came to. `model` is a TrainedModel, or None where the run was stopped before its end.

    With early stopping `step` may lie before `steps`, and the model is that of `kept_step`, the best by validation.
    """

    model: Any
    step: int
    steps: int
    kept_step: int | None  # the step whose weights the model has; None without a model
    history: TrainingHistory
    loss: float | None  # of the last batch trained on; None where a resumed run had no step left
    test: Evaluation | None
    seconds: float  # spent training, evaluation and saving not counted
    steps_per_second: float


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the network says of one picture, or why it can say nothing (`error`)."""

    file: str
    probabilities: tuple[float, ...] = ()  # (10,), by digit
    image: Any = None  # (28, 28) uint8, what the network saw
    error: str | None = None

    @property
    def digit(self) -> int | None:
        """The likeliest digit; None where there is an error."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__, default=None)

    @property
    def probability(self) -> float | None:
        """The probability of that digit, in [0, 1]."""
        return max(self.probabilities, default=None)
