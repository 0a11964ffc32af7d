"""The results of the commands and of the library: frozen data of plain values.

The folders that compute make them, and `report` renders them. Nothing here computes or prints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mnistcnn.wording import counted, image_name, loss_and_accuracy_text

if TYPE_CHECKING:
    from mnistcnn.model.model_file import TrainedModel

# predictions: so many digits stand in the text of several predictions
DIGITS_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer of the network: its name, what it computes, and its size."""

    name: str
    kind: str  # its Keras class
    inputs: tuple[str, ...]  # the names of the layers before it
    shape: tuple[int | None, ...]  # its output's; None is the batch
    parameters: int


@dataclass(frozen=True, kw_only=True)
class ClassMeasures:
    """How well a model tells the images of one digit from the others; shares in [0, 1]."""

    digit: int
    images: int  # the number that show this digit
    precision: float | None  # of the images read as this digit, the share that show it; None without such images
    recall: float | None  # of the images that show this digit, the share read as it; None without such images
    f1: float | None  # the harmonic mean of precision and recall; None without images of either kind


@dataclass(frozen=True, kw_only=True)
class CalibrationBin:
    """The images whose answer has a probability in (low, high]."""

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
    digit: int  # the digit it was read as
    probability: float  # the probability of that digit, in [0, 1]
    label_probability: float  # the probability of the label
    file: str | None = None  # the picture it was read from; None if it has no file of its own
    image: Any = field(repr=False, compare=False)  # (28, 28) uint8

    @property
    def name(self) -> str:
        """What people call it: its file's name or, without a file, its position."""
        return image_name(self.file, self.position)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a model reads one split of a dataset."""

    loss: float  # mean softmax cross-entropy, in nats
    accuracy: float  # share of images read right, in [0, 1]
    accuracy_interval: tuple[float, float]  # Wilson's, 95 %
    top2_accuracy: float  # share of images whose label is among the two likeliest
    calibration_error: float  # expected, in 15 bins
    step: int | None  # the step the model was trained to; None if its file does not say
    recipe: str | None
    data: str
    split: str
    images: int
    mistakes: int  # images misread
    without_digit: int  # images in which no digit was found: they count as misread, in no answer's column
    classes: tuple[ClassMeasures, ...]  # by digit
    confusion: tuple[tuple[int, ...], ...]  # (10, 10) images: a row for each label, a column for each answer
    calibration: tuple[CalibrationBin, ...]  # the bins that hold images
    worst_mistakes: tuple[Mistake, ...]  # up to 20, the highest probability first
    notice: str | None = None  # what a reader of the measures must know about the data

    @property
    def subject(self) -> str:
        """What was measured, as people read it: "mnist, 10,000 images of the test split", "pictures, all 60 images"."""
        images = counted(self.images, "image")
        return f"{self.data}, " + (f"all {images}" if self.split == "all" else f"{images} of the {self.split} split")

    @property
    def figures(self) -> str:
        """The loss and the accuracy as people read them."""
        return loss_and_accuracy_text(self.loss, self.accuracy)

    def _repr_html_(self) -> str:
        """Show the figures, the confusion matrix and the worst mistakes in Jupyter."""
        from mnistcnn import notebook_html

        return notebook_html.evaluation(self)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """An image that several models read differently."""

    position: int  # in its split, from 0
    label: int
    digits: tuple[int, ...]  # each model's answer
    probabilities: tuple[float, ...]  # each answer's, in [0, 1]
    file: str | None = None  # the picture it was read from; None if it has no file of its own
    image: Any = field(repr=False, compare=False)  # (28, 28) uint8

    @property
    def name(self) -> str:
        """What people call it: its file's name or, without a file, its position."""
        return image_name(self.file, self.position)

    @property
    def weight(self) -> float:
        """How telling it is, in [0, 1]: high if one model is right and another wrong, and both with much confidence."""
        answers = list(zip(self.digits, self.probabilities, strict=True))
        right = max((share for digit, share in answers if digit == self.label), default=0.0)
        wrong = max((share for digit, share in answers if digit != self.label), default=0.0)
        return min(right, wrong)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How several models read the same split."""

    models: tuple[str, ...]  # their files, or names
    evaluations: tuple[Evaluation, ...]  # one for each model
    differences: tuple[Difference, ...]  # every image that they read differently, in order of position

    @property
    def most_telling(self) -> tuple[Difference, ...]:
        """The same images, those first that one model reads right and another wrong with the most confidence."""
        return tuple(sorted(self.differences, key=lambda difference: -difference.weight))

    def _repr_html_(self) -> str:
        """Show the models side by side in Jupyter, and images that they read differently."""
        from mnistcnn import notebook_html

        return notebook_html.comparison(self)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The network's answer for one digit of a picture, or the `error` that prevented it."""

    file: str
    probabilities: tuple[float, ...] = ()  # (10,), by digit
    unsure_because: str | None = None  # why the answer cannot be relied on, in two words; None if it can be
    box: tuple[int, int, int, int] | None = None  # left, top, right, bottom in pixels of the picture
    line: int | None = None  # its line in the picture, from the top; 0 is the first
    group: int | None = None  # its group in the line, from the left; 0 is the first
    image: Any = field(default=None, repr=False, compare=False)  # (28, 28) uint8, what the network saw
    # (≤28, ≤28) uint8, the picture itself; if it shows several digits (≤76, ≤76), its written part
    thumbnail: Any = field(default=None, repr=False, compare=False)
    # its place in the thumbnail, if the picture shows several digits
    thumbnail_box: tuple[int, int, int, int] | None = field(default=None, repr=False, compare=False)
    label: int | None = None  # the digit that the picture shows, if its folder or its row tells
    error: str | None = None
    row: int | None = None  # its row in the file, from 1, if the file is CSV

    @property
    def name(self) -> str:
        """The picture's name: its file, with its row if the file has many."""
        return self.file if self.row is None else f"{self.file}:{self.row}"

    @property
    def digit(self) -> int | None:
        """The likeliest digit; None if there is an error."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__, default=None)

    @property
    def probability(self) -> float | None:
        """The probability of the likeliest digit, in [0, 1]; None if there is an error."""
        return max(self.probabilities, default=None)

    @property
    def sure(self) -> bool | None:
        """Whether the answer can be relied on; None if there is an error."""
        return None if self.digit is None else self.unsure_because is None

    @property
    def is_right(self) -> bool:
        """Whether the digit is the label; a picture with an error is not right."""
        return self.label is not None and self.digit == self.label


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What a network makes of one digit, layer by layer, and what in its image speaks for each of the ten digits."""

    prediction: Prediction
    activations: Mapping[str, Any] = field(repr=False, compare=False)  # by layer, from conv1 (28, 28, 32) on; float32
    effects: Any = field(repr=False, compare=False)  # (14, 14, 10) float32: see `inference.explanation`
    square: int  # pixels: the side of the square that was covered to find the effects
    picture: Any = field(default=None, repr=False, compare=False)  # (H, W) uint8, its grey levels

    @property
    def runner_up(self) -> int:
        """The second likeliest digit."""
        ranked = sorted(range(10), key=lambda digit: -self.prediction.probabilities[digit])
        return ranked[1]


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What the convolutions of a network look for."""

    model: str  # its file, or its name
    conv1: Any = field(repr=False, compare=False)  # (5, 5, 1, 32) float32
    conv2: Any = field(repr=False, compare=False)  # (5, 5, 32, 64) float32


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many pictures were read with a label, rightly, and not at all."""

    labelled: int = 0
    right: int = 0  # of the labelled ones
    failed: int = 0


