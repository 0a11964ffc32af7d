"""The output of `predict`: a table for people, or JSON lines or CSV for programs, and the share that is right.

Predictions go in, picture by picture, and are printed at once.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

from mnistcnn.errors import printable
from mnistcnn.report.console import console_on, has_color, say, say_error, styled
from mnistcnn.report.machine_formats import csv_writer, prediction_fields, write_json
from mnistcnn.report.text_graphics import bar, shaded
from mnistcnn.results import Prediction, text_of

# columns: a file's name, or a digit's box, in the table (longer names shift their line)
NAME_COLUMNS = 24
# what separates drawings that stand side by side
GAP = "   "


class PredictionReport:
    """A callback that prints predictions on stdout and counts how many are right.

    Args:
        form: "table", "text", "jsonl" or "csv".
        top_k: how many digits the table names for each prediction, from 1 to 10.
        show: whether the table draws each picture and what the network saw of it.

    """

    def __init__(self, form: str, *, top_k: int, show: bool = False) -> None:
        self._out, self._top_k, self._show = console_on(sys.stdout), top_k, show
        self._is_table, self._is_text = form == "table", form == "text"
        self._write_csv = csv_writer() if form == "csv" else None
        self._labelled = self._right = 0
        self.has_failed = False

    def __call__(self, predictions: Sequence[Prediction]) -> None:
        """Print the digits of one picture, in reading order."""
        error, label = predictions[0].error, predictions[0].label
        self.has_failed |= error is not None
        self._labelled += label is not None
        self._right += len(predictions) == 1 and predictions[0].is_right
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
                    write_json(prediction_fields(prediction))

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
            images = [predictions[0].thumbnail, *(prediction.image for prediction in predictions)]
            self._out.print(styled(drawings(images, color=has_color(self._out))))

    def finish(self) -> None:
        """Print how many were right if pictures came from class folders: under a table, else on stderr."""
        if self._labelled:
            line = f"read right: {self._right:,} of {self._labelled:,}, {100 * self._right / self._labelled:.2f} %"
            self._out.print(line) if self._is_table else say(line)


def prediction_line(prediction: Prediction, top_k: int, *, many: bool = False) -> str:
    """Return a table line: the file's name, the `top_k` likeliest digits with their probabilities, and notes.

    With `many` the line begins with the digit's box instead of the name.
    """
    ranked = sorted(range(10), key=lambda digit: -prediction.probabilities[digit])[:top_k]
    cells = [
        f"{digit} {bar(prediction.probabilities[digit], 10 if rank == 0 else 4)} "
        f"{100 * prediction.probabilities[digit]:5.1f} %"
        for rank, digit in enumerate(ranked)
    ]
    name = f"  box {' '.join(map(str, prediction.box or ()))}" if many else printable(prediction.name)
    notes = [] if prediction.sure else ["unsure"]
    if prediction.label is not None and not prediction.is_right:
        notes.append(f"misread: it is {prediction.label}")
    return "  ".join([f"{name:<{NAME_COLUMNS}}", *cells, ", ".join(notes)]).rstrip()


def drawings(images: Sequence[Any], *, color: bool) -> Iterator[str | tuple[str, str]]:
    """Yield images (≤28, ≤28) uint8 drawn side by side, each in 14 lines of 28 columns, as pieces for `styled`.

    With `color` a half block shows two pixels in their greys; without, a shade character shows their mean.
    """
    padded = [_padded(image) for image in images]
    if not color:
        rows = zip(*(shaded(image) for image in padded), strict=True)
        yield "\n".join(GAP.join(row).rstrip() for row in rows)
        return
    for row in range(0, 28, 2):
        for place, image in enumerate(padded):
            yield GAP if place else "\n" if row else ""
            for top, bottom in zip(image[row], image[row + 1], strict=True):
                yield "▀", f"rgb({top},{top},{top}) on rgb({bottom},{bottom},{bottom})"


def _padded(image: Any) -> list[list[int]]:
    """Return an image in the middle of 28×28 pixels, on the level of its first pixel."""
    height, width = image.shape
    top, left = (28 - height) // 2, (28 - width) // 2
    outside = int(image[0, 0])
    rows = [[outside] * left + row + [outside] * (28 - width - left) for row in image.tolist()]
    blank = [outside] * 28
    return [blank] * top + rows + [blank] * (28 - height - top)
