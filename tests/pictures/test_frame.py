"""Frames around digits, and digits that resemble frames."""

import cv2
import numpy as np
import pytest
from drawn_pictures import CLEAN, SQUARE_STROKES, difference, seven

from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.frame import erase_frame
from mnistcnn.pictures.preparing import prepare


def test_a_number_in_a_frame_is_read_as_its_digits() -> None:
    """A framed field gives its digits: the frame is not a digit, and does not tie them together."""
    field = np.hstack([seven(), seven()])
    cv2.rectangle(field, (25, 30), (575, 270), 40, 8)
    assert [difference(digit.image, CLEAN) < 0.12 for digit in prepare(GreyPicture(field), digits="many")] == [
        True,
        True,
    ]


@pytest.mark.parametrize("name", SQUARE_STROKES)
@pytest.mark.parametrize("thick", [1, 2, 3])
def test_a_digit_with_corners_is_no_frame(name: str, thick: int) -> None:
    """A digit is not taken for a frame if its strokes fill a rectangle: what is inside is tied to them."""
    mask = np.zeros((400, 400), np.uint8)
    for stroke in SQUARE_STROKES[name]:
        cv2.polylines(mask, [np.array(stroke, np.int32) * 15 + 80], False, 1, 15 * thick)
    assert np.array_equal(erase_frame(mask), mask)


def test_strokes_from_corner_to_corner_are_no_frame() -> None:
    """Strokes are not taken for a frame if their outline is the picture's border: nothing of it is drawn."""
    mask = np.zeros((300, 300), np.uint8)
    for start, end in (((0, 0), (299, 299)), ((0, 299), (299, 0))):
        cv2.line(mask, start, end, 1, 9)
    assert np.array_equal(erase_frame(mask), mask)


@pytest.mark.slow
@pytest.mark.mnist
def test_no_digit_of_mnist_is_taken_for_a_frame(mnist_path: str) -> None:
    """MNIST's test images lose nothing if they are enlarged to a working copy's size."""
    from mnistcnn.data.sources import load_dataset

    for image in load_dataset(mnist_path).split("test").images:
        mask = (cv2.resize(image, (512, 512), interpolation=cv2.INTER_CUBIC) > 110).astype(np.uint8)
        assert np.array_equal(erase_frame(mask), mask)


def test_the_outer_digits_of_a_page_are_not_a_frame() -> None:
    """Nothing is erased from a page of marks in rows and columns."""
    page = np.zeros((320, 480), np.uint8)
    for top in range(30, 280, 30):
        for left in range(30, 430, 24):
            cv2.ellipse(page, (left + 10, top + 12), (9, 12), 0, 0, 360, 1, 3)
    assert np.array_equal(erase_frame(page), page)
