"""Ink told from grain."""

import cv2
import numpy as np
from drawn_pictures import CLEAN, difference, read, seven


def test_grain_in_a_shadow_is_no_ink() -> None:
    """Grain is not taken for ink if it lies in a shadow, where it takes a larger share of the light."""
    y, x = np.indices((300, 300))
    picture = seven(ink=60) * np.where(x - 0.6 * y > 115, 0.35, 1.0)
    picture = cv2.GaussianBlur(picture, (0, 0), 2) * 0.6 + 40 + np.random.default_rng(0).normal(0, 12, picture.shape)
    assert difference(read(picture.clip(0, 255).astype(np.uint8)), CLEAN) < 0.12
