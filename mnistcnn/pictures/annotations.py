"""A filter of what is written beside digits and is not a digit: parts of the ink → the same without annotations.

An annotation is a parenthesis, a tick, or the line under a digit, told by its shape and by the digit that it stands
beside. Nothing here knows which digit that is.
"""

from dataclasses import replace

import numpy as np

from mnistcnn.pictures.strokes import Parts

# Values are chosen by the pages of `tests/benchmarks/surroundings.py --split validation`, and by the made numbers of
# `tests/benchmarks/pages.py`, in which a 1 must not be taken for a parenthesis.

# × the best score: a part with less is too small to be, or to have, an annotation
MIN_SCORE = 0.1
# count: if a picture has more parts, it is a number or a page, in which a 1 must not be taken for a parenthesis
MAX_PARTS = 3
# share of the rows or columns across a stroke in which it is a single run of pixels
MIN_SINGLE_RUNS = 0.9

# × its height: the widest parenthesis
MAX_PARENTHESIS_WIDTH = 0.45
# × the digit's height: the least height of a parenthesis
MIN_PARENTHESIS_HEIGHT = 1.1
# × its height: the least gap between a parenthesis and what is written beyond it; a 1 has closer neighbours
MIN_OUTER_GAP = 0.6
# × its height: the least depth of a parenthesis in its middle; a 1 is straighter
MIN_DEPTH = 0.06
# × its height: the middle line of a parenthesis is no farther from a parabola
MAX_OFF_PARABOLA = 0.03
# × the median width of its rows: the widest row of a parenthesis; a 7 and a 9 have wider ones
MAX_ROW_WIDTH = 2.0

# share of its width: where a tick turns
TURN_RANGE = (0.1, 0.65)
# × its height: the least height of a tick's shorter arm
MIN_SHORT_ARM = 0.15
# × its height: by so much the end of a tick is higher than its beginning
MIN_RISE = 0.15
# × its height: the middle line of a tick's arm is no farther from a straight line
MAX_OFF_LINE = 0.08

# × its width: so much of a tick is above or below another mark at most, or it is a piece of that
MAX_OVERLAP = 0.5

# × its width: the greatest height of a line under a digit, which may slant
MAX_LINE_HEIGHT = 0.25
# × the digit's height: the least length of a line under it, to tell it from the base of a 1
MIN_LINE_LENGTH = 0.5
# × the digit's height: the line goes on for so much on both sides of the digit, as the base of a 2 does not
MIN_LINE_BEYOND = 0.02
# × the digit's height: the gap between digit and line
MIN_LINE_GAP = 0.02


def without_annotations(parts: Parts) -> Parts:
    """Return the parts of a picture with the score 0 for each that is an annotation of another one."""
    best = float(parts.scores.max(initial=0.0))
    marks = [part for part in parts.ranked if parts.scores[part] > MIN_SCORE * best]
    if not 2 <= len(marks) <= MAX_PARTS:
        return parts
    shapes = {mark: _shape(parts, mark) for mark in marks}
    annotations = {
        mark
        for mark in marks
        if is_tick(shapes[mark])
        and all(_stands_free(parts.boxes[mark], parts.boxes[other]) for other in {*marks} - {mark})
    }
    digits = [mark for mark in marks if mark not in annotations]
    for mark in digits:
        boxes = [parts.boxes[other] for other in digits if other != mark]
        if any(_is_below(parts.boxes[mark], box) for box in boxes) or _is_at_an_end(
            parts.boxes[mark], parenthesis_side(shapes[mark]), boxes
        ):
            annotations.add(mark)
    if len(annotations) == len(marks):
        return parts
    scores = parts.scores.copy()
    scores[list(annotations)] = 0
    return replace(parts, scores=scores)


