"""Which strokes are the digit's: grey levels → the mask of a digit, or of each digit of a number.

The ink is looked for with several reaches and, where that is in doubt, both ways round; the connected parts that make
the best digit win. Lengths are those of the working copy.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from mnistcnn.pictures.frame import erase_frame
from mnistcnn.pictures.ink import SIDE, darkness_of_ink, grain, ink_mask, levelled, missing_light
from mnistcnn.pictures.masks import stroke_variation, stroke_width
from mnistcnn.pictures.ruled_paper import erase_rules

SPECK = 0.03  # what is shorter, as a share of SIDE, is no stroke
FAINTEST = 0.04  # of the paper's light: fainter things are no ink
SHADE = 0.25  # along the border, weaker ink is rather where the light falls off
SURE = 0.5  # a polarity surer than this is not put in question
RIVAL = 0.6  # of the best part's score: shadow weakens strokes, so that a bright stump may outdo all the rest
LOOSE = 0.2  # of the best part's score, at least, has what belongs to the digit, ...
NEAR = 0.25  # ... and is no farther away than this share of its size
REACHES = (0.1, 0.18, 0.32)  # of the shorter side: wider than the strokes, narrower than a shadow


@dataclass(frozen=True)
class Parts:
    """The connected parts of an ink mask, and how much each looks like a written digit."""

    ink: np.ndarray  # (H, W) float32, levelled
    labels: np.ndarray  # (H, W) int32: 0 paper, 1 the first part …
    boxes: np.ndarray  # (parts + 1, 4) int: x, y, width, height
    scores: np.ndarray  # (parts + 1,) float: 0 for paper and specks

    @property
    def best(self) -> int:
        """The part that looks most like a digit."""
        return int(np.argmax(self.scores))

    @property
    def ranked(self) -> list[int]:
        """The parts that may be strokes, the best first."""
        return [int(part) for part in np.argsort(-self.scores) if self.scores[part]]

    def mask(self, parts: list[int]) -> np.ndarray:
        """Return the mask (H, W) uint8 of some parts."""
        return np.isin(self.labels, parts).astype(np.uint8)

    def quality(self, parts: list[int]) -> float:
        """Return a figure to compare polarities and reaches by: strong strokes of one width; 0 without a digit.

        A pen has one width; a blob has too much, and light between strokes and a shadow's edge has many.
        """
        if not self.scores[self.best]:
            return 0.0
        mask = self.mask(parts)
        _, _, width, height = cv2.boundingRect(mask)
        blob = max(0.0, stroke_width(mask) / max(width, height) - 0.2)
        uneven = max(0.0, stroke_variation(mask) - 0.2)
        whole = np.hypot(width, height) / np.hypot(*self.boxes[parts[0], 2:])  # as if its parts were one
        return float(self.scores[parts[0]] * whole * self.ink[mask > 0].mean() * np.exp(-25 * blob - 4 * uneven))


def digit_mask(grey: np.ndarray, light_on_dark: bool | None = None) -> tuple[np.ndarray, int] | None:
    """Find the one digit of a working copy (H, W) uint8; None where there is no stroke.

    Returns its mask (H, W) uint8 of 0 and 1, and how many other things of its size there are: a page of text has many.
    `light_on_dark` is the polarity, None to find it out.
    """
    parts = find_parts(grey, light_on_dark)
    if parts is None:
        return None
    digit = _one_digit(parts)
    others = int((parts.scores > 0.4 * parts.scores[digit[0]]).sum()) - len(digit)
    return parts.mask(digit), max(0, others)


def digit_masks(grey: np.ndarray, light_on_dark: bool | None = None) -> list[np.ndarray]:
    """Find the digits of a number in one line as `digit_mask` finds one, from left to right; none without a stroke."""
    parts = find_parts(grey, light_on_dark)
    if parts is None:
        return []
    digits: list[list[int]] = []
    for part in parts.ranked:
        if parts.scores[part] <= 0.1 * parts.scores[parts.best]:
            break
        upright = next((digit for digit in digits if _one_above_the_other(parts, part, digit[0])), None)
        if upright is not None:
            upright.append(part)
        elif parts.scores[part] > 0.3 * parts.scores[parts.best]:
            digits.append([part])
    return [parts.mask(digit) for digit in sorted(digits, key=lambda digit: int(parts.boxes[digit[0]][0]))]


def find_parts(grey: np.ndarray, light_on_dark: bool | None) -> Parts | None:
    """Find the parts with the polarity and the reach that give the best digit; None where there is no stroke."""
    darkness = darkness_of_ink(grey)
    if light_on_dark is None:
        polarities = [False, True] if abs(darkness) < SURE else [darkness < 0]
    else:
        polarities = [light_on_dark]
    papers = [255 - grey if inverted else grey for inverted in polarities]
    found = [_parts_within_reach(paper, reach) for paper in papers for reach in REACHES]
    best = max(found, key=lambda parts: parts.quality(_one_digit(parts)))
    return best if best.ranked else None


def _parts_within_reach(grey: np.ndarray, reach: float) -> Parts:
    """Return the parts of dark ink on light paper, rules erased, scored by strength, size, and being off the border."""
    ink, noise = missing_light(grey, reach)
    if grain(ink) > 0.05 * np.percentile(ink, 99.8):  # faint ink in coarse grain
        ink, noise = missing_light(cv2.GaussianBlur(grey, (0, 0), 3), reach)
    faintest = max(FAINTEST, 5 * grain(ink))
    even = levelled(ink, noise)
    mask = erase_frame(erase_rules(ink, ink_mask(even)))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    scores = np.zeros(count)
    for part in range(1, count):
        x, y, width, height, _ = boxes[part]
        if max(width, height) < SPECK * SIDE:
            continue
        there = labels[y : y + height, x : x + width] == part
        strength = float(ink[y : y + height, x : x + width][there].mean())
        border = _along_the_border(there, x, y, mask.shape)
        shade = border > 0.4 * (width + height) and strength < SHADE
        if strength >= faintest and not shade:
            scores[part] = strength * np.hypot(width, height) * np.exp(-4 * border / (width + height))
    return Parts(even, labels, boxes[:, :4], scores)


def _along_the_border(there: np.ndarray, x: int, y: int, shape: tuple[int, ...]) -> int:
    """Count the pixels of a part, whose box begins at x and y, that lie on the picture's border."""
    height, width = there.shape
    sides = (there[0], there[-1], there[:, 0], there[:, -1])
    touches = (y == 0, y + height == shape[0], x == 0, x + width == shape[1])
    return sum(int(side.sum()) for side, touching in zip(sides, touches, strict=True) if touching)


