"""What the commands know when they are done: frozen data of plain values.

A leaf: rooms that compute make these, rooms that report render them. None of them knows Keras.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from mnistcnn import notebook_html as html


def loss_and_accuracy_text(loss: float, accuracy: float, decimals: int = 2) -> str:
    """Return a loss in nats and an accuracy in [0, 1], shown in percent, as people read them."""
    return f"loss {loss:.4f}, accuracy {100 * accuracy:.{decimals}f} %"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of the network."""

    name: str
    kind: str  # its Keras class
    inputs: tuple[str, ...]  # the names of the layers before it
    shape: tuple[int | None, ...]  # of its output; None is the batch
    parameters: int


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
    without_digit: int  # images, counted as misread, in which no digit was found; they are in no answer's column
    classes: tuple[ClassMeasures, ...]  # by digit
    confusion: tuple[tuple[int, ...], ...]  # (10, 10) images: a row for each label, a column for each answer
    calibration: tuple[CalibrationBin, ...]  # those that hold images
    worst_mistakes: tuple[Mistake, ...]  # the surest first, up to 20
    notice: str | None = None  # what a reader of the measures must know about the data

    def _repr_html_(self) -> str:
        """Show the figures, the confusion matrix and the worst mistakes in Jupyter."""
        low, high = self.accuracy_interval
        figures = html.paragraph(
            f"{self.data}, {self.images:,} images of the {self.split} split: "
            f"{loss_and_accuracy_text(self.loss, self.accuracy)} (95 % interval {100 * low:.2f} to {100 * high:.2f})",
            f"top-2 accuracy {100 * self.top2_accuracy:.2f} %, calibration error {100 * self.calibration_error:.2f} %",
        )
        rows = [
            [
                f"<th>{of.digit}</th>",
                *(html.cell(count or "·", count / max(of.images, 1)) for count in counts),
                *(html.cell(f"{100 * share:.1f}") for share in (of.precision, of.recall, of.f1)),
            ]
            for of, counts in zip(self.classes, self.confusion, strict=True)
        ]
        matrix = html.table(["label", *range(10), "precision", "recall", "F1"], rows)
        mistakes = [
            html.image_cell(mistake.image, f"{mistake.label}→{mistake.digit} {100 * mistake.probability:.1f} %")
            for mistake in self.worst_mistakes[:10]
        ]
        return figures + matrix + (html.table([f"{self.mistakes:,} misread"], [mistakes]) if mistakes else "")


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

    def _repr_html_(self) -> str:
        """Show the models side by side in Jupyter, and images that they read differently."""
        rows = [
            [f"<td>{escape(name)}</td>", html.cell(f"{of.loss:.4f}"), html.cell(f"{100 * of.accuracy:.2f} %")]
            for name, of in zip(self.models, self.evaluations, strict=True)
        ]
        apart = [
            html.image_cell(difference.image, f"{difference.label}→" + " ".join(map(str, difference.digits)))
            for difference in self.differences[:10]
        ]
        heading = f"{len(self.differences):,} not read alike"
        return html.table(["model", "loss", "accuracy"], rows) + (html.table([heading], [apart]) if apart else "")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the network says of one digit of a picture, or why it can say nothing (`error`)."""

    file: str
    probabilities: tuple[float, ...] = ()  # (10,), by digit
    sure: bool | None = None  # whether the answer is one to rely on; None where there is an error
    box: tuple[int, int, int, int] | None = None  # where it stands: left, top, right, bottom in pixels of the picture
    image: Any = field(default=None, repr=False, compare=False)  # (28, 28) uint8, what the network saw
    thumbnail: Any = field(default=None, repr=False, compare=False)  # (≤28, ≤28) uint8, the picture itself
    label: int | None = None  # what it is, where the picture lies in a folder of class folders
    error: str | None = None

    @property
    def digit(self) -> int | None:
        """The likeliest digit; None where there is an error."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__, default=None)

    @property
    def probability(self) -> float | None:
        """The probability of that digit, in [0, 1]."""
        return max(self.probabilities, default=None)

    @property
    def is_right(self) -> bool:
        """Whether the digit is the label's; a picture in which none was found is read wrong."""
        return self.label is not None and self.digit == self.label


class Predictions(tuple[Prediction, ...]):
    """What the network says of several pictures, in their order."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Show what the network saw, and what it says, in Jupyter."""
        rows = [
            [f'<td colspan="12">{escape(of.error)}</td>']
            if of.error is not None
            else [
                f"<td>{escape(of.file)}</td>",
                html.image_cell(of.image, str(of.digit)),
                *(html.cell(f"{100 * probability:.1f}", probability) for probability in of.probabilities),
            ]
            for of in self
        ]
        return html.table(["file", "digit", *(f"{digit} in %" for digit in range(10))], rows)


@dataclass(frozen=True, kw_only=True)
class BackendInfo:
    """What one backend is here. Without a version it is not installed; with an error it does not work."""

    name: str
    version: str | None
    devices: tuple[str, ...] = ()  # as `--device` names them, the one it prefers first
    precision: str | None = None  # what `auto` takes on that one
    reason: str | None = None  # why it takes that precision
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class SystemInfo:
    """What is installed on this machine, and what it can compute on."""

    versions: Mapping[str, str]  # of what every backend stands on
    chosen: str  # the backend that commands take where nothing else is said
    backends: tuple[BackendInfo, ...]


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """What a model file holds, and where it comes from; None is unknown."""

    path: str
    layers: tuple[Layer, ...]
    recipe: str | None
    step: int | None
    data: str | None
    accuracy: float | None  # on the test split of that data, in [0, 1]
    versions: Mapping[str, str]  # it was made with
    calibration: float | None  # the temperature its logits are divided by
    evidence: float | None  # the least of an answer to rely on

    @property
    def parameters(self) -> int:
        """All numbers that training sets."""
        return sum(layer.parameters for layer in self.layers)


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
