"""What several rooms need of a mask of strokes: their width and how it varies, their convex hull, a margin."""

import cv2
import numpy as np

# pixels: a stroke's middle counts if it is this far from paper; in a line of one pixel it is 1 away (132 photos right
# at 0.75 and at 3)
MIN_RIDGE = 1.5


def stroke_width(mask: np.ndarray) -> float:
    """Return the strokes' mean width in pixels, given their mask (H, W) uint8 of 0 and 1.

    The pixels of a strip of width w are w / 4 from its edge in the mean.
    """
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return float(4 * distance[mask > 0].mean())


def convex_hull(mask: np.ndarray) -> np.ndarray:
    """Return the corners (n, 1, 2) of the convex hull of a mask (H, W) uint8 that is not empty.

    The ends of its rows have the same hull as all of its pixels, and are few.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    inked = mask[rows] > 0
    lefts, rights = inked.argmax(axis=1), mask.shape[1] - 1 - inked[:, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([lefts, rows], axis=1), np.stack([rights, rows], axis=1)])
    return cv2.convexHull(ends.astype(np.int32)[:, np.newaxis])


def with_margin(picture: np.ndarray, width: int) -> np.ndarray:
    """Return a picture (H, W) with a margin of 0 around it, in pixels."""
    return cv2.copyMakeBorder(picture, width, width, width, width, cv2.BORDER_CONSTANT, value=(0,))


def stroke_variation(mask: np.ndarray) -> float:
    """Return the standard deviation of the strokes' width as a share of its mean, given their mask (H, W) uint8.

    A pen's strokes have nearly one width: Epshtein, Ofek and Wexler, "Detecting Text in Natural Scenes with Stroke
    Width Transform", 2010.
    """
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    ridge = distance >= np.maximum(cv2.dilate(distance, np.ones((3, 3), np.uint8)), MIN_RIDGE)
    widths = distance[ridge]
    return float(widths.std() / widths.mean()) if widths.size else 0.0
