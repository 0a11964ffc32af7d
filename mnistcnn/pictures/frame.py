"""An eraser of frames, the rectangles that people draw around digits: mask of ink → mask without its frame.

It does not know what stands in the frame. All 132 photos are read right without it, too.

Ranges in comments: `tests/benchmarks/constants.py` reads so many photos right while one value varies in its range.
"""

import cv2
import numpy as np

from mnistcnn.pictures.masks import convex_hull

# × the longest part's diagonal: shorter parts are specks, and not looked at (132 photos right from 0.05 to 0.8)
MIN_PART_LENGTH = 0.2
# × the frame's shorter side: the widest strokes of a frame (132 photos right from 0.0325 to 0.52)
MAX_FRAME_STROKE = 0.13
# share of the smallest rectangle around a frame that its convex hull covers at least (132 photos right from 0.5 to
# 0.95)
MIN_RECTANGULARITY = 0.9
# the same for a frame that has no margin within it: the loops of a square 8 are not equally wide
MIN_CLOSE_RECTANGULARITY = 0.97
# × the frame's longer side: a part of the frame is at least so long, or it is a page, framed by digits (not swept; of
# 12 made pages of MNIST's validation images one lost its outer digits without it)
MIN_SIDE_DRAWN = 0.4
# share of a frame's outline within the picture that is drawn at least: a frame may be broken (132 photos right from
# 0.8 to 1, not at 0.7)
MIN_OUTLINE_DRAWN = 0.85
# the same for a frame without a margin: a digit may have three sides of a rectangle
MIN_CLOSE_OUTLINE_DRAWN = 0.97
# share of the margin within a frame that is ink at most: strokes may touch the frame (132 photos right from 0.025 to
# 0.4)
MAX_MARGIN_INK = 0.1
# the same for a frame that its digit touches in more places
MAX_CLOSE_MARGIN_INK = 0.7
# × the frame's shorter side: the least height of what it frames (132 photos right from 0.1 to 1)
MIN_CONTENT_HEIGHT = 0.4
# stroke widths: what is framed is wider than that across, for a line from side to side is a stroke of a square 8 or 0
MIN_CONTENT_WIDTH = 2.0
# stroke widths: the farthest from the hull's outline that a frame's stroke may run (132 photos right from 0.3 to 2.4,
# not at 4.8)
OUTLINE_REACH = 1.2
# stroke widths: the distance from the outline at which the frame ends and its margin begins (132 photos right from
# 0.4 to 6.4)
MARGIN_START = 1.6
# the same where a digit touches its frame: little of it is to be lost
CLOSE_START = 1.15
# × the frame's shorter side: the longest piece of a stroke that may lie hidden in a frame that it touches
HIDDEN_LENGTH = 0.25
# stroke widths: the distance from the outline at which the margin ends (132 photos right from 0.6 to 9.6)
MARGIN_END = 2.4