def _one_digit(parts: Parts) -> list[int]:
    """Return the parts of the one digit: the largest of the best, or what it frames, and all that leads on from it.

    So a 5 has its loose bar, and a 0 that rules or a shadow's edge cut to pieces is whole again.
    """
    ranked = parts.ranked
    rivals = [part for part in ranked if parts.scores[part] > RIVAL * parts.scores[parts.best]]
    best = max(rivals, key=lambda part: float(np.hypot(*parts.boxes[part][2:])), default=parts.best)
    x, y, width, height = parts.boxes[best]
    for part in ranked:
        left, top, w, h = parts.boxes[part]
        if left > x and top > y and left + w < x + width and top + h < y + height and h > 0.3 * height:
            best, (x, y, width, height) = part, parts.boxes[part]
            break
    side = max(width, height)
    loose = [
        part
        for part in ranked
        if part != best and parts.scores[part] > LOOSE * parts.scores[best] and max(parts.boxes[part][2:]) < 1.6 * side
    ]
    digit = [best]
    for part in digit:  # which grows meanwhile
        near = [other for other in loose if _distance(parts.boxes[part], parts.boxes[other]) < NEAR * side]
        digit += near
        loose = [other for other in loose if other not in near]
    return digit


def _distance(one: np.ndarray, other: np.ndarray) -> int:
    """Return how far apart two boxes (x, y, width, height) are, to the right, left, above or below; 0 if they touch."""
    (x1, y1, width1, height1), (x2, y2, width2, height2) = one, other
    return int(max(x2 - (x1 + width1), x1 - (x2 + width2), y2 - (y1 + height1), y1 - (y2 + height2), 0))


def _one_above_the_other(parts: Parts, one: int, other: int) -> bool:
    """Tell whether two parts are strokes of one digit rather than neighbours in a line."""
    (x1, _, width1, _), (x2, _, width2, _) = parts.boxes[one], parts.boxes[other]
    return bool(min(x1 + width1, x2 + width2) - max(x1, x2) > 0.5 * min(width1, width2))
