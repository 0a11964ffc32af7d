"""What people write beside a digit: ticks, parentheses, lines under it, circles and frames."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from drawn_pictures import CLEAN, Grey, difference, seven

from mnistcnn.config import Digits
from mnistcnn.pictures.annotations import is_tick, parenthesis_side
from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.preparing import prepare

Mark = Callable[[Grey], object]


def line(picture: Grey, points: list[tuple[int, int]], thick: int = 6) -> None:
    """Draw a line through points."""
    cv2.polylines(picture, [np.array(points, np.int32)], False, 40, thick, cv2.LINE_AA)


def arcs(picture: Grey, *places: int) -> None:
    """Draw parentheses around row 155, higher than the 7, at x; one left of it bends to the left."""
    for x in places:
        depth = 30 if x > 150 else -30
        line(picture, [(round(x + depth * (1 - t * t)), round(155 + 100 * t)) for t in np.linspace(-1, 1, 40)])


def lines_under(picture: Grey, *rows: int) -> None:
    """Draw lines across below the 7."""
    for row in rows:
        line(picture, [(60, row), (240, row - 5)])


MARKS: dict[str, Mark] = {
    "a tick": lambda picture: line(picture, [(225, 150), (245, 185), (285, 90)]),
    "a parenthesis": lambda picture: arcs(picture, 225),
    "parentheses": lambda picture: arcs(picture, 225, 70),
    "a line under it": lambda picture: lines_under(picture, 265),
    "two lines under it": lambda picture: lines_under(picture, 255, 275),
    "a frame close by": lambda picture: cv2.rectangle(picture, (72, 57), (220, 252), 40, 5),
    "a frame that touches it": lambda picture: cv2.rectangle(picture, (82, 67), (212, 242), 40, 5),
    "an open circle": lambda picture: cv2.ellipse(picture, (148, 155), (138, 138), 0, 20, 350, 40, 6, cv2.LINE_AA),
}


@pytest.mark.parametrize("digits", ["auto", "one"])
@pytest.mark.parametrize("name", MARKS)
def test_what_stands_beside_a_digit_is_not_read(name: str, digits: Digits) -> None:
    """A picture gives its digit alone, without a doubt, if people marked it as they do."""
    picture = seven()
    MARKS[name](picture)
    found = prepare(GreyPicture(picture), digits=digits)
    assert {digit.mark for digit in found} == {0}
    assert [digit.others for digit in found] == [0] * len(found)
    assert any(difference(digit.image, CLEAN) < 0.2 for digit in found)


def drawn(points: list[tuple[int, int]]) -> np.ndarray:
    """Return the mask of a line in its box."""
    mask = np.zeros((300, 300), np.uint8)
    cv2.polylines(mask, [np.array(points, np.int32)], False, 1, 9)
    x, y, width, height = cv2.boundingRect(mask)
    return mask[y : y + height, x : x + width]


def test_strokes_of_digits_are_no_annotations() -> None:
    """A 1, straight, bent as in haste, or with its upstroke, a 7 and a dash are neither ticks nor parentheses."""
    flat = [(round(150 + 9 * (1 - t * t)), round(150 + 100 * t)) for t in np.linspace(-1, 1, 40)]
    for points in (
        [(150, 50), (150, 250)],
        [(100, 120), (160, 50), (160, 250)],
        [(60, 60), (200, 60), (120, 250)],
        [(50, 150), (250, 150)],
        flat,
    ):
        assert not is_tick(drawn(points))
        assert parenthesis_side(drawn(points)) == 0


@pytest.mark.slow
@pytest.mark.mnist
def test_hardly_a_digit_of_mnist_is_an_annotation(mnist_path: str) -> None:
    """Few of MNIST's test images, enlarged, have the shape of a parenthesis or a tick; most of those are a 1."""
    from mnistcnn.data.sources import load_dataset

    split = load_dataset(mnist_path).split("test")
    ticks = arcs = 0
    for image in split.images:
        mask = (cv2.resize(image, (112, 112), interpolation=cv2.INTER_CUBIC) > 110).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(mask)
        shape = mask[y : y + height, x : x + width]
        ticks += is_tick(shape)
        arcs += parenthesis_side(shape) != 0
    assert ticks < 0.002 * len(split)
    assert arcs < 0.01 * len(split)
