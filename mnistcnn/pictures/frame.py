"""An eraser of frames, the rectangles that people draw around digits: mask of ink → mask without its frame.

It does not know what stands in the frame. All 132 photos are read right without it, too.

Ranges in comments: `tests/benchmarks/constants.py` reads so many photos right while one value varies in its range.
"""

import cv2
import numpy as np

from mnistcnn.pictures.masks import stroke_width

# × the longest part's diagonal: shorter parts are specks, and not looked at (132 photos right from 0.05 to 0.8)
MIN_PART_LENGTH = 0.2
# × the frame's shorter side: the widest strokes of a frame (132 photos right from 0.0325 to 0.52)
MAX_FRAME_STROKE = 0.13
# share of the smallest rectangle around a frame that its convex hull covers at least (132 photos right from 0.5 to
# 0.95)
MIN_RECTANGULARITY = 0.9
# share of a frame's outline within the picture that is drawn at least: a frame may be broken (132 photos right from
# 0.8 to 1, not at 0.7)
MIN_OUTLINE_DRAWN = 0.85
# share of the margin within a frame that is ink at most: strokes may touch the frame (132 photos right from 0.025 to
# 0.4)
MAX_MARGIN_INK = 0.1
# × the frame's shorter side: the least height of what it frames (132 photos right from 0.1 to 1)
MIN_CONTENT_HEIGHT = 0.4
# stroke widths: the farthest from the hull's outline that a frame's stroke may run (132 photos right from 0.3 to 2.4,
# not at 4.8)
OUTLINE_REACH = 1.2
# stroke widths: the distance from the outline at which the frame ends and its margin begins (132 photos right from
# 0.4 to 6.4)
MARGIN_START = 1.6
# stroke widths: the distance from the outline at which the margin ends (132 photos right from 0.6 to 9.6)
MARGIN_END = 2.4


def erase_frame(mask: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) uint8 of 0 and 1 without its frame and all outside it, or as it is if it has no frame.

    A frame's sides may be drawn by hand, be broken, run out of the picture, and touch what it frames. A digit, unlike a
    frame, has no empty margin within its outline: not one of MNIST's test images, enlarged, is taken for a frame.
    """
    strokes = _long_parts(mask)
    if not strokes.any():
        return mask
    hull = cv2.convexHull(cv2.findNonZero(strokes))
    rectangle = cv2.minAreaRect(hull)
    side = min(rectangle[1])
    enclosed = _filled(hull, mask.shape)
    corners = np.rint(cv2.boxPoints(rectangle)).astype(int)
    if enclosed.all() or enclosed.sum() < MIN_RECTANGULARITY * _filled(corners, mask.shape).sum():
        return mask
    width = stroke_width(strokes)
    if width > MAX_FRAME_STROKE * side:
        return mask
    depth = cv2.distanceTransform(enclosed, cv2.DIST_L2, 5)  # from the outline; the picture's border is not part of it
    content = mask * (depth > MARGIN_START * width).astype(np.uint8)
    margin = (depth > MARGIN_START * width) & (depth < MARGIN_END * width)
    is_frame = (
        cv2.boundingRect(content)[3] > MIN_CONTENT_HEIGHT * side
        and strokes[margin].mean() < MAX_MARGIN_INK
        and _share_drawn(enclosed, strokes, OUTLINE_REACH * width) > MIN_OUTLINE_DRAWN
    )
    return _parts_with(content, depth >= MARGIN_END * width) if is_frame else mask


def _long_parts(mask: np.ndarray) -> np.ndarray:
    """Return the mask of the connected parts that are not specks."""
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    lengths = np.hypot(boxes[:, 2], boxes[:, 3]) * (np.arange(len(boxes)) > 0)  # part 0 is the paper
    is_long = (lengths > MIN_PART_LENGTH * lengths.max()).astype(np.uint8)
    return np.asarray(is_long[labels])


def _parts_with(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Return the connected parts of a mask that have a pixel where `seed` (H, W) is true."""
    _, labels = cv2.connectedComponents(mask, connectivity=8)
    return np.asarray(mask * np.isin(labels, labels[seed]))


def _filled(polygon: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the mask of a convex polygon."""
    return cv2.fillConvexPoly(np.zeros(shape, np.uint8), polygon, 1)


def _share_drawn(enclosed: np.ndarray, strokes: np.ndarray, reach: float) -> float:
    """Return the share of the outline within the picture that has strokes no farther away than `reach`."""
    side = 2 * round(reach) + 1
    near = cv2.dilate(strokes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    edge = enclosed - cv2.erode(
        enclosed, np.ones((3, 3), np.uint8)
    )  # cv2.erode takes all outside the picture for enclosed
    return float(near[edge > 0].mean())