def erase_frame(mask: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) uint8 of 0 and 1 without its frame and all outside it, or as it is if it has no frame.

    A frame's sides may be drawn by hand, be broken, run out of the picture, and touch what it frames. A digit, unlike a
    frame, has no empty margin within its outline, or is open at one side, or has nothing but a line within: not one of
    MNIST's test images, enlarged, is taken for a frame.
    """
    candidates, longest = _long_parts(mask)
    for strokes in candidates:
        if (framed := _framed(mask, strokes, longest)) is not None:
            return framed
    return mask


def _framed(mask: np.ndarray, strokes: np.ndarray, longest: float) -> np.ndarray | None:
    """Return what strokes (H, W) uint8 of a mask frame, and None if they are not a frame.

    `longest` is the length in pixels of their longest connected part.
    """
    hull = convex_hull(strokes)
    rectangle = cv2.minAreaRect(hull)
    side = min(rectangle[1])
    if longest < MIN_SIDE_DRAWN * max(rectangle[1]):
        return None
    enclosed = _filled(hull, mask.shape)
    corners = np.rint(cv2.boxPoints(rectangle)).astype(int)
    rectangularity = float(enclosed.sum() / max(1, _filled(corners, mask.shape).sum()))
    if enclosed.all() or rectangularity < MIN_RECTANGULARITY:
        return None
    depth = cv2.distanceTransform(enclosed, cv2.DIST_L2, 5)  # from the outline; the picture's border is not part of it
    width = _outline_width(strokes, depth, MAX_FRAME_STROKE * side)
    if width is None:
        return None
    drawn = _share_drawn(enclosed, strokes, OUTLINE_REACH * width)
    margin = (depth > MARGIN_START * width) & (depth < MARGIN_END * width)
    if not margin.any():
        return None
    ink = float(strokes[margin].mean())
    has_margin = ink < MAX_MARGIN_INK and drawn > MIN_OUTLINE_DRAWN
    begins = MARGIN_START if has_margin else CLOSE_START
    content = _parts_with(mask * (depth > begins * width).astype(np.uint8), depth >= MARGIN_END * width)
    is_tall = cv2.boundingRect(content)[3] > MIN_CONTENT_HEIGHT * side
    is_close = (
        rectangularity > MIN_CLOSE_RECTANGULARITY
        and ink < MAX_CLOSE_MARGIN_INK
        and drawn > MIN_CLOSE_OUTLINE_DRAWN
        and not _is_line(content, width)
    )
    if not (is_tall and (has_margin or is_close)):
        return None
    if has_margin:
        return content
    hidden = _hidden(content, mask * (depth <= begins * width), width, side)
    return _parts_with(content | hidden, content > 0)


def _hidden(content: np.ndarray, frame: np.ndarray, width: float, side: float) -> np.ndarray:
    """Return the part of a frame's mask (H, W) that strokes within it run into, and run along."""
    beside = frame & cv2.dilate(content, _disc(width))
    bridged = cv2.morphologyEx(content | beside, cv2.MORPH_CLOSE, _disc(HIDDEN_LENGTH * side / 2))
    return np.asarray(frame & bridged)


def _disc(radius: float) -> np.ndarray:
    """Return the mask of a disc."""
    side = 2 * round(radius) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def _outline_width(strokes: np.ndarray, depth: np.ndarray, widest: float) -> float | None:
    """Return how wide the strokes along an outline are, given each pixel's depth within it; None if they are too wide.

    They end where less than half of the outline has ink.
    """
    within = depth[(depth > 0) & (depth < widest + 1)]
    inked = depth[(depth > 0) & (depth < widest + 1) & (strokes > 0)]
    bins = np.arange(0, int(widest) + 2)
    share = np.histogram(inked, bins)[0] / np.maximum(np.histogram(within, bins)[0], 1)
    inner = np.flatnonzero(share[int(share.argmax()) :] < 0.5)
    return float(share.argmax() + inner[0]) if len(inner) else None


def _is_line(content: np.ndarray, width: float) -> bool:
    """Tell whether a mask holds nothing but a straight line, about as wide as the frame's strokes."""
    points = cv2.findNonZero(content)
    return points is None or min(cv2.minAreaRect(points)[1]) < MIN_CONTENT_WIDTH * width


def _long_parts(mask: np.ndarray) -> tuple[list[np.ndarray], float]:
    """Return the masks of what may be a frame, and the length in pixels of their longest connected part.

    All parts that are not specks may be one, and the longest alone. A part is as long as the diagonal of its box.
    """
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    lengths = np.hypot(boxes[:, 2], boxes[:, 3]) * (np.arange(len(boxes)) > 0)  # part 0 is the paper
    longest = float(lengths.max())
    if longest == 0:
        return [], longest
    is_long = lengths > MIN_PART_LENGTH * longest
    wanted = [is_long] if is_long.sum() == 1 else [is_long, lengths == longest]
    return [part.astype(np.uint8)[labels] for part in wanted], longest


def _parts_with(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Return the connected parts of a mask that have a pixel where `seed` (H, W) is true."""
    _, labels = cv2.connectedComponents(mask, connectivity=8)
    return np.asarray(mask * np.isin(labels, labels[seed]))


def _filled(polygon: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the mask of a convex polygon."""
    return cv2.fillConvexPoly(np.zeros(shape, np.uint8), polygon, 1)


def _share_drawn(enclosed: np.ndarray, strokes: np.ndarray, reach: float) -> float:
    """Return the share of the outline within the picture that has strokes no farther away than `reach`."""
    near = cv2.dilate(strokes, _disc(reach))
    edge = enclosed - cv2.erode(
        enclosed, np.ones((3, 3), np.uint8)
    )  # cv2.erode takes all outside the picture for enclosed
    return float(near[edge > 0].mean())
