"""The picture of a run in the terminal: what it shows, and that it fits."""

import numpy as np
import pytest
from helpers import drawn_one

from mnistcnn.events import TrainingRecord
from mnistcnn.report.text_graphics import shaded
from mnistcnn.report.training_picture import FIGURES_HEADER, RECORD_HEADER, log_lines, picture
from mnistcnn.results import TrainingValidation

SHARES = [0.01, 0.9, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01]
RECORDS = [
    TrainingRecord(
        step=50 * number,
        loss=1 / number,
        accuracy=0.97,
        steps_per_second=33.2,
        labels=[1, 8],
        probabilities=[SHARES, SHARES[::-1]],
        first_image=drawn_one,
    )
    for number in range(1, 41)
]


def lines_of(columns: int, lines: int, *, color: bool = False) -> list[str]:
    """Return the texts of the lines of the picture of forty records."""
    losses = [record.loss for record in RECORDS]
    drawn = picture(RECORDS[-1], losses, RECORDS, columns=columns, lines=lines, color=color)
    return ["".join(text for text, _ in line) for line in drawn]


@pytest.mark.parametrize("lines", [8, 13, 17, 22, 50])
@pytest.mark.parametrize("columns", [52, 60, 80, 120, 200])
def test_a_picture_fits_the_terminal_and_uses_its_width(columns: int, lines: int) -> None:
    """No line is wider than the terminal, and the bars and the sparkline end close to its right edge."""
    shown = lines_of(columns, lines)
    assert len(shown) <= lines
    assert max(map(len, shown)) <= columns
    assert all(len(line) == columns for line in shown if line.endswith("its label"))
    assert len(shown[0]) == min(columns, len("loss 0.0250, accuracy 97 % at step 2,000  ") + len(RECORDS))


def test_the_first_image_stands_beside_its_probabilities() -> None:
    """In a terminal of 60 columns and more it is drawn; in a narrower or lower one the bars are alone."""
    assert [line[:28].ljust(28) for line in lines_of(80, 22)[2:16]] == shaded(drawn_one().tolist())
    assert [line[:28] for line in lines_of(80, 22, color=True)[2:16]] == ["▀" * 28] * 14
    for columns, lines in ((52, 22), (80, 14)):
        assert lines_of(columns, lines)[3].startswith(" 1 ██")


def test_a_high_terminal_lists_more_of_the_log() -> None:
    """The last records fill the lines that are left, under a header; a narrow terminal gets their figures alone."""
    shown = lines_of(80, 50)
    assert len(shown) == 50
    assert shown[17] == RECORD_HEADER
    assert [int(line.split()[0]) for line in shown[18:]] == [50 * number for number in range(9, 41)]
    assert lines_of(60, 22)[17] == FIGURES_HEADER


def test_a_log_line_says_what_was_seen_and_what_it_was_taken_for() -> None:
    """A record's line has its figures, label and answer, and percents; a validation's says whether it is the best."""
    validation = TrainingValidation(step=50, loss=0.5, accuracy=0.85, is_best=True)
    _, record, validated = log_lines([RECORDS[0], validation], 80)
    assert record == "    50  1.0000  0.97   33.2  1→1    1  90   2   1   1   1   1   1   1   1"
    assert validated == "validation at step 50: loss 0.5000, accuracy 85.00 %, the best so far"


def test_a_greyscale_picture_holds_the_pixels() -> None:
    """Each half block has the grey of its upper pixel in front and that of the lower one behind."""
    drawn = picture(RECORDS[0], [1.0], [], columns=80, lines=22, color=True)
    styles = [style for _, style in drawn[2 + 2][:28]]  # rows 4 and 5
    pairs = np.transpose(drawn_one()[4:6]).tolist()
    assert styles == [f"rgb({upper},{upper},{upper}) on rgb({lower},{lower},{lower})" for upper, lower in pairs]
