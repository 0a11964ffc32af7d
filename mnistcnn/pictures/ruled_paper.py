"""An eraser of the lines printed on ruled and squared paper: ink and its mask → mask without those lines.

A printed line is called a rule. Nothing here knows what is written on the paper.

Ranges in comments: `tests/benchmarks/constants.py` reads so many photos right while one value varies in its range.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from mnistcnn.pictures.ink import WORKING_SIDE, faintest_ink, longer_side, shorter_side
from mnistcnn.pictures.masks import stroke_width

SLACK = np.ones((3, 3), np.uint8)  # pixels: a pixel with its neighbours, because Hough's lines are a pixel or two off

# × the shorter side: the fewest pixels of a line (263 of 264 photos on ruled and squared paper right from 0.2 to
# 0.532, not at 0.8)
MIN_LINE_PIXELS = 0.4
# pixels at half size: if MIN_LINE_PIXELS makes fewer, the picture is too narrow to look for lines (263 of 264 photos
# on ruled and squared paper right from 2 to 32, not at 64)
MIN_VOTES = 8
# pixels at half size: ink into which a square of this side fits is too wide for a rule (263 of 264 photos on ruled
# and squared paper right from 4 to 9, not at 3)
TOO_WIDE = 5
# cosine of the angle between two lines: one line found twice differs by less, about 3° (263 of 264 photos on ruled
# and squared paper right from 0.98 to 0.9999)
SAME_LINE_COSINE = 0.9985
# pixels at half size: one line found twice is no farther apart (263 of 264 photos on ruled and squared paper right from
# 2.5 to 10)
SAME_LINE_DISTANCE = 5

# pixels: the distance between the points at which a line's ink is read (not swept)
STEP = 3
# pixels: how far a line is followed to either side: to beyond the corners of a working copy, but not to the far end of
# a closer look, where half a degree is several pixels (61 of 1,887 digits of pages are wrong if it is, else 60)
TRACED = 1.5 * WORKING_SIDE
# × the shorter side: the fewest points of a rule, which span a fifth of that side (132 photos right from 0.0175 to
# 0.28)
MIN_POINTS = 0.07
# pixels: a rule is where its ink is strongest, beside Hough's line by one of these (of the digits of 20 printed sudokus
# 98 % are right, 42 % with 0 alone)
OFFSETS = (0, -2, 2)
# × its strength on Hough's line: a rule is moved only to where it is stronger (of 5,542 digits of squared pages 207 are
# wrong, 236 at 1)
MIN_GAIN = 1.15
# share of a rule's points that are ink at least: print may be broken (132 photos right from 0.4 to 0.9)
MIN_DARK = 0.75
# pixels: the distance from a rule to the points beside it, which are to be paper (132 photos right from 4 to 14)
BESIDE = 8
# share of the points on either side of a rule that are ink at most (132 photos right from 0.0875 to 1)
MAX_DARK_BESIDE = 0.35

# cosine of the angle between two lines: rules are parallel up to it, about 4° (132 photos right from 0.98 to 0.9998)
PARALLEL_COSINE = 0.998
# count: the fewest parallel rules; fewer may be strokes (132 photos right from 1 to 6)
MIN_PARALLEL = 3
# × the rules' median strength: a stronger line is a stroke (132 photos right from 0.375 to 6)
MAX_RULE_STRENGTH = 1.5

# pixels: the width of the band along a rule that is erased, blur included (132 photos right from 3 to 13)
BAND = 7
# × the rules' strength: stronger pixels are ink (132 photos right from 0.4 to 6.4)
INK_STRENGTH = 1.6
# × the rules' width: a disc of this diameter fits into a broad pen's strokes, not into a crossing of rules (132
# photos right from 0.4 to 6.4)
DISC = 1.6
# × the rules' width: if broad strokes are wider in the mean, breadth tells ink from rules (132 photos right from 0.5
# to 8)
MIN_BROAD_WIDTH = 2
# share of the longer side, WORKING_SIDE at most: shorter broad strokes are not a digit's (132 photos right from 0.025
# to 0.4)
MIN_BROAD_LENGTH = 0.1
# share of the longer side, WORKING_SIDE at most: shorter strong strokes are not a digit's (not swept; at 0.05 nine in
# ten of the digits of tests/benchmarks/ruled.py are right, at 0.1 small ones are lost)
MIN_STRONG_LENGTH = 0.05
# count: directions, evenly spread, in which a stroke that crosses a rule is closed (132 photos right from 2 to 16)
CROSSING_DIRECTIONS = 8
# × BAND: half of the longest gap in a stroke that is closed, enough for a crossing at a slant (132 photos right from
# 0.35 to 5.6)
CROSSING_REACH = 1.4


@dataclass(frozen=True)
class Rule:
    """A printed line across the picture."""

    normal: np.ndarray  # (2,) x and y of the unit vector across it
    start: list[int]  # x and y of one end
    end: list[int]  # x and y of the other end
    strength: float  # its ink's median, in [0, 1]


def erase_rules(ink: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) uint8 of `ink` (H, W) in [0, 1] without its rules.

    Rules are thin and straight, and at least three are parallel. If there are strokes stronger than the rules, those
    are kept, and closed where a rule is printed over them. Otherwise, if the other ink is broader, all broader ink is
    kept. Otherwise all ink that lies off the rules or crosses them is kept.
    """
    faint = np.greater(ink, faintest_ink(ink)).astype(np.uint8)
    rules = _find_rules(ink, mask) or _find_rules(ink, faint)
    if not rules:
        return mask
    printed = np.zeros(mask.shape, np.float32)  # the rules' strength, 0 beside them
    for rule in sorted(rules, key=lambda rule: rule.strength):  # where two cross, the stronger is what is printed
        cv2.line(printed, rule.start, rule.end, rule.strength, BAND)
    lines = (printed > 0).astype(np.uint8)
    rest = mask & (1 - lines)
    strong = mask * (ink > INK_STRENGTH * max(rule.strength for rule in rules))
    if _extent(strong) > MIN_STRONG_LENGTH * longer_side(mask):
        side = int(np.ceil(stroke_width(faint & lines))) + 3
        closed = cv2.morphologyEx(strong, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
        return np.asarray(np.where(lines * faint, closed, strong))
    if not (mask & lines).any():
        return mask
    rule_width = stroke_width(mask & lines)
    side = int(np.ceil(DISC * rule_width)) + 1
    broad = cv2.morphologyEx(mask, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    if (
        broad.any()
        and stroke_width(broad) > MIN_BROAD_WIDTH * rule_width
        and _extent(broad) > MIN_BROAD_LENGTH * longer_side(mask)
    ):
        return np.asarray(cv2.dilate(broad, np.ones((5, 5), np.uint8)) & mask)  # put back the corners that opening took
    return np.asarray(mask & (_closed(rest) | (ink > INK_STRENGTH * printed)))


def _find_rules(ink: np.ndarray, mask: np.ndarray) -> list[Rule]:
    """Return the rules among the straight lines of the mask's thin parts."""
    lines = _straight_lines(mask)
    if not lines:
        return []
    wide, strongest = cv2.dilate(mask, SLACK), cv2.dilate(ink, SLACK)
    rules = [rule for line in lines if (rule := _rule_along(*line, strongest, wide)) is not None]
    rules = [
        rule
        for rule in rules
        if sum(abs(rule.normal @ other.normal) > PARALLEL_COSINE for other in rules) >= MIN_PARALLEL
    ]
    usual = float(np.median([rule.strength for rule in rules])) if rules else 0.0
    return [rule for rule in rules if rule.strength < MAX_RULE_STRENGTH * usual]


def _straight_lines(mask: np.ndarray) -> list[tuple[float, float]]:
    """Return rho, in pixels at half size, and theta, in radians, of each line in a mask's thin parts."""
    height, width = mask.shape
    half = cv2.resize(mask, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    thin = half * (1 - cv2.morphologyEx(half, cv2.MORPH_OPEN, np.ones((TOO_WIDE, TOO_WIDE), np.uint8)))
    votes = int(MIN_LINE_PIXELS * shorter_side(half))
    if votes < MIN_VOTES or thin.sum() < MIN_PARALLEL * votes:
        return []
    found = cv2.HoughLines(thin, 1, np.pi / 360, votes)  # to a pixel and half a degree
    peaks = np.zeros((0, 2)) if found is None else found.reshape(-1, 2)  # (n, 2) rho, theta; most votes first
    lines = []
    while len(peaks):
        rho, theta = peaks[0]
        lines.append((float(rho), float(theta)))
        turn = np.cos(peaks[:, 1] - theta)
        apart = np.abs(peaks[:, 0] - np.sign(turn) * rho)
        peaks = peaks[(np.abs(turn) < SAME_LINE_COSINE) | (apart > SAME_LINE_DISTANCE)]
    return lines


def _rule_along(rho: float, theta: float, strongest: np.ndarray, wide: np.ndarray) -> Rule | None:
    """Return the rule along a line of `_straight_lines`, or None if it is not ink between paper.

    `strongest` and `wide` are the ink and its mask, both dilated by SLACK.
    """
    height, width = wide.shape
    normal = np.array([np.cos(theta), np.sin(theta)])
    steps = np.arange(-TRACED, TRACED, STEP)[:, None]
    points = np.rint((2 * rho + 0.5) * normal + steps * [-normal[1], normal[0]]).astype(int)  # (n, 2) x, y
    points = points[((points >= 0) & (points < (width, height))).all(1)]
    if len(points) < MIN_POINTS * shorter_side(wide):
        return None
    on, *beside = (
        wide[np.clip(points[:, 1] + dy, 0, height - 1), np.clip(points[:, 0] + dx, 0, width - 1)].mean()
        for dx, dy in np.rint(np.outer((0, -BESIDE, BESIDE), normal)).astype(int)
    )
    if on <= MIN_DARK or min(beside) >= MAX_DARK_BESIDE:
        return None
    shifts = [np.rint(offset * normal).astype(int) for offset in OFFSETS]
    shifted = [np.clip(points + shift, 0, (width - 1, height - 1)) for shift in shifts]
    strengths = [float(np.median(strongest[line[:, 1], line[:, 0]])) for line in shifted]
    best = int(np.argmax(strengths)) if max(strengths) > MIN_GAIN * strengths[0] else 0
    return Rule(normal, shifted[best][0].tolist(), shifted[best][-1].tolist(), strengths[best])


def _closed(strokes: np.ndarray) -> np.ndarray:
    """Return a mask (H, W) uint8 of strokes without the gaps that an erased rule leaves in strokes across it."""
    closed = strokes.copy()
    for angle in np.arange(0, np.pi, np.pi / CROSSING_DIRECTIONS):
        x, y = np.rint(CROSSING_REACH * BAND * np.array([np.cos(angle), np.sin(angle)])).astype(int).tolist()
        middle = max(abs(x), abs(y))
        across = np.zeros((2 * middle + 1, 2 * middle + 1), np.uint8)
        cv2.line(across, (middle - x, middle - y), (middle + x, middle + y), 1)
        closed |= cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, across)
    return closed


def _extent(mask: np.ndarray) -> float:
    """Return the length in pixels of the longest side of any connected part's box."""
    boxes = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
    return float(boxes[:, 2:4].max()) if len(boxes) else 0.0
