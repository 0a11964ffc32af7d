"""What is measured of a mask of strokes: their width, and how much it varies."""

import cv2
import numpy as np


def stroke_width(mask: np.ndarray) -> float:
    """Return the mean width of the strokes of a mask (H, W) uint8: a strip is on average w / 4 from its own edge."""
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    return float(4 * distance[mask > 0].mean())


def stroke_variation(mask: np.ndarray) -> float:
    """Return the spread of the strokes' widths in a mask (H, W) uint8, as a share of their mean: a pen has one width.

    After Epshtein, Ofek and Wexler, "Detecting Text in Natural Scenes with Stroke Width Transform", 2010.
    """
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    ridge = distance >= np.maximum(cv2.dilate(distance, np.ones((3, 3), np.uint8)), 1.5)
    widths = distance[ridge]
    return float(widths.std() / widths.mean()) if widths.size else 0.0
