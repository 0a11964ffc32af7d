"""The lines of ruled and squared paper, taken out of a mask of the ink."""

from dataclasses import dataclass

import cv2
import numpy as np

from mnistcnn.pictures.ink import SIDE
from mnistcnn.pictures.masks import stroke_width

BAND = 7  # pixels to each rule, its blur with it
SLACK = np.ones((3, 3), np.uint8)  # Hough's lines are a pixel or two off
PARALLEL = 3  # rules at least; fewer may be strokes
STRONGER = 1.6  # times as strong as a rule is no rule
CROSSINGS = 8  # directions in which a stroke may cross a rule
DISTINCT = 1.8  # times as strong as the rules, what else there is can be told from them by that alone


@dataclass(frozen=True)
class Rule:
    """A printed line across the picture."""

    normal: np.ndarray  # (2,) x and y, of length 1
    start: list[int]  # x and y of its ends
    end: list[int]
    strength: float  # of its ink, in [0, 1]


def erase_rules(ink: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) uint8 of `ink` (H, W) in [0, 1] without rules.

    Those are thin, straight, from edge to edge, and three or more parallel. What is kept is what is stronger than they
    are, where the rest is; else what is broader; else what lies off them or crosses them.
    """
    rules = _find_rules(ink, mask)
    if not rules:
        return mask
    printed = np.zeros(mask.shape, np.float32)  # how strong the rules are, where they are
    for rule in rules:
        cv2.line(printed, rule.start, rule.end, rule.strength, BAND)
    lines = (printed > 0).astype(np.uint8)
    usual = float(np.median([rule.strength for rule in rules]))
    rest = mask & (1 - lines)
    if rest.any() and np.median(ink[rest > 0]) > DISTINCT * usual:
        return np.asarray(mask & np.greater(ink, STRONGER * usual).astype(np.uint8))
    rule_width = stroke_width(mask & lines)
    side = int(np.ceil(1.6 * rule_width)) + 1  # fits into strokes, not where two rules cross
    broad = cv2.morphologyEx(mask, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    if broad.any() and stroke_width(broad) > 2 * rule_width and _extent(broad) > 0.1 * SIDE:
        return np.asarray(cv2.dilate(broad, np.ones((5, 5), np.uint8)) & mask)
    return np.asarray(mask & (_closed(rest) | (ink > STRONGER * printed)))


def _find_rules(ink: np.ndarray, mask: np.ndarray) -> list[Rule]:
    """Return the rules among the straight lines of the mask's thin parts."""
    wide, strongest = cv2.dilate(mask, SLACK), cv2.dilate(ink, SLACK)
    lines = [_rule(rho, theta, strongest, wide) for rho, theta in _straight_lines(mask)]
    rules = [rule for rule in lines if rule is not None]
    rules = [rule for rule in rules if sum(abs(rule.normal @ other.normal) > 0.998 for other in rules) >= PARALLEL]
    usual = float(np.median([rule.strength for rule in rules])) if rules else 0.0
    return [rule for rule in rules if rule.strength < 1.5 * usual]


def _straight_lines(mask: np.ndarray) -> list[tuple[float, float]]:
    """Return rho and theta of the lines of a mask's thin parts, at half its size, each found once."""
    height, width = mask.shape
    half = cv2.resize(mask, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    thin = half * (1 - cv2.morphologyEx(half, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)))
    votes = int(0.4 * min(half.shape))
    if votes < 8 or thin.sum() < PARALLEL * votes:
        return []
    found = cv2.HoughLines(thin, 1, np.pi / 360, votes)
    peaks = np.zeros((0, 2)) if found is None else found.reshape(-1, 2)  # rho, theta, most votes first
    lines = []
    while len(peaks):
        rho, theta = peaks[0]
        lines.append((float(rho), float(theta)))
        turn = np.cos(peaks[:, 1] - theta)
        peaks = peaks[(np.abs(turn) < 0.9985) | (np.abs(peaks[:, 0] - np.sign(turn) * rho) > 5)]
    return lines


def _rule(rho: float, theta: float, strongest: np.ndarray, wide: np.ndarray) -> Rule | None:
    """Return the line as a rule where it is dark all along and paper beside it; None where it is none.

    `strongest` and `wide` are the ink and its mask, each pixel with its neighbours.
    """
    height, width = wide.shape
    normal = np.array([np.cos(theta), np.sin(theta)])
    steps = np.arange(-1.5 * SIDE, 1.5 * SIDE, 3)[:, None]
    points = np.rint((2 * rho + 0.5) * normal + steps * [-normal[1], normal[0]]).astype(int)  # (n, 2) x, y
    points = points[((points >= 0) & (points < (width, height))).all(1)]
    if len(points) < 0.07 * min(wide.shape):
        return None
    on, *beside = (
        wide[np.clip(points[:, 1] + dy, 0, height - 1), np.clip(points[:, 0] + dx, 0, width - 1)].mean()
        for dx, dy in np.rint(np.outer((0, -8, 8), normal)).astype(int)
    )
    if on <= 0.75 or min(beside) >= 0.35:
        return None
    strength = float(np.median(strongest[points[:, 1], points[:, 0]]))
    return Rule(normal, points[0].tolist(), points[-1].tolist(), strength)


def _closed(strokes: np.ndarray) -> np.ndarray:
    """Return a mask (H, W) uint8 of strokes with the gaps filled that a rule leaves where one crosses it at a slant."""
    closed = strokes.copy()
    for angle in np.arange(0, np.pi, np.pi / CROSSINGS):
        x, y = np.rint(1.4 * BAND * np.array([np.cos(angle), np.sin(angle)])).astype(int).tolist()
        middle = max(abs(x), abs(y))
        across = np.zeros((2 * middle + 1, 2 * middle + 1), np.uint8)
        cv2.line(across, (middle - x, middle - y), (middle + x, middle + y), 1)
        closed |= cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, across)
    return closed


def _extent(mask: np.ndarray) -> float:
    """Return the longer side of the largest connected part."""
    boxes = cv2.connectedComponentsWithStats(mask, connectivity=8)[2][1:]
    return float(boxes[:, 2:4].max()) if len(boxes) else 0.0
