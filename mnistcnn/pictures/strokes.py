"""A finder of digits in a picture: its grey working copy → the mask of the one digit, or of each digit of a number.

`ink.working_copy` makes that copy, and lengths in pixels are lengths on it. The finder looks for ink with several
reaches and, if in doubt, in both polarities; the connected parts that look most like a digit win. Nothing here knows
which digit it is.

Ranges in comments: `tests/benchmarks/constants.py` reads so many photos right while one value varies in its range.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mnistcnn.pictures.frame import erase_frame
from mnistcnn.pictures.ink import (
    darkness_of_ink,
    faintest_ink,
    full_ink,
    grain,
    ink_mask,
    is_drawn,
    levelled,
    longer_side,
    missing_light,
)
from mnistcnn.pictures.masks import stroke_variation, stroke_width
from mnistcnn.pictures.ruled_paper import erase_rules

# × the shorter side: things narrower than the reach are ink; each is tried, the best digit wins (132 photos right
# with each alone, not with 0.05 added)
REACHES = (0.1, 0.18, 0.32)
# in [0, 1], 1 for surely dark or surely light ink: from here on, only the likelier polarity is tried (132 photos
# right from 0 to 1)
SURE_POLARITY = 0.5
# × full ink: if the grain is more, the ink is faint, and looked for again in a blurred picture (132 photos right from
# 0.0125 to 0.2)
MAX_GRAIN = 0.05
# pixels: the standard deviation of the blur of faint ink in coarse grain (132 photos right from 0.75 to 12)
GRAIN_BLUR = 3

# share of the longer side, WORKING_SIDE at most: a part with a longer side below is a speck, not a stroke (132 photos
# right from 0.0075 to 0.12)
MIN_PART_SIDE = 0.03
# × width + height of a part's box: a weak part with more pixels on the picture's border is shade (132 photos right
# from 0.1 to 1.6)
MAX_SHADE_CONTACT = 0.4
# strength in [0, 1]: weaker parts along the border are shade, where the light falls off (132 photos right from 0.0625
# to 1)
MAX_SHADE_STRENGTH = 0.25
# exponent that lowers a part's score for its pixels on the picture's border, as a share of width + height of its box
# (132 photos right from 2 to 16, not at 1)
BORDER_PENALTY = 4

# × a digit's longer side: wider strokes, as of a blob, lower its quality (132 photos right from 0.05 to 0.8)
MAX_STROKE_WIDTH = 0.2
# exponent that lowers a digit's quality for the excess of its stroke width over MAX_STROKE_WIDTH (132 photos right
# from 6.25 to 100)
BLOB_PENALTY = 25
# × the mean stroke width: a larger standard deviation of it, as of a shadow's edge, lowers a digit's quality (132
# photos right from 0.05 to 0.8)
MAX_VARIATION = 0.2
# exponent that lowers a digit's quality for the excess of that deviation over MAX_VARIATION (132 photos right from 1
# to 16)
VARIATION_PENALTY = 4

# pixels: how near to ink paper is looked at that may be as dark as the ink (not swept)
MISSED_REACH = 12
# share of the ink's contrast: paper that is lighter by less than the ink beside it is as dark (of 132 photos in a hard
# shadow 130 are right at 0.15 and 0.25, 127 at 0.5)
MISSED_SHARE = 0.25
# × the range of the picture's levels: so is paper that is lighter by less than this, as enlarging makes the edges of
# strokes darker than their middle (of 132 photos with all changes at once one more is right up to 0.03 than at 0.035)
MISSED_RANGE = 0.02
# share of the paper's light: ink is taken to leave at least so much, so that black ink has a paper
MIN_LIGHT_LEFT = 0.05
# exponent that lowers a digit's quality for the share of the paper around it that is as dark as its ink (of 40 digits
# of a broad pen 24 are right at 0, 32 at 5, 39 at 15; of 132 photos in a hard shadow 130 at each)
MISSED_PENALTY = 15

# × the best score: the digit is the largest part with a higher score; the best part may be what a shadow leaves bright
# (132 photos right from 0.3 to 1, not at 0.15)
MIN_RIVAL_SCORE = 0.6
# count: among more parts one that reaches from side to side is a rule that was not erased, and not a digit that was cut
# out closely (132 photos, cut around the ink, have 6 at most)
MAX_CUT_PARTS = 10
# × a part's height: if it surrounds a part higher than this, it is a frame and no digit
# (132 photos right from 0.15 to 1, not at 0.075)
MIN_FRAMED_HEIGHT = 0.3
# count: the fewest sides of that part on which the frame is
MIN_FRAMED_SIDES = 3
# × the score of the digit's first part: a loose part with more may belong to the digit (132 photos right from 0.2 to
# 0.8, 131 at 0.05 and 0.1)
MIN_LOOSE_SCORE = 0.2
# × the longer side of the digit's first part: a loose part that is longer does not belong to it (132 photos right
# from 0.4 to 6.4)
MAX_LOOSE_SIDE = 1.6
# × the longer side of the digit's first part: a loose part this near to the digit belongs to it (132 photos right
# from 0.0625 to 1)
MAX_GAP = 0.25
# × the score of the digit's first part: another part with more counts as a thing of the digit's size (not swept;
# all pages of text in tests/benchmarks/strangers.py are recognized)
MIN_OTHER_SCORE = 0.4


@dataclass(frozen=True)
class Parts:
    """The connected parts of an ink mask, and how much each looks like a written digit."""

    ink: np.ndarray  # (H, W) float32 in [0, 1], levelled
    labels: np.ndarray  # (H, W) int32: 0 on paper, 1 on the first part, and so on
    boxes: np.ndarray  # (parts + 1, 4) int: x, y, width, height
    scores: np.ndarray  # (parts + 1,) float: 0 for paper, specks and shade
    grey: np.ndarray  # (H, W) uint8: the picture, dark on light
    missing: np.ndarray  # (H, W) float32 in [0, 1]: the share of the paper's light that ink takes away
    inked: np.ndarray  # (H, W) uint8: 1 on all ink, rules and frame too

    @property
    def best(self) -> int:
        """The number of the part that looks most like a digit."""
        return int(np.argmax(self.scores))

    @property
    def ranked(self) -> list[int]:
        """The numbers of the parts that may be strokes, the best first."""
        return [int(part) for part in np.argsort(-self.scores) if self.scores[part]]

    def mask(self, parts: Sequence[int]) -> np.ndarray:
        """Return the mask (H, W) uint8 of 0 and 1 of some parts."""
        first, *others = parts
        mask = self.labels == first
        for other in others:
            mask |= self.labels == other
        return np.asarray(mask, np.uint8)

    def printed(self) -> np.ndarray:
        """Return the mask (H, W) uint8 of 0 and 1 of the rules and the frame, a pixel wider than they are."""
        around = np.ones((3, 3), np.uint8)
        strokes = (self.labels > 0).astype(np.uint8)
        return np.asarray(cv2.dilate(self.inked * (1 - strokes), around) * (1 - cv2.dilate(strokes, around)))

    def best_quality(self) -> float:
        """Return how much the best digit looks like one, 0 without a stroke: large, strong, and of one stroke width.

        A blob is too wide; the light between strokes and a shadow's edge have many widths.
        """
        if not self.scores[self.best]:
            return 0.0
        parts = one_digit(self)
        mask = self.mask(parts)
        _, _, width, height = cv2.boundingRect(mask)
        blob = max(0.0, stroke_width(mask) / max(width, height) - MAX_STROKE_WIDTH)
        uneven = max(0.0, stroke_variation(mask) - MAX_VARIATION)
        growth = np.hypot(width, height) / np.hypot(*self.boxes[parts[0], 2:])  # of the first part by the others
        penalty = np.exp(-BLOB_PENALTY * blob - VARIATION_PENALTY * uneven - MISSED_PENALTY * self._missed(mask))
        return float(self.scores[parts[0]] * growth * self.ink[mask > 0].mean() * penalty)

    def _missed(self, mask: np.ndarray) -> float:
        """Return the share of the paper around a mask of strokes that is nearly as dark as the ink beside it.

        If strokes are wider than the reach, only their edges and corners are taken for ink.
        """
        x, y, width, height = cv2.boundingRect(mask)
        top, left = max(0, y - MISSED_REACH), max(0, x - MISSED_REACH)
        there = np.s_[top : y + height + MISSED_REACH, left : x + width + MISSED_REACH]
        strokes, grey = mask[there], self.grey[there]
        near = np.ones((2 * MISSED_REACH + 1, 2 * MISSED_REACH + 1), np.uint8)
        darkest = cv2.erode(np.where(strokes, grey, 255).astype(np.uint8), near)
        strongest = cv2.dilate(strokes * self.missing[there], near)
        contrast = darkest / np.maximum(1 - strongest, MIN_LIGHT_LEFT) - darkest  # between that ink and its paper
        span = int(self.grey.max()) - int(self.grey.min())
        alike = np.maximum(MISSED_SHARE * contrast, MISSED_RANGE * span)
        around = (cv2.dilate(strokes, near) > 0) & (self.inked[there] == 0)
        return float((grey < darkest + alike)[around].mean()) if around.any() else 0.0


def other_marks(parts: Parts, digit: list[int]) -> int:
    """Return how many parts of the size of a digit, given its parts, do not belong to it."""
    return max(0, int((parts.scores > MIN_OTHER_SCORE * parts.scores[digit[0]]).sum()) - len(digit))


def find_parts(grey: np.ndarray, light_on_dark: bool | None, printed: np.ndarray | None = None) -> Parts | None:
    """Find the parts in the polarity and with the reach that give the best digit; return None without a stroke.

    `grey` (H, W) uint8 is a working copy. What lies in the mask `printed` (H, W) uint8 is taken for paper.
    """
    darkness = darkness_of_ink(grey)
    if light_on_dark is None:
        polarities = [False, True] if abs(darkness) < SURE_POLARITY else [darkness < 0]
    else:
        polarities = [light_on_dark]
    papers = [255 - grey if inverted else grey for inverted in polarities]
    # In a drawing of two levels every reach that is wider than the strokes finds the same ink.
    reaches = REACHES[-1:] if is_drawn(grey) else REACHES
    found = [_parts_within_reach(paper, reach, printed) for paper in papers for reach in reaches]
    best = found[0] if len(found) == 1 else max(found, key=Parts.best_quality)
    return best if best.ranked else None


def _parts_within_reach(grey: np.ndarray, reach: float, printed: np.ndarray | None) -> Parts:
    """Return the parts of dark ink on light paper, without rules and frame, scored by strength, size and place."""
    ink, noise = missing_light(grey, reach)
    if grain(ink) > MAX_GRAIN * full_ink(ink):
        ink, noise = missing_light(cv2.GaussianBlur(grey, (0, 0), GRAIN_BLUR), reach)
    faintest = faintest_ink(ink)
    even = levelled(ink, noise)
    inked = ink_mask(even)
    mask = erase_frame(erase_rules(ink, inked if printed is None else inked & (1 - printed)))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    scores = np.zeros(count)
    for part in range(1, count):
        x, y, width, height, _ = boxes[part]
        if max(width, height) < MIN_PART_SIDE * longer_side(mask):
            continue
        there = labels[y : y + height, x : x + width] == part
        strength = float(ink[y : y + height, x : x + width][there].mean())
        border = _pixels_on_border(there, x, y, mask.shape)
        is_shade = border > MAX_SHADE_CONTACT * (width + height) and strength < MAX_SHADE_STRENGTH
        if strength >= faintest and not is_shade:
            scores[part] = strength * np.hypot(width, height) * np.exp(-BORDER_PENALTY * border / (width + height))
    if np.count_nonzero(scores) > MAX_CUT_PARTS:
        scores[(boxes[:, 2] == mask.shape[1]) | (boxes[:, 3] == mask.shape[0])] = 0
    scores[_frames(labels, boxes, scores)] = 0
    return Parts(even, labels, boxes[:, :4], scores, grey, ink, inked)


def _frames(labels: np.ndarray, boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Return the parts that lie around one that is nearly as high as they are, as circles around a digit do.

    From the inner part's middle they are met in three of the four directions at least, as a circle may have a gap.
    """
    frames = []
    marks = np.flatnonzero(scores)
    lefts, tops, widths, heights = boxes[marks, :4].T
    for x, y, width, height in boxes[marks, :4].tolist():
        around = (lefts < x) & (tops < y) & (lefts + widths > x + width) & (tops + heights > y + height)
        for other in marks[around & (height > MIN_FRAMED_HEIGHT * heights)].tolist():
            row, column = labels[y + height // 2] == other, labels[:, x + width // 2] == other
            sides = (row[:x], row[x + width :], column[:y], column[y + height :])
            if sum(side.any() for side in sides) >= MIN_FRAMED_SIDES:
                frames.append(other)
    return frames


def _pixels_on_border(there: np.ndarray, x: int, y: int, shape: tuple[int, ...]) -> int:
    """Count the pixels of a part, whose box begins at x and y, that lie on the picture's border."""
    height, width = there.shape
    sides = (there[0], there[-1], there[:, 0], there[:, -1])
    touches = (y == 0, y + height == shape[0], x == 0, x + width == shape[1])
    return sum(int(side.sum()) for side, touching in zip(sides, touches, strict=True) if touching)


def one_digit(parts: Parts) -> list[int]:
    """Return the parts of the one digit: the largest of the best, and the loose parts near it.

    A loose part may be the bar of a 5, or a piece of a 0 that rules or a shadow's edge cut up.
    """
    ranked = parts.ranked
    rivals = [part for part in ranked if parts.scores[part] > MIN_RIVAL_SCORE * parts.scores[parts.best]]
    best = max(rivals, key=lambda part: float(np.hypot(*parts.boxes[part][2:])), default=parts.best)
    side = max(parts.boxes[best][2:])
    loose = [
        part
        for part in ranked
        if part != best
        and parts.scores[part] > MIN_LOOSE_SCORE * parts.scores[best]
        and max(parts.boxes[part][2:]) < MAX_LOOSE_SIDE * side
    ]
    digit = [best]
    for part in digit:  # the list grows within the loop
        near = [other for other in loose if _distance(parts.boxes[part], parts.boxes[other]) < MAX_GAP * side]
        digit += near
        loose = [other for other in loose if other not in near]
    return digit


def _distance(one: np.ndarray, other: np.ndarray) -> int:
    """Return the larger of the gaps across and down between two boxes (x, y, width, height); 0 if they touch."""
    (x1, y1, width1, height1), (x2, y2, width2, height2) = one, other
    return int(max(x2 - (x1 + width1), x1 - (x2 + width2), y2 - (y1 + height1), y1 - (y2 + height2), 0))
