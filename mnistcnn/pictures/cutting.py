"""Cuts through digits that touch: the mask of a mark → the pieces of it that may be digits.

A wide mark is cut too often rather than too rarely, and every run of neighbouring pieces is proposed; who knows the
digits chooses among them. The method is the over-segmentation of LeCun et al., "Gradient-Based Learning Applied to
Document Recognition", 1998, section VI.
"""

from dataclasses import dataclass

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


def runs_of_pieces(mask: np.ndarray) -> list[Run]:
    """Return the runs of pieces of a mark (H, W) uint8 of 0 and 1 that may be digits, the whole mark among them."""
    height, width = mask.shape
    seams = _seams(mask) if MIN_WIDTH < width / height < MAX_WIDTH else []
    pieces = sum((np.arange(width) >= seam[:, np.newaxis] for seam in seams), np.zeros(mask.shape, int))
    count = len(seams) + 1
    runs = []
    for start in range(count):
        for end in range(start + 1, count + 1):
            there = mask * ((pieces >= start) & (pieces < end))
            is_whole = end - start == count
            if is_whole or 0 < cv2.boundingRect(there)[2] <= MAX_RUN_WIDTH * height:
                runs.append(Run(start, end, there))
    return runs


def _seams(mask: np.ndarray) -> list[np.ndarray]:
    """Return the cuts that cross least ink, from left to right: for each its column in every row (H,)."""
    height, width = mask.shape
    cost = mask + ROW_COST
    above, below = _cheapest(cost), _cheapest(cost[::-1])[::-1]
    through = above + below - cost  # (H, W): the ink that the best cut through a pixel crosses
    middle = through[height // 4 : height - height // 4]
    most = round(CUTS_PER_HEIGHT * width / height)
    seams: list[np.ndarray] = []
    for column in np.argsort(middle.min(axis=0), kind="stable"):
        row = int(middle[:, column].argmin()) + height // 4
        if through[row, column] > MAX_CROSSED_INK * height or len(seams) == most:
            break
        seam = np.concatenate([_path(above[row::-1], column)[:0:-1], _path(below[row:], column)])
        left = mask[np.arange(width) < seam[:, np.newaxis]]
        is_new = all(abs(seam.mean() - other.mean()) >= MIN_DISTANCE * height for other in seams)
        if is_new and MIN_INK < left.sum() / mask.sum() < 1 - MIN_INK:
            seams.append(seam)
    return sorted(seams, key=lambda seam: float(seam.mean()))


def _cheapest(cost: np.ndarray) -> np.ndarray:
    """Return the cost of the cheapest way from the first row to each pixel, one row down and up to one aside a step."""
    total = cost.copy()
    for row in range(1, len(cost)):
        before = np.pad(total[row - 1], 1, constant_values=np.inf)
        total[row] += np.minimum(np.minimum(before[:-2], before[2:]) + ASIDE_COST, before[1:-1])
    return total


def _path(total: np.ndarray, column: int) -> np.ndarray:
    """Return the columns of the cheapest way through rows of costs to go, starting at a column of the first."""
    columns = [int(column)]
    for costs in total[1:]:
        last = columns[-1]
        aside = [place for place in (last, last - 1, last + 1) if 0 <= place < len(costs)]
        columns.append(min(aside, key=lambda place: costs[place] + ASIDE_COST * (place != last)))
    return np.array(columns)
