"""The lines of the table that `predict` prints, and the pages that it draws."""

import pytest

from mnistcnn.inference.calibration import DOUBTFUL_PAGE, OTHER_MARKS, TWO_LIKELY, WEAK_EVIDENCE
from mnistcnn.report.prediction import prediction_line
from mnistcnn.report.text_graphics import marked
from mnistcnn.results import Prediction


def line_of(top_k: int | None = None, label: int | None = None, unsure_because: str | None = None) -> str:
    """Return the line of an 8 of 90 %."""
    shares = (0.01, 0.02, 0.0, 0.03, 0.0, 0.0, 0.0, 0.0, 0.9, 0.04)
    return prediction_line(
        Prediction(file="a.png", probabilities=shares, label=label, unsure_because=unsure_because), top_k
    )


def test_a_line_names_the_likeliest_digits() -> None:
    """Three by default, the first as a bar."""
    assert line_of() == "a.png                     8 █████████   90.0 %  9   4.0 %  3   3.0 %"
    assert line_of(top_k=1) == "a.png                     8 █████████   90.0 %"


@pytest.mark.parametrize("label", [None, 8, 5])
@pytest.mark.parametrize("reason", [None, DOUBTFUL_PAGE, OTHER_MARKS, TWO_LIKELY, WEAK_EVIDENCE])
def test_a_note_fits_into_80_columns(reason: str | None, label: int | None) -> None:
    """A note takes the room of runners-up; it has the reason, and the digit of the class folder if it is another."""
    line = line_of(label=label, unsure_because=reason)
    assert len(line) <= 80
    assert (f"unsure: {reason}" in line) == (reason is not None)
    assert line.endswith("it is 5") == (label == 5)


def test_runners_up_that_were_asked_for_stay() -> None:
    """A number of digits that was asked for is kept, however long the line is."""
    assert line_of(top_k=3, unsure_because=TWO_LIKELY).endswith("  9   4.0 %  3   3.0 %  unsure: two likely")


def test_the_boxes_of_a_page_are_numbered_and_tinted() -> None:
    """In colour neighbours have different tints, and paper has none; without, only the numbers stand on the page."""
    page, boxes = [[200] * 12 for _ in range(8)], [(1, 4, 4, 8), (7, 4, 10, 8)]
    numbers, first = marked(page, boxes, color=True)[1:3]
    assert [text for text, _ in numbers] == ["▀", "1", *"▀" * 5, "2", *"▀" * 4]
    assert first[0] == ("▀", "rgb(200,200,200) on rgb(200,200,200)")
    assert len({first[0], first[1], first[7]}) == 3
    assert first[1:4] == [first[1]] * 3
    plain = ["".join(text for text, _ in line) for line in marked(page, boxes, color=False)]
    assert plain == ["▓" * 12, "▓1▓▓▓▓▓2▓▓▓▓", "▓" * 12, "▓" * 12]
