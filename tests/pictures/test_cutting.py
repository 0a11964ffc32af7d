"""Digits that touch: the cuts through a mark, and the pieces between them."""

import cv2
import numpy as np

from mnistcnn.pictures.cutting import MAX_WIDTH, Run, may_be_several, runs_of_pieces


def two_rings_that_touch() -> np.ndarray:
    """Draw two rings side by side whose strokes just meet, on a mark (60, 116)."""
    mark = np.zeros((60, 116), np.uint8)
    for centre in (30, 86):
        cv2.ellipse(mark, (centre, 30), (25, 26), 0, 0, 360, 1, 5)
    return mark


def run_between(runs: list[Run], left: int, right: int) -> bool:
    """Tell whether a run of pieces covers the columns from left to right, to three pixels."""
    boxes = [cv2.boundingRect(run.mask) for run in runs]
    return any(abs(x - left) <= 3 and abs(x + width - right) <= 3 for x, _, width, _ in boxes)


def test_the_two_digits_of_a_mark_are_among_its_runs() -> None:
    """runs_of_pieces proposes each of two rings that touch, and both together."""
    runs = runs_of_pieces(two_rings_that_touch())
    assert run_between(runs, 3, 58)
    assert run_between(runs, 58, 114)
    assert run_between(runs, 3, 114)


def test_pieces_laid_together_are_the_mark() -> None:
    """The runs of one piece each hold every pixel of the mark once."""
    mark = two_rings_that_touch()
    runs = runs_of_pieces(mark)
    pieces = [run.mask for run in runs if run.end == run.start + 1]
    assert len(pieces) == max(run.end for run in runs) > 2
    assert np.array_equal(sum(pieces, np.zeros(mark.shape, int)), mark)


def test_a_narrow_mark_and_a_rule_stay_whole() -> None:
    """A mark that is narrow, or far wider than it is high, cannot be several digits; two rings that touch can be."""
    assert not may_be_several(np.ones((60, 20), np.uint8))
    assert not may_be_several(np.ones((10, 10 * MAX_WIDTH), np.uint8))
    assert may_be_several(two_rings_that_touch())


def test_a_solid_block_is_not_cut() -> None:
    """A cut may cross only so much ink: a block without a valley has one run."""
    assert len(runs_of_pieces(np.ones((60, 90), np.uint8))) == 1


def test_a_large_mark_is_cut_as_a_small_one() -> None:
    """The two digits of a mark are found at any size, and its pieces laid together are the mark."""
    mark = cv2.resize(two_rings_that_touch(), None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST)
    runs = runs_of_pieces(mark)
    boxes = [cv2.boundingRect(run.mask) for run in runs]
    for left, right in ((3, 58), (58, 114)):
        assert any(abs(x - 6 * left) <= 18 and abs(x + width - 6 * right) <= 18 for x, _, width, _ in boxes)
    pieces = [run.mask for run in runs if run.end == run.start + 1]
    assert np.array_equal(sum(pieces, np.zeros(mark.shape, int)), mark)
