"""A rectangle drawn around digits, taken out of a mask of the ink."""

import cv2
import numpy as np

from mnistcnn.pictures.masks import stroke_width

LONG = 0.2  # of the longest part's length: what is shorter is a speck
THICK = 0.13  # of a frame's shorter side, at most, are its strokes
RECTANGULAR = 0.9  # of the smallest rectangle around it a frame encloses, ...
DRAWN = 0.85  # ... and so much of its outline, but for what lies outside the picture, is drawn
TOUCHED = 0.1  # of the margin within the frame, at most, is ink, where strokes touch it
CONTENT = 0.4  # of its shorter side is at least the height of what it frames
WAVES = 1.2  # stroke widths from the outline to strokes that are not straight, ...
SIDES = 1.6  # ... to where the frame ends, ...
MARGIN = 2.4  # ... and to where the margin does


def erase_frame(mask: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) uint8 of 0 and 1 without a frame and all outside it; as it is where there is no frame.

    A frame's sides may be drawn by hand, be broken, run out of the picture, and touch what it frames. A digit has no
    empty margin within its outline: of MNIST's test images, enlarged, none is taken for a frame.
    """
    strokes = _long_parts(mask)
    if not strokes.any():
        return mask
    hull = cv2.convexHull(cv2.findNonZero(strokes))
    rectangle = cv2.minAreaRect(hull)
    side = min(rectangle[1])
    enclosed = _filled(hull, mask.shape)
    corners = np.rint(cv2.boxPoints(rectangle)).astype(int)
    if enclosed.all() or enclosed.sum() < RECTANGULAR * _filled(corners, mask.shape).sum():
        return mask
    width = stroke_width(strokes)
    if width > THICK * side:
        return mask
    depth = cv2.distanceTransform(enclosed, cv2.DIST_L2, 5)  # from the outline, which the picture's border is not
    content = mask * (depth > SIDES * width).astype(np.uint8)
    margin = (depth > SIDES * width) & (depth < MARGIN * width)
    is_frame = (
        cv2.boundingRect(content)[3] > CONTENT * side
        and strokes[margin].mean() < TOUCHED
        and _share_drawn(enclosed, strokes, WAVES * width) > DRAWN
    )
    return _parts_with(content, depth >= MARGIN * width) if is_frame else mask


def _long_parts(mask: np.ndarray) -> np.ndarray:
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    lengths = np.hypot(boxes[:, 2], boxes[:, 3]) * (np.arange(len(boxes)) > 0)  # 0 is the paper
    is_long = (lengths > LONG * lengths.max()).astype(np.uint8)
    return np.asarray(is_long[labels])


def _parts_with(mask: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """Return the connected parts of a mask that have a pixel where `seed` (H, W) is true."""
    _, labels = cv2.connectedComponents(mask, connectivity=8)
    return np.asarray(mask * np.isin(labels, labels[seed]))


def _filled(polygon: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return cv2.fillConvexPoly(np.zeros(shape, np.uint8), polygon, 1)


def _share_drawn(enclosed: np.ndarray, strokes: np.ndarray, reach: float) -> float:
    """Return the share of the outline, off the picture's border, that has strokes within `reach`."""
    side = 2 * round(reach) + 1
    near = cv2.dilate(strokes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    edge = enclosed - cv2.erode(enclosed, np.ones((3, 3), np.uint8))  # outside the picture counts as enclosed
    return float(near[edge > 0].mean())