def text_of(predictions: Sequence[Prediction]) -> str:
    """Return the digits of one picture as it shows them: line by line, with a space between groups."""
    lines = []
    for _, line in groupby(predictions, key=lambda prediction: prediction.line):
        groups = groupby(line, key=lambda prediction: prediction.group)
        lines.append(" ".join("".join(str(prediction.digit) for prediction in group) for _, group in groups))
    return "\n".join(lines)


class Predictions(tuple[Prediction, ...]):
    """The predictions for several pictures, in their order."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Name the digits, the first of many: a notebook keeps this text too."""
        digits = ", ".join("?" if each.digit is None else str(each.digit) for each in self[:DIGITS_NAMED])
        more = f" and {len(self) - DIGITS_NAMED:,} more" if len(self) > DIGITS_NAMED else ""
        return f"<Predictions: {digits}{more}>"

    def _repr_html_(self) -> str:
        """Show what the network saw, and what it says, in Jupyter."""
        from mnistcnn import notebook_html

        return notebook_html.predictions(self)


@dataclass(frozen=True, kw_only=True)
class Export:
    """A file for another program, and how the runtime that it is for reads images, compared with the network itself."""

    file: str
    runtime: str  # its name and version
    int8: bool  # whether weights and layers are 8-bit whole numbers
    size: int  # in bytes
    images: int  # the number of images that were read
    largest_difference: float  # of a probability
    other_digits: int  # images that it reads as another digit than the network does
    milliseconds: float  # the median time of an image, read alone


@dataclass(frozen=True, kw_only=True)
class BackendInfo:
    """A backend on this machine. Without a version it is not installed; with an error it does not work."""

    name: str
    version: str | None
    devices: tuple[str, ...] = ()  # by name, the one it prefers first
    precision: str | None = None  # what `auto` becomes on that device
    reason: str | None = None  # why it takes that precision
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class SystemInfo:
    """The software and the backends of this machine."""

    versions: Mapping[str, str]  # by name: what every backend needs
    chosen: str  # the backend that commands use if no other is named
    backends: tuple[BackendInfo, ...]


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """The content of a model file, and where it comes from; None is unknown."""

    path: str
    layers: tuple[Layer, ...]
    recipe: str | None
    step: int | None
    data: str | None
    accuracy: float | None  # on the test split of that data, in [0, 1]
    versions: Mapping[str, str]  # by name: what the file was made with
    calibration: float | None  # the temperature its logits are divided by
    evidence: float | None  # the least evidence of an answer that can be relied on

    @property
    def parameters(self) -> int:
        """The number of weights that training sets."""
        return sum(layer.parameters for layer in self.layers)


@dataclass(frozen=True, kw_only=True)
class TrainingValidation:
    """How well the network reads the whole validation split, dropout inactive, after `step` steps."""

    step: int
    loss: float
    accuracy: float
    is_best: bool  # whether every validation before it had a higher loss


@dataclass(frozen=True, kw_only=True)
class HistoryPoint:
    """The figures of a record that are kept after the run."""

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class TrainingHistory:
    """The course of a run from its first step on, even if it was stopped and resumed."""

    records: tuple[HistoryPoint, ...]
    validations: tuple[TrainingValidation, ...]


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The result of a run; without a model if it was stopped before its end and can be resumed.

    With early stopping `step` may lie before `steps`, and the model is that of `kept_step`, the best by validation.
    """

    model: "TrainedModel | None"
    step: int
    steps: int
    kept_step: int | None  # the step whose weights the model has; None without a model
    history: TrainingHistory = field(repr=False)
    loss: float | None  # the last batch's; None if a resumed run had no step left
    test: Evaluation | None
    seconds: float  # the time of training, without evaluation and saving
    steps_per_second: float

    def _repr_html_(self) -> str:
        """Show the run's course and its test in Jupyter."""
        from mnistcnn import notebook_html

        return notebook_html.training(self)
