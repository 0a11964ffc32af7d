"""What a run tells its listeners, from its start to its result: frozen data of plain values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnistcnn import notebook_html as html
from mnistcnn.config import TrainConfig
from mnistcnn.results import Evaluation, Layer


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """The digits of one logged batch, as the training step itself saw them: dropout active, before its update."""

    step: int
    loss: float
    accuracy: float
    steps_per_second: float  # since the record before this one, or since the run began
    labels: list[int]  # (digits,): the batch's, without images that show none
    probabilities: list[list[float]]  # (digits, 10), softmax


@dataclass(frozen=True, kw_only=True)
class TrainingValidation:
    """How well the network reads the whole validation split, dropout inactive, after `step` steps."""

    step: int
    loss: float
    accuracy: float
    is_best: bool  # whether no validation before it had as low a loss


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
class TrainingStarted:
    """A run is about to take its first step."""

    config: TrainConfig
    data: str
    train_images: int
    backend: str
    device: str  # as `--device` names it
    precision: str  # "float32" or "bfloat16", what `auto` became
    processes: int = 1  # that train together
    start_step: int  # above 0 where a run is resumed
    history: TrainingHistory  # the run's course up to there
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()  # what a person ought to know before the run starts


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """An execution of the training function, of up to 50 steps, has ended."""

    step: int


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

    def _repr_html_(self) -> str:
        """Show the run's course and its test in Jupyter."""
        said = html.paragraph(f"step {self.step:,} of {self.steps:,} in {self.seconds:.0f} s")
        losses = [(point.step, point.loss) for point in self.history.records]
        return said + html.curve(losses, "loss") + (self.test._repr_html_() if self.test else "")


TrainingEvent = TrainingStarted | TrainingProgress | TrainingRecord | TrainingValidation | TrainingResult
Listener = Callable[[TrainingEvent], None]