def is_tick(shape: np.ndarray) -> bool:
    """Tell whether a mask (H, W) uint8 shows a tick: one stroke, a little down, and then far up, from left to right."""
    height, width = shape.shape
    if width < 0.4 * height:
        return False
    line = _middle_line(shape.T)
    if line is None:
        return False
    turn = int(line.argmax())
    down, up = line[turn] - line[0], line[turn] - line[-1]
    if not (
        TURN_RANGE[0] * width < turn < TURN_RANGE[1] * width
        and down > MIN_SHORT_ARM * height
        and up - down > MIN_RISE * height
    ):
        return False
    return all(_off_curve(arm, 1) < MAX_OFF_LINE * height for arm in (line[: turn + 1], line[turn:]))


def parenthesis_side(shape: np.ndarray) -> int:
    """Return on which side of a digit a parenthesis of this shape (H, W) uint8 stands: 1 right, -1 left, 0 neither."""
    height, width = shape.shape
    if width > MAX_PARENTHESIS_WIDTH * height:
        return 0
    line = _middle_line(shape)
    rows = shape.sum(axis=1)
    if line is None or rows.max() > MAX_ROW_WIDTH * np.median(rows):
        return 0
    y = np.linspace(-1, 1, len(line))
    depth = -float(np.polyfit(y, line, 2)[0])  # at y = 0, from the chord between the ends
    if abs(depth) < MIN_DEPTH * height or _off_curve(line, 2) > MAX_OFF_PARABOLA * height:
        return 0
    return 1 if depth > 0 else -1


def _stands_free(mark: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether a mark does not stand above or below another one, as a piece of it would, given their boxes."""
    (x, _, width, _), (left, _, w, _) = mark, other
    return bool(min(x + width, left + w) - max(x, left) < MAX_OVERLAP * width)


def _is_at_an_end(mark: np.ndarray, side: int, others: list[np.ndarray]) -> bool:
    """Tell whether a mark ends what is written, as a parenthesis does, given the boxes of the mark and of the others.

    It stands at the right (`side` 1) or left (-1) of a lower mark, and nothing stands close to its other side.
    """
    x, y, width, height = mark
    inner = outer = False
    for left, top, w, h in others:
        if y < top + h / 2 < y + height:
            gap = side * (left + w / 2 - x - width / 2) - w / 2 - width / 2  # on the outer side
            inner = inner or (gap < -w and height > MIN_PARENTHESIS_HEIGHT * h)
            outer = outer or -w < gap < MIN_OUTER_GAP * height
    return side != 0 and inner and not outer


def _is_below(mark: np.ndarray, digit: np.ndarray) -> bool:
    """Tell whether a mark is a line under a digit, given their boxes."""
    x, y, width, height = mark
    left, top, w, h = digit
    beyond = MIN_LINE_BEYOND * h
    return bool(
        height < MAX_LINE_HEIGHT * width
        and width > MIN_LINE_LENGTH * h
        and y > top + (1 + MIN_LINE_GAP) * h
        and x < left - beyond
        and x + width > left + w + beyond
    )


def _shape(parts: Parts, part: int) -> np.ndarray:
    """Return the mask (h, w) uint8 of a part in its box."""
    x, y, width, height = parts.boxes[part]
    return np.asarray(parts.labels[y : y + height, x : x + width] == part, np.uint8)


def _middle_line(shape: np.ndarray) -> np.ndarray | None:
    """Return the middle column of each row of a stroke (H, W) uint8 that runs down; None if it runs otherwise."""
    runs = (np.diff(np.pad(shape.astype(np.int8), ((0, 0), (1, 0))), axis=1) > 0).sum(axis=1)
    if float(np.mean(runs == 1)) < MIN_SINGLE_RUNS or not runs.all():
        return None
    return np.asarray((shape * np.arange(shape.shape[1])).sum(axis=1) / shape.sum(axis=1))


def _off_curve(line: np.ndarray, degree: int) -> float:
    """Return how far, in the root of the mean square, a line is from the polynomial nearest to it."""
    if len(line) <= degree + 1:
        return 0.0
    x = np.linspace(-1, 1, len(line))
    return float(np.sqrt(np.mean((line - np.polyval(np.polyfit(x, line, degree), x)) ** 2)))
