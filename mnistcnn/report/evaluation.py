"""The text report of an evaluation, and of several models compared: figures, confusion matrix, drawn images.

An Evaluation or a Comparison goes in; text, or one JSON object, comes out on standard output.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from mnistcnn.errors import printable
from mnistcnn.report.console import console_on, has_color, styled, warn
from mnistcnn.report.machine_formats import comparison_fields, evaluation_fields, write_json
from mnistcnn.report.text_graphics import SHADES, dotted
from mnistcnn.results import Comparison, Difference, Evaluation, Mistake
from mnistcnn.wording import counted, loss_and_accuracy_text, percent

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# columns: the longest model name in a comparison
NAME_COLUMNS = 18
# a model's line in a comparison: letter, name, steps, loss, accuracy, interval, top-2, calibration; 78 columns in all
COMPARED = "{:1} {:<18}{:>9}{:>8}{:>9}{:>14}{:>9}{:>9}"
Shown = TypeVar("Shown", bound=Mistake | Difference)

# images: how many are drawn at most
DRAWN = 10
# columns: a drawn image and its caption
DRAWN_COLUMNS = 14
# images: how many are drawn side by side (five take 74 columns)
DRAWN_ACROSS = 5
# Rich style: a count of images that were read right
HIT_STYLE = "rgb(255,255,255) on rgb(8,81,156)"
# Rich styles: a count of mistakes, by MISTAKE_SHARES; their lightness alone tells them apart
MISTAKE_STYLES = (
    "rgb(0,0,0) on rgb(254,230,206)",
    "rgb(0,0,0) on rgb(253,174,107)",
    "rgb(255,255,255) on rgb(190,65,5)",
    "rgb(255,255,255) on rgb(110,30,5)",
)
# shares of the images of a label: above which each of MISTAKE_STYLES is used
MISTAKE_SHARES = (0.0, 0.01, 0.03, 0.1)


def show_evaluation(evaluation: Evaluation, *, as_json: bool) -> None:
    """Print how well a model reads a split, as text or as one JSON object."""
    if as_json:
        write_json(evaluation_fields(evaluation))
        return
    out = console_on(sys.stdout)
    low, high = evaluation.accuracy_interval
    out.print(printable(measured(evaluation)))
    steps = "an unknown number of steps" if evaluation.step is None else counted(evaluation.step, "step")
    out.print(f"trained for {steps} with the {evaluation.recipe or 'unknown'} recipe")
    out.print(
        f"95 % interval {100 * low:.2f}–{100 * high:.2f} %, top-2 accuracy {100 * evaluation.top2_accuracy:.2f} %, "
        f"calibration error {100 * evaluation.calibration_error:.2f} %\n"
    )
    if evaluation.without_digit:
        out.print(f"no digit was found in {evaluation.without_digit:,} of them, counted as misread\n")
    out.print(styled(confusion_table(evaluation, color=has_color(out))))
    if evaluation.worst_mistakes:
        out.print(
            f"\n{counted(evaluation.mistakes, 'image')} misread; the surest, as label→answer and its probability:\n"
        )
        out.print("\n\n".join(drawn_rows(evaluation.worst_mistakes[:DRAWN], mistake_caption)))


def confusion_table(evaluation: Evaluation, *, color: bool) -> Iterator[str | tuple[str, str]]:
    """Yield the confusion matrix beside precision, recall and F1 of each digit, as pieces for `styled`: 76 columns.

    With `color` counts are on shaded backgrounds; without, mistakes are followed by a shade character.
    """
    names = "".join(f"{digit:>5}" if color else f"{digit:>4} " for digit in range(10))
    yield f"label {'images by what they were read as':^50}{'in percent':>21}\n"
    yield f"     {names}{'prec.':>7}{'recall':>7}{'F1':>7}"
    for measures, row in zip(evaluation.classes, evaluation.confusion, strict=True):
        yield f"\n{measures.digit:>5}"
        for answer, count in enumerate(row):
            yield _cell(count, sum(row), hit=answer == measures.digit, color=color)
        shares = (measures.precision, measures.recall, measures.f1)
        yield "".join(f"{percent(share):>7}" for share in shares)


def _cell(count: int, images: int, *, hit: bool, color: bool) -> tuple[str, str]:
    """Return the count padded to five columns and its style.

    Without colour, a shade character after the count says its share of the label's images.
    """
    if not count:
        return "    ·" if color else "   · ", "dim"
    level = sum(count > share * images for share in MISTAKE_SHARES)
    if color:
        return f"{count:>5}", HIT_STYLE if hit else MISTAKE_STYLES[level - 1]
    return f"{count:>4}{' ' if hit else SHADES[level]}", ""


def mistake_caption(mistake: Mistake) -> tuple[str, str]:
    """Return the two lines under the drawing of a mistake: label, answer and its probability; file or position."""
    return f"{mistake.label}→{mistake.digit} {100 * mistake.probability:.1f} %", _shortened(mistake.name)


def difference_caption(difference: Difference) -> tuple[str, str]:
    """Return the two lines under the drawing of an image that models read differently."""
    return f"{difference.label}→" + " ".join(map(str, difference.digits)), _shortened(difference.name)


def _shortened(name: str, columns: int = DRAWN_COLUMNS) -> str:
    """Return a name in at most so many columns; a long one is cut at its beginning."""
    name = printable(name)
    return name if len(name) <= columns else f"…{name[1 - columns :]}"


def drawn_rows(items: Sequence[Shown], caption: Callable[[Shown], tuple[str, str]]) -> list[str]:
    """Return rows of up to DRAWN_ACROSS images, each image drawn in 14 columns above the two lines of its caption."""
    rows: list[str] = []
    for first in range(0, len(items), DRAWN_ACROSS):
        row = items[first : first + DRAWN_ACROSS]
        blocks = [[*dotted(shown.image.tolist()), *caption(shown)] for shown in row]
        lines = zip(*blocks, strict=True)
        rows.append("\n".join(" ".join(f"{part:<{DRAWN_COLUMNS}}" for part in line).rstrip() for line in lines))
    return rows


def show_comparison(comparison: Comparison, *, as_json: bool) -> None:
    """Print how well models read the same split, a line for each, and the images that they do not all read alike.

    A single model is reported as `show_evaluation` does.
    """
    for notice in dict.fromkeys(evaluation.notice for evaluation in comparison.evaluations if evaluation.notice):
        warn(notice)
    if len(comparison.models) == 1:
        show_evaluation(comparison.evaluations[0], as_json=as_json)
        return
    if as_json:
        write_json(comparison_fields(comparison))
        return
    out, first = console_on(sys.stdout), comparison.evaluations[0]
    out.print(printable(first.subject) + "\n")
    out.print(COMPARED.format("", "model", "steps", "loss", "accuracy", "95 % interval", "top-2", "calibr."))
    for letter, model, evaluation in zip(LETTERS, comparison.models, comparison.evaluations, strict=False):
        out.print(comparison_line(letter, model, evaluation))
    differences = comparison.differences
    if not differences:
        out.print("\nthey read every image alike")
        return
    right = [
        f"{letter} {sum(difference.digits[place] == difference.label for difference in differences):,}"
        for place, letter in enumerate(LETTERS[: len(comparison.models)])
    ]
    out.print(
        f"\n{counted(len(differences), 'image')} that they do not all read alike; of them right: {', '.join(right)}"
    )
    out.print(f"the most telling, as label→answers of {' '.join(LETTERS[: len(comparison.models)])}:\n")
    out.print("\n\n".join(drawn_rows(comparison.most_telling[:DRAWN], difference_caption)))
    if len(differences) > DRAWN:
        out.print(f"\nall {len(differences):,} of them: as JSON")


def comparison_line(letter: str, model: str, evaluation: Evaluation) -> str:
    """Return a model's figures in 78 columns; a long name is cut at its beginning."""
    steps = "unknown" if evaluation.step is None else f"{evaluation.step:,}"
    low, high = evaluation.accuracy_interval
    return COMPARED.format(
        letter,
        _shortened(model, NAME_COLUMNS),
        steps,
        f"{evaluation.loss:.4f}",
        f"{100 * evaluation.accuracy:.2f} %",
        f"{100 * low:.2f}–{100 * high:.2f}",
        f"{100 * evaluation.top2_accuracy:.2f} %",
        f"{100 * evaluation.calibration_error:.2f} %",
    )


def measured(evaluation: Evaluation) -> str:
    """Return the line that says which images a model read, and how well."""
    return f"{printable(evaluation.subject)}: " + loss_and_accuracy_text(evaluation.loss, evaluation.accuracy)
