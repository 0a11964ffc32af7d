"""Digits put together from their strokes."""

import cv2
import numpy as np
import pytest
from drawn_pictures import difference, read, seven

from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.preparing import prepare


@pytest.mark.parametrize("edge", [120, 180], ids=lambda edge: f"from row {edge}")
def test_chalk_that_lies_half_in_shadow_is_one_digit(edge: int) -> None:
    """A digit in chalk stays whole if half of it lies in shadow, where light strokes lose half of their contrast."""
    board = np.full((300, 300), 18, np.uint8)
    for middle, radius in ((95, 45), (200, 60)):
        cv2.circle(board, (150, middle), radius, 235, 9, cv2.LINE_AA)
    in_shadow = np.where(np.arange(300)[:, None] < edge, board, board // 2)
    assert difference(read(in_shadow), read(board)) < 0.12


def test_what_lies_in_the_light_is_not_taken_for_the_whole() -> None:
    """A 1 in chalk stays whole if its base is in the light and its much longer stem in shadow."""
    board = np.full((300, 300), 10, np.uint8)
    for start, end in (((150, 20), (150, 270)), ((95, 270), (205, 270))):
        cv2.line(board, start, end, 250, 12, cv2.LINE_AA)
    in_shadow = np.where(np.arange(300)[:, None] < 245, board // 2, board)
    assert difference(read(in_shadow), read(board)) < 0.12


def test_what_light_rules_cut_to_pieces_is_one_digit() -> None:
    """A loop stays whole if a white grid cuts it into arcs, each near to the next ones only."""
    loop = np.full((300, 300), 110, np.uint8)
    cv2.circle(loop, (150, 150), 100, 20, 14, cv2.LINE_AA)
    cut = loop.copy()
    for line in (110, 190):
        cut[line : line + 6] = cut[:, line : line + 6] = 180
    assert difference(read(cut), read(loop)) < 0.12


def test_a_page_of_text_holds_many_other_things() -> None:
    """Many other things are counted if the picture is a page of text, and none if it is a digit alone."""
    text = np.full((600, 600), 240, np.uint8)
    for row in range(60, 600, 70):
        cv2.putText(text, "the quick brown fox", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 30, 3)
    assert prepare(GreyPicture(text))[0].others >= 5
    assert prepare(GreyPicture(seven()))[0].others == 0


@pytest.mark.parametrize("slope", [10, 60], ids=["steep", "slanted"])
def test_a_line_from_top_to_bottom_of_a_page_is_not_its_digit(slope: int) -> None:
    """All but two of 27 small digits are read beside one line, which slants and so is not erased with the rules."""
    page = np.full((400, 600), 230, np.uint8)
    for place in range(27):
        row, column = divmod(place, 9)
        cv2.ellipse(page, (40 + 60 * column, 50 + 120 * row), (10, 14), 0, 0, 360, 40, 4, cv2.LINE_AA)
    cv2.line(page, (195, -5), (195 + slope, 405), 60, 6, cv2.LINE_AA)
    found = prepare(GreyPicture(page), digits="auto")
    assert len(found) >= 25
    assert max(digit.box[3] - digit.box[1] for digit in found) < 50


BROAD_STROKES = {  # x and y of the strokes' corners, in a box of 10 × 16
    "4": [[(4, 0), (0, 10), (10, 10)], [(8, 4), (8, 16)]],
    "7": [[(0, 0), (10, 0), (4, 16)]],
    "8": [[(1, 0), (9, 0), (9, 8), (1, 8), (1, 0)], [(0, 8), (10, 8), (10, 16), (0, 16), (0, 8)]],
}


@pytest.mark.parametrize("share", [0.2, 0.27, 0.31])
@pytest.mark.parametrize("name", BROAD_STROKES)
def test_a_broad_pen_draws_the_digit_that_a_fine_pen_draws(name: str, share: float) -> None:
    """A digit is read as a fine pen draws it if its strokes are up to 31 % of its height wide."""

    def drawn(pen: float) -> np.ndarray:
        picture = np.full((480, 400), 225, np.uint8)
        for stroke in BROAD_STROKES[name]:
            corners = np.rint(np.array(stroke) * (150 / 10, 160 / 16) + (125, 160)).astype(np.int32)
            cv2.polylines(picture, [corners], False, 40, round(pen), cv2.LINE_AA)
        return np.rint(picture * np.linspace(0.85, 1, 400)).astype(np.uint8)  # a photo, not a drawing in two levels

    pen = share * 160 / (1 - share)
    assert difference(read(drawn(pen)), read(drawn(8))) < 0.25
