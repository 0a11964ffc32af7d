"""Rules erased from ink."""

import cv2
import numpy as np
import pytest

from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.preparing import prepare
from mnistcnn.pictures.ruled_paper import erase_rules


@pytest.mark.parametrize("width", [3, 5, 9, 20])
def test_strokes_stronger_than_the_rules_lose_nothing_to_them(width: int) -> None:
    """A loop of any width stays whole, and the rules vanish, if they are a third as strong."""
    loop, rules = np.zeros((512, 512), np.float32), np.zeros((512, 512), np.float32)
    cv2.ellipse(loop, (256, 256), (150, 200), 0, 0, 360, 1.0, width)
    for row in range(30, 512, 50):
        cv2.line(rules, (0, row), (511, row + 8), 0.33, 3)
    ink = np.maximum(loop, rules)
    assert np.array_equal(erase_rules(ink, (ink > 0.2).astype(np.uint8)), loop > 0)


@pytest.mark.parametrize("slope", [0.0, 0.015, 0.03, 0.045, 0.06])
def test_rules_as_strong_as_a_pencil_vanish_at_any_slant(slope: float) -> None:
    """Hairlines vanish at any slant, and strokes that cross them stay, if both are as strong."""
    pencil, squares = np.zeros((512, 512), np.uint8), np.zeros((512, 512), np.uint8)
    cv2.ellipse(pencil, (256, 256), (90, 130), 25, 0, 360, 80, 4, cv2.LINE_AA)
    for middle in range(-15, 530, 43):
        there = [round(16 * (middle + slope * along)) for along in (256, -256)]
        cv2.line(squares, (0, there[0]), (16 * 512, there[1]), 70, 2, cv2.LINE_AA, shift=4)
        cv2.line(squares, (there[1], 0), (there[0], 16 * 512), 70, 2, cv2.LINE_AA, shift=4)
    ink = np.maximum(pencil, squares).astype(np.float32) / 255
    left = erase_rules(ink, (ink > 0.1).astype(np.uint8))
    off_the_loop = cv2.dilate(pencil, np.ones((15, 15), np.uint8)) == 0
    assert not (left & off_the_loop)[16:-16, 16:-16].any()  # of a rule across a corner there is too little to tell
    assert left[pencil > 25].mean() > 0.75  # where the loop runs along a rule, nothing tells them apart


def test_a_stroke_stays_whole_where_a_pale_rule_is_printed_over_it() -> None:
    """A loop is as pale as the rules where they cover it: they vanish, and it keeps no gap."""
    loop, ink = np.zeros((512, 512), np.uint8), np.zeros((512, 512), np.float32)
    cv2.ellipse(loop, (256, 256), (100, 150), 0, 0, 360, 1, 14)
    ink[loop > 0] = 0.9
    for row in range(20, 512, 40):
        ink[row : row + 3] = 0.2
    left = erase_rules(ink, (ink > 0.5).astype(np.uint8))
    assert cv2.connectedComponents(left, connectivity=4)[0] == 2
    assert not left[loop == 0].any()


def test_rules_too_pale_for_ink_take_nothing_from_what_lies_between_them() -> None:
    """A mask with no pixel on a rule is returned as it is."""
    ink = np.zeros((512, 512), np.float32)
    for row in range(20, 512, 40):
        ink[row : row + 3] = 0.06
    ink[36:42, 100:106] = 0.08
    mask = (ink > 0.07).astype(np.uint8)
    assert np.array_equal(erase_rules(ink, mask), mask)


def test_a_printed_grid_of_thick_and_thin_lines_is_no_ink() -> None:
    """Each loop in a grid as of a sudoku, in uneven light, is a digit, and nothing that is left of the grid is one."""
    page = np.full((1000, 1000), 240, np.uint8)
    for line in range(10):
        at, wide = 50 + 100 * line, 2 if line % 3 else 6
        cv2.line(page, (at, 50), (at, 950), 30, wide)
        cv2.line(page, (50, at), (950, at), 30, wide)
    loops = [(column, row) for column in range(1, 10) for row in range(1, 10) if (column * row) % 3 == 1]
    for column, row in loops:
        cv2.ellipse(page, (100 * column, 100 * row), (15, 22), 0, 0, 360, 30, 6, cv2.LINE_AA)
    light = np.linspace(0.7, 1, 1000)
    assert len(prepare(GreyPicture(np.rint(page * light).astype(np.uint8)), digits="many")) == len(loops)
