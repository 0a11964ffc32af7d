"""Numbers and pages: digits in reading order, with their lines and groups."""

import cv2
import numpy as np
import pytest
from drawn_pictures import CLEAN, Grey, difference, seven

from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.lines import page_of
from mnistcnn.pictures.preparing import prepare
from mnistcnn.pictures.strokes import Parts


def page(*places: tuple[int, int], shape: tuple[int, int] = (600, 900), side: int = 100) -> Grey:
    """Draw 7s whose pictures' upper left corners are at places (x, y) on one sheet."""
    sheet = np.full(shape, 225, np.uint8)
    for x, y in places:
        sheet[y : y + side, x : x + side] = np.minimum(
            sheet[y : y + side, x : x + side], seven(side, thick=max(2, side // 18))
        )
    return sheet


def test_a_number_is_read_from_left_to_right() -> None:
    """Each digit of a number comes with its box, and with a loose bar if it stands above."""
    picture = np.hstack([seven(), seven(), seven()])
    cv2.line(picture, (395, 40), (500, 40), 40, 12)
    found = prepare(GreyPicture(picture), digits="auto")
    assert [digit.box[0] // 300 for digit in found] == [0, 1, 2]
    assert difference(found[0].image, CLEAN) < 0.1
    assert found[1].box[1] < 50
    assert np.abs(np.subtract(found[2].box, (682, 67, 812, 242))).max() < 8


def test_lines_are_read_from_the_top_and_each_from_the_left() -> None:
    """Two lines of three digits are two lines, though a digit stands right below another one."""
    places = [(100 + 100 * column, 100 + 120 * line) for line in range(2) for column in range(3)]
    found = prepare(GreyPicture(page(*places)), digits="auto")
    assert [digit.line for digit in found] == [0, 0, 0, 1, 1, 1]
    assert [digit.box[0] // 100 for digit in found] == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("rise", [-20, 20], ids=["rising", "falling"])
def test_a_slanted_line_is_one_line(rise: int) -> None:
    """Digits that rise or fall by more than their height over a line, a fifth of it each, are in the same line."""
    found = prepare(GreyPicture(page(*[(60 + 100 * n, 250 + rise * n) for n in range(7)])), digits="auto")
    assert [digit.line for digit in found] == [0] * 7


def test_a_wide_gap_begins_a_group() -> None:
    """Two digits, a gap of twice a digit's width, and two digits are two groups of a line."""
    found = prepare(GreyPicture(page((50, 200), (120, 200), (400, 200), (470, 200))), digits="auto")
    assert [(digit.line, digit.group) for digit in found] == [(0, 0), (0, 0), (0, 1), (0, 1)]


def test_even_gaps_make_no_group_however_wide_they_are() -> None:
    """Three digits far from each other are one group, as people write in the boxes of a form."""
    found = prepare(GreyPicture(page((50, 200), (400, 200), (750, 200))), digits="auto")
    assert [digit.group for digit in found] == [0, 0, 0]


def test_small_digits_of_a_large_page_are_looked_at_closer() -> None:
    """Digits of a thirtieth of the page's width give the images that the same digits alone give."""
    sheet = page(*[(360 + 120 * n, 900) for n in range(4)], shape=(1500, 2000), side=120)
    found = prepare(GreyPicture(sheet), digits="auto")
    assert [digit.box[0] // 120 for digit in found] == [3, 4, 5, 6]
    assert max(difference(digit.image, CLEAN) for digit in found) < 0.15


def test_one_digit_with_dots_is_one_digit() -> None:
    """Dots and dashes beside a digit are not digits."""
    sheet = page((400, 200), side=200)
    cv2.circle(sheet, (700, 370), 5, 40, -1)
    cv2.line(sheet, (150, 300), (200, 300), 40, 8)
    assert len(prepare(GreyPicture(sheet), digits="auto")) == 1
    assert len(prepare(GreyPicture(sheet), digits="many")) == 1


def test_a_sign_is_counted_by_the_digits_beside_it() -> None:
    """A comma and a minus are not digits, but their neighbours know of them; a speck is nothing."""
    for start, end, signs in (
        ((196, 278), (190, 294), [1, 1, 0]),  # a comma between the first two, at their foot
        ((80, 250), (110, 250), [1, 0, 0]),  # a minus before the first
        ((196, 278), (197, 279), [0, 0, 0]),  # a speck
    ):
        sheet = page((100, 200), (190, 200), (280, 200))
        cv2.line(sheet, start, end, 40, 6)
        found = prepare(GreyPicture(sheet), digits="auto")
        assert [digit.signs for digit in found] == signs


def test_one_insists_on_one_digit_and_counts_the_others() -> None:
    """With digits="one" a picture of two 7s gives one digit that stands beside another mark."""
    [digit] = prepare(GreyPicture(np.hstack([seven(), seven()])), digits="one")
    assert digit.others == 1


def test_a_page_has_a_digit_whatever_its_marks_are() -> None:
    """The best mark is kept if none is both large and strong enough: a vast faint one, and specks of strong ink."""
    boxes = np.array([[0, 0, 0, 0], [0, 0, 707, 707], [800, 0, 4, 4], [820, 0, 4, 4], [840, 0, 4, 4]])
    scores = np.array([0.0, 100.0, 5.0, 1.0, 1.0])
    ink = np.zeros((1000, 1000), np.float32)
    page = page_of(Parts(ink, ink.astype(np.int32), boxes, scores, ink.astype(np.uint8), ink, ink.astype(np.uint8)))
    assert [placed.parts for placed in page.digits] == [(1,)]
