"""Ink told from grain."""

import cv2
import numpy as np
from drawn_pictures import CLEAN, difference, read, seven

from mnistcnn.pictures.ink import is_drawn


def test_grain_in_a_shadow_is_no_ink() -> None:
    """Grain is not taken for ink if it lies in a shadow, where it takes a larger share of the light."""
    y, x = np.indices((300, 300))
    picture = seven(ink=60) * np.where(x - 0.6 * y > 115, 0.35, 1.0)
    picture = cv2.GaussianBlur(picture, (0, 0), 2) * 0.6 + 40 + np.random.default_rng(0).normal(0, 12, picture.shape)
    assert difference(read(picture.clip(0, 255).astype(np.uint8)), CLEAN) < 0.12


def test_a_drawing_in_two_levels_is_known() -> None:
    """Strokes of one level on paper of one level are, soft edges or not; noise and a shade on the paper are not."""
    drawing = np.full((512, 512), 255, np.uint8)
    cv2.line(drawing, (200, 100), (260, 400), 0, 40, cv2.LINE_AA)
    shade = np.linspace(0, 60, 512).astype(np.uint8)
    assert is_drawn(drawing)
    assert not is_drawn(drawing - np.minimum(drawing, shade))
    assert not is_drawn(
        np.clip(drawing + np.random.default_rng(0).normal(0, 3, drawing.shape), 0, 255).astype(np.uint8)
    )
