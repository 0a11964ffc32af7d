"""The events that a training run tells its listeners, from its start to its result: frozen data of plain values.

A listener is any function that takes an event. It knows nothing of the network that trains.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mnistcnn.config import TrainConfig
from mnistcnn.results import Layer, TrainingHistory, TrainingResult, TrainingValidation


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """The digits of a logged batch as the training step saw them: with dropout, before the weights were updated."""

    step: int
    loss: float
    accuracy: float
    steps_per_second: float  # since the record before this one, or since the run began
    labels: list[int]  # (digits,): the batch's, without the images that show no digit
    probabilities: list[list[float]]  # (digits, 10), softmax
    # returns the first digit's image (28, 28) uint8, as it was trained on; it takes milliseconds
    first_image: Callable[[], Any] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class TrainingStarted:
    """A run is about to take its first step."""

    config: TrainConfig
    data: str
    train_images: int
    backend: str
    device: str  # by name, such as "cpu:0"
    precision: str  # "float32" or "bfloat16", what `auto` became
    processes: int = 1  # the number that train together
    start_step: int  # above 0 if the run is resumed
    history: TrainingHistory  # the run's course up to that step
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()  # sentences that a person should read before the run starts


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """An execution of the training function, of up to 50 steps, has ended."""

    step: int


TrainingEvent = TrainingStarted | TrainingProgress | TrainingRecord | TrainingValidation | TrainingResult
Listener = Callable[[TrainingEvent], None]


def tell(listeners: Iterable[Listener], event: TrainingEvent) -> None:
    """Pass an event to each listener, in order. An error that a listener raises reaches the caller."""
    for listener in listeners:
        listener(event)
