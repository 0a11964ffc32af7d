"""The reading order of a page: parts of the ink → its digits, each with its parts, its line and its group.

Small parts join the digit that they stand by. Neighbours are joined from digit to digit, the nearest first, so that
lines may slant; lines are read from top to bottom. Nothing here knows which digit it is.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mnistcnn.pictures.strokes import Parts

# count: the most parts that are put in order, the best first; a page of text has more
MAX_PARTS = 600
# × the score of the usual part: a part with less is dirt (10 pictures of numbers; see docs/pictures.md)
MIN_SCORE = 0.1
# × the usual height: a lower part is a stroke of a digit that it stands by, as the bar of a 5 is
MAX_STROKE_HEIGHT = 0.5
# × the usual height: a stroke this near to a digit belongs to it
MAX_STROKE_GAP = 0.15
# × the usual height: a lower part that stands by no digit is a dot or a dash, and not read, as is a comma
MIN_DIGIT_HEIGHT = 0.3
# × the usual height: a dot or a dash with a longer side is a comma or a minus, and makes the digits beside it unsure
MIN_SIGN_SIDE = 0.2
# × the usual height: the widest gap between such a sign and the digits beside it
MAX_SIGN_GAP = 0.8
# × the usual strength: a weaker part is the edge of a sheet, not a pen's stroke
MIN_STRENGTH = 0.5
# × the usual height: a higher part is the edge of a sheet, or a frame
MAX_HEIGHT = 3.0
# × the higher digit's height: the middles of neighbours in a line differ by less from top to bottom
MAX_OFFSET = 0.6
# × the difference in height of two middles, added to the gap across: a neighbour in the same line is nearer
OFFSET_WEIGHT = 2.0
# × the usual height: a gap in a line that is narrower does not end a group
MIN_GROUP_GAP = 1.2
# × the line's median gap: neither does one that is not this much wider than the others
MIN_GROUP_GAP_RATIO = 2.0


@dataclass(frozen=True)
class PlacedDigit:
    """A digit on a page, and its place in the reading order."""

    parts: tuple[int, ...]  # the numbers of its parts
    box: tuple[int, int, int, int]  # left, top, right, bottom in pixels of the working copy
    line: int  # from 0 on, from top to bottom
    group: int  # from 0 on, from left to right in its line
    signs: int  # count of commas, minuses and the like beside it, which are not read

    def mask(self, parts: Parts) -> np.ndarray:
        """Return its mask uint8 of 0 and 1, of the size of its box."""
        left, top, right, bottom = self.box
        return np.isin(parts.labels[top:bottom, left:right], self.parts).astype(np.uint8)


@dataclass(frozen=True)
class Page:
    """The digits of a page in reading order: line by line from the top, each from left to right."""

    digits: list[PlacedDigit]  # at least one
    height: float  # pixels of the working copy: the usual height of a digit

    def splits(self, digit: list[int]) -> bool:
        """Tell whether what was taken for one digit, given its parts, is several here."""
        return sum(not set(digit).isdisjoint(placed.parts) for placed in self.digits) > 1


@dataclass(frozen=True)
class _Box:
    """The box around some parts, in pixels of the working copy."""

    parts: tuple[int, ...]
    left: int
    top: int
    right: int
    bottom: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def gap(self, other: "_Box") -> int:
        """Return the larger of the gaps across and down between two boxes; 0 if they touch."""
        across = max(other.left - self.right, self.left - other.right)
        return max(across, other.top - self.bottom, self.top - other.bottom, 0)

    def is_beside(self, other: "_Box", gap: float) -> bool:
        """Tell whether a box stands at the left or the right of this one, no farther than a gap."""
        return self.gap(other) < gap and self.top < other.middle < self.bottom + self.height / 4

    def has_at_foot(self, other: "_Box") -> bool:
        """Tell whether a box stands at the foot of this one, as a comma does."""
        return self.bottom - self.height / 5 < other.middle < self.bottom + self.height / 4

    def with_box(self, other: "_Box") -> "_Box":
        """Return the box around both."""
        edges = (min(self.left, other.left), min(self.top, other.top))
        return _Box(self.parts + other.parts, *edges, max(self.right, other.right), max(self.bottom, other.bottom))


def page_of(parts: Parts) -> Page:
    """Put the digits among the parts of a picture in order."""
    boxes, signs, height = _digits_and_signs(parts)
    lines = sorted(_lines(boxes), key=lambda line: float(np.mean([box.middle for box in line])))
    placed = []
    for number, line in enumerate(lines):
        gaps = [max(0, after.left - before.right) for before, after in pairwise(line)]
        widest = max(MIN_GROUP_GAP * height, MIN_GROUP_GAP_RATIO * float(np.median(gaps))) if gaps else 0.0
        group = 0
        for box, gap in zip(line, [0, *gaps], strict=True):
            group += gap > widest
            beside = sum(box.is_beside(sign, MAX_SIGN_GAP * height) for sign in signs)
            placed.append(PlacedDigit(box.parts, (box.left, box.top, box.right, box.bottom), number, group, beside))
    return Page(placed, height)


def _digits_and_signs(parts: Parts) -> tuple[list[_Box], list[_Box], float]:
    """Return the boxes of the digits, those of the signs among them, and the usual height of a digit in pixels."""
    ranked = parts.ranked[:MAX_PARTS]
    better = ranked[: max(1, len(ranked) // 2)]
    strengths = parts.scores / np.maximum(np.hypot(*parts.boxes[:, 2:].T), 1)
    usual, strength = float(np.median(parts.scores[better])), float(np.median(strengths[better]))
    is_writing = (parts.scores > MIN_SCORE * usual) & (strengths > MIN_STRENGTH * strength)
    boxes = []
    for part in [part for part in ranked if is_writing[part]] or ranked[:1]:
        x, y, width, height = parts.boxes[part].tolist()
        boxes.append(_Box((part,), x, y, x + width, y + height))
    heights = [box.height for box in boxes[: max(1, len(boxes) // 2)]]  # of the better half
    height = float(np.median(heights))
    boxes = [box for box in boxes if box.height < MAX_HEIGHT * height]
    digits, signs = [box for box in boxes if box.height >= MAX_STROKE_HEIGHT * height], []
    for stroke in (box for box in boxes if box.height < MAX_STROKE_HEIGHT * height):
        nearest = min(range(len(digits)), key=lambda place: digits[place].gap(stroke))
        if digits[nearest].gap(stroke) < MAX_STROKE_GAP * height:
            digits[nearest] = digits[nearest].with_box(stroke)
        elif stroke.height > MIN_DIGIT_HEIGHT * height and not digits[nearest].has_at_foot(stroke):
            digits.append(stroke)
        elif max(stroke.height, stroke.right - stroke.left) > MIN_SIGN_SIDE * height:
            signs.append(stroke)
    return digits, signs, height


def _lines(boxes: list[_Box]) -> list[list[_Box]]:
    """Return the boxes in lines, each from left to right.

    The nearest neighbours are joined first, and each box has one at its left and one at its right at most.
    """
    ordered = sorted(boxes, key=lambda box: box.left)
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for place, other in _neighbours(ordered):
        if place not in after and other not in before:
            after[place], before[other] = other, place
    lines = []
    for first in range(len(ordered)):
        if first not in before:
            line = [first]
            while line[-1] in after:
                line.append(after[line[-1]])
            lines.append([ordered[place] for place in line])
    return lines


def _neighbours(boxes: list[_Box]) -> list[tuple[int, int]]:
    """Return the pairs of places of boxes, in order from the left, that may stand in one line, the nearest first."""
    heights = np.array([box.height for box in boxes])
    middles = np.array([box.middle for box in boxes])
    centres = np.array([(box.left + box.right) / 2 for box in boxes])
    offsets = np.abs(np.subtract.outer(middles, middles))  # (boxes, boxes)
    far = np.abs(np.subtract.outer(centres, centres)) + OFFSET_WEIGHT * offsets
    pairs = np.argwhere(np.triu(offsets < MAX_OFFSET * np.maximum.outer(heights, heights), k=1))  # (pairs, 2)
    nearest = np.argsort(far[pairs[:, 0], pairs[:, 1]], kind="stable")
    return [(int(place), int(other)) for place, other in pairs[nearest]]
