"""The output of `predict`: a table for people, or JSON lines or CSV for programs, and the share that is right.

Predictions go in, picture by picture, and are printed at once.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from mnistcnn.errors import printable
from mnistcnn.report.console import console_on, say, say_error, shows_pixels, styled
from mnistcnn.report.machine_formats import csv_writer, prediction_fields, write_json
from mnistcnn.report.text_graphics import bar, drawn, marked
from mnistcnn.results import Prediction, Tally, text_of

# columns: a file's name, or a digit's box, in the table (longer names shift their line)
NAME_COLUMNS = 24
# columns: the bar of a probability of 1
BAR_COLUMNS = 10
# columns: of a terminal as it opens
COLUMNS = 80
# what separates drawings that stand side by side
GAP = "   "


class PredictionReport:
    """A callback that prints predictions on stdout, or into a file, and counts how many are right.

    Args:
        form: "table", "text", "jsonl" or "csv".
        top_k: how many digits the table names for each prediction, from 1 to 10; None is as many as fit, up to 3.
        show: whether the table draws each picture and what the network saw of it.
        file: the file to print into; None is stdout.
        tally: the counts of pictures that the file holds already; None if it is new.

    `tally` counts on.

    """

    def __init__(
        self,
        form: str,
        *,
        top_k: int | None,
        show: bool = False,
        file: TextIO | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._file = sys.stdout if file is None else file
        self._out, self._top_k, self._show = console_on(self._file), top_k, show
        self._is_table, self._is_text = form == "table", form == "text"
        self._write_csv = csv_writer(self._file, has_header=tally is not None) if form == "csv" else None
        self.tally = tally or Tally()

    def __call__(self, predictions: Sequence[Prediction]) -> None:
        """Print the digits of one picture, in reading order."""
        error, label = predictions[0].error, predictions[0].label
        before, is_right = self.tally, len(predictions) == 1 and predictions[0].is_right
        self.tally = Tally(
            labelled=before.labelled + (label is not None),
            right=before.right + is_right,
            failed=before.failed + (error is not None),
        )
        if error is not None and (self._is_table or self._is_text):
            say_error(error)
        elif self._is_text:
            self._out.print(text_of(predictions))
        elif self._is_table:
            self._print(predictions)
        else:
            for prediction in predictions:
                if self._write_csv is not None:
                    self._write_csv(prediction)
                else:
                    write_json(prediction_fields(prediction), self._file)

    def _print(self, predictions: Sequence[Prediction]) -> None:
        many = len(predictions) > 1
        if many:
            first, *further = text_of(predictions).split("\n")
            self._out.print(f"{printable(predictions[0].name):<{NAME_COLUMNS}} {first}")
            for line in further:
                self._out.print(f"{'':<{NAME_COLUMNS}} {line}")
        for prediction in predictions:
            self._out.print(prediction_line(prediction, self._top_k, many=many))
        if self._show:
            self._draw(predictions)

    def _draw(self, predictions: Sequence[Prediction]) -> None:
        """Draw a picture, in which the boxes of several digits are numbered, and what the network saw of each."""
        images, color = [prediction.image for prediction in predictions], shows_pixels(self._out)
        lines = []
        if boxes := [each.thumbnail_box for each in predictions if each.thumbnail_box is not None]:
            lines += marked(predictions[0].thumbnail.tolist(), boxes, color=color)
        else:
            images.insert(0, predictions[0].thumbnail)
        side_by_side = max(1, (self._out.width + len(GAP)) // (28 + len(GAP)))
        for first in range(0, len(images), side_by_side):
            lines += drawings(images[first : first + side_by_side], color=color)
        for line in lines:
            drawn_line = styled(line)
            drawn_line.rstrip()
            self._out.print(drawn_line)

    def finish(self) -> None:
        """Print how many were right if pictures came from class folders: under a table, else on stderr."""
        if self.tally.labelled:
            share = self.tally.right / self.tally.labelled
            line = f"read right: {self.tally.right:,} of {self.tally.labelled:,}, {100 * share:.2f} %"
            self._out.print(line) if self._is_table else say(line)


def prediction_line(prediction: Prediction, top_k: int | None, *, many: bool = False) -> str:
    """Return a table line: the file's name, the `top_k` likeliest digits with their probabilities, and notes.

    None names three digits, or fewer where a note needs their room. With `many` the line begins with the digit's box
    instead of the name.
    """
    name = f"  box {' '.join(map(str, prediction.box or ()))}" if many else printable(prediction.name)
    ranked = sorted(range(10), key=lambda digit: -prediction.probabilities[digit])
    percents = [f"{100 * prediction.probabilities[digit]:5.1f} %" for digit in ranked]
    answer = f"{ranked[0]} {bar(prediction.probabilities[ranked[0]], BAR_COLUMNS)} {percents[0]}"
    others = [f"{digit} {percent}" for digit, percent in zip(ranked[1:], percents[1:], strict=True)]
    for count in [top_k - 1] if top_k else [2, 1, 0]:
        line = "  ".join([f"{name:<{NAME_COLUMNS}}", answer, *others[:count], _note(prediction)]).rstrip()
        if len(line) <= COLUMNS:
            break
    return line


def _note(prediction: Prediction) -> str:
    """Return what a reader must know of an answer: that it is unsure, and why, or wrong."""
    is_wrong = prediction.label is not None and not prediction.is_right
    if prediction.unsure_because is None:
        return f"misread: it is {prediction.label}" if is_wrong else ""
    return f"unsure: {prediction.unsure_because}" + (f", it is {prediction.label}" if is_wrong else "")


def drawings(images: Sequence[Any], *, color: bool) -> Iterator[list[tuple[str, str]]]:
    """Yield 14 lines that show images (≤28, ≤28) uint8 side by side, each in 28 columns, as pieces for `styled`."""
    first, *others = (drawn(_padded(image), color=color) for image in images)
    for row, line in enumerate(first):
        yield line + [piece for other in others for piece in [(GAP, ""), *other[row]]]


def _padded(image: Any) -> list[list[int]]:
    """Return an image in the middle of 28×28 pixels, on the level of its first pixel."""
    height, width = image.shape
    top, left = (28 - height) // 2, (28 - width) // 2
    outside = int(image[0, 0])
    rows = [[outside] * left + row + [outside] * (28 - width - left) for row in image.tolist()]
    blank = [outside] * 28
    return [blank] * top + rows + [blank] * (28 - height - top)
