"""Cuts through digits that touch: the mask of a mark → the pieces of it that may be digits.

A mark is cut too often rather than too rarely, and every run of neighbouring pieces is proposed; who knows the digits
chooses among them. The method is the over-segmentation of LeCun et al., "Gradient-Based Learning Applied to
Document Recognition", 1998, section VI.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise

import cv2
import numpy as np

# Values are chosen by the made numbers of `tests/benchmarks/pages.py --split validation` in which digits touch.

# × its height: a mark that is wider may be several digits (with 0.5, three times as many single digits are unsure)
MIN_WIDTH = 0.8
# × its height: a mark that is wider is a rule or a word, and stays whole
MAX_WIDTH = 6
# × the mark's height: a cut crosses no more ink than that (with 0.8 no more numbers are right)
MAX_CROSSED_INK = 0.5
# × the mark's height: cuts are so far apart, in the mean over their rows
MIN_DISTANCE = 0.1
# count: cuts that are proposed for each height of the mark's width (with 6 no more numbers are right, in longer time)
CUTS_PER_HEIGHT = 5
# × the mark's height: a wider run of pieces is not proposed
MAX_RUN_WIDTH = 1.6
# × the mark's height: a lower run of pieces is not proposed
MIN_RUN_HEIGHT = 0.5
# rows: a higher mark is shrunk to so many before its cuts are looked for
SEAM_ROWS = 72
# share of the mark's ink: a cut leaves at least so much on either side
MIN_INK = 0.03
# pixels of ink that a cut would cross rather than go one row down
ROW_COST = 0.02
# pixels of ink that a cut would cross rather than go one column aside: straight cuts win over crooked ones (of 52
# numbers 39 are right at 0.01, 42 at 0.15, 44 at 0.4, 43 at 0.7)
ASIDE_COST = 0.5


@dataclass(frozen=True)
class Run:
    """Neighbouring pieces of a mark, from one cut to another, taken as one digit."""

    start: int  # the cut at its left; 0 is the mark's left end
    end: int  # the cut at its right
    mask: np.ndarray  # (H, W) uint8 of 0 and 1


def may_be_several(mask: np.ndarray) -> bool:
    """Tell whether a mark, given its mask (H, W), is as wide as several digits that touch, and no wider."""
    height, width = mask.shape
    return bool(MIN_WIDTH < width / height < MAX_WIDTH)


def runs_of_pieces(mask: np.ndarray) -> list[Run]:
    """Return the runs of pieces of a mark (H, W) uint8 of 0 and 1 that may be digits: first the whole mark."""
    height, width = mask.shape
    seams = _seams(mask)
    pieces = sum((np.arange(width) >= seam[:, np.newaxis] for seam in seams), np.zeros(mask.shape, int))
    count = len(seams) + 1
    runs = [Run(0, count, mask)]
    for start, end in combinations(range(count + 1), 2):
        there = mask * ((pieces >= start) & (pieces < end))
        _, _, run_width, run_height = cv2.boundingRect(there)
        is_like_a_digit = run_width <= MAX_RUN_WIDTH * height and run_height >= MIN_RUN_HEIGHT * height
        if end - start < count and is_like_a_digit:
            runs.append(Run(start, end, there))
    return runs


def _seams(mask: np.ndarray) -> np.ndarray:
    """Return the cuts that cross least ink, from left to right: for each its column in every row (cuts, H)."""
    scale = min(1.0, SEAM_ROWS / len(mask))
    size = [max(1, round(length * scale)) for length in mask.shape[::-1]]
    small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)  # (h, w)
    seams = _cheapest_seams(small)  # (cuts, h)
    rows = np.linspace(0, len(small) - 1, len(mask))
    return np.array([np.interp(rows, np.arange(len(small)), seam / scale) for seam in seams]).reshape(-1, len(mask))


def _cheapest_seams(ink: np.ndarray) -> list[np.ndarray]:
    """Return the cuts (h,) of `_seams` on a mark's ink (h, w) float32 in [0, 1]."""
    height, width = ink.shape
    cost = ink + np.float32(ROW_COST)
    above, below = _cheapest(cost), _cheapest(cost[::-1])
    through = above + below[::-1] - cost  # (h, w): the ink that the best cut through a pixel crosses
    middle = through[height // 4 : height - height // 4]
    rows, crossed = middle.argmin(axis=0) + height // 4, middle.min(axis=0)  # (w,): of the best cut through a column
    is_above = np.arange(height)[:, np.newaxis] < rows
    seams = np.where(is_above, _traced(above, rows), _traced(below, height - 1 - rows)[::-1])  # (h, w)
    places = seams.mean(axis=0)  # (w,)
    before = np.pad(ink.cumsum(axis=1), ((0, 0), (1, 0)))  # (h, w + 1): the ink at the left of a pixel
    left = np.take_along_axis(before, seams, axis=1).sum(axis=0) / ink.sum()  # (w,)
    chosen: list[int] = []
    for column in np.argsort(crossed, kind="stable"):
        if crossed[column] > MAX_CROSSED_INK * height or len(chosen) == round(CUTS_PER_HEIGHT * width / height):
            break
        is_new = all(abs(places[column] - places[other]) >= MIN_DISTANCE * height for other in chosen)
        if is_new and MIN_INK < left[column] < 1 - MIN_INK:
            chosen.append(column)
    return [seams[:, column] for column in sorted(chosen, key=lambda column: float(places[column]))]


def _cheapest(cost: np.ndarray) -> np.ndarray:
    """Return the cost of the cheapest way from the first row to each pixel, one row down and up to one aside a step."""
    total = _with_sides(cost)
    for before, after in pairwise(total):
        after[1:-1] += np.minimum(np.minimum(before[:-2], before[2:]) + ASIDE_COST, before[1:-1])
    return total[:, 1:-1]


def _traced(total: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the columns (h, w) of the ways of `_cheapest` that end in a row (w,) of each column; below it, the column.

    `total` (h, w) is what `_cheapest` returned.
    """
    total = _with_sides(total)
    aside = np.minimum(total[:, :-2], total[:, 2:]) + ASIDE_COST < total[:, 1:-1]
    turns = aside * np.where(total[:, :-2] < total[:, 2:], -1, 1)  # (h, w): to the column in a row from that below it
    ways = np.tile(np.arange(len(rows)), (len(total), 1))
    for row in range(len(total) - 2, -1, -1):
        ways[row] = ways[row + 1] + turns[row, ways[row + 1]] * (row < rows)
    return ways


def _with_sides(cost: np.ndarray) -> np.ndarray:
    """Return costs (h, w) with a column at either side through which no way leads: (h, w + 2)."""
    return np.pad(cost, ((0, 0), (1, 1)), constant_values=np.inf)
