"""Digits as the network gets them: where they lie, and how a mark is cut."""

import numpy as np
from drawn_pictures import CLEAN, difference, seven

from mnistcnn.pictures.decoding import GreyPicture
from mnistcnn.pictures.prepared import Placement
from mnistcnn.pictures.preparing import prepare


def test_a_box_on_a_copy_lies_in_the_picture_and_comes_back() -> None:
    """On a copy of half the size, of a part that begins at (30, 20), (5, 8) to (9, 20) are (40, 36) to (48, 60)."""
    mask = np.zeros((40, 50), np.uint8)
    mask[8:20, 5:9] = 1
    place = Placement(left=30, top=20, scale=2.0)
    assert place.box_of(mask) == (40, 36, 48, 60)
    assert place.on_copy((40, 36, 48, 60)) == (5, 8, 9, 20)
    assert place.part(5, 8).box_of(mask[8:20, 5:9]) == (40, 36, 48, 60)


def test_digits_that_touch_come_as_one_which_is_cut_into_both() -> None:
    """Two sevens whose bars meet are one digit; among what it is cut into are both, each in its half of the box."""
    touching = np.full((300, 425), 225, np.uint8)
    touching[:, :300] = seven()
    touching[:, 125:] = np.minimum(touching[:, 125:], seven())
    [mark] = prepare(GreyPicture(touching), digits="auto")
    whole, *pieces = mark.cut()
    assert np.array_equal(whole.image, mark.image)
    assert (whole.start, whole.end) == (0, max(piece.end for piece in pieces))
    left, _, right, _ = mark.box
    middle = (left + right) / 2
    on_the_left = [piece.image for piece in pieces if piece.box[2] < middle + 20]
    on_the_right = [piece.image for piece in pieces if piece.box[0] > middle - 20]
    for side in (on_the_left, on_the_right):
        assert min(difference(image, CLEAN) for image in side) < 0.3


def test_a_narrow_digit_is_not_cut() -> None:
    """A seven alone is as it is."""
    [digit] = prepare(GreyPicture(seven()), digits="auto")
    assert digit.cut() == [digit]
