"""Strokes drawn in MNIST's style."""

import cv2
import numpy as np
import pytest
from drawn_pictures import read, seven
from hypothesis import given, settings
from hypothesis import strategies as st

from mnistcnn.pictures.masks import stroke_width
from mnistcnn.pictures.mnist_style import render


@pytest.mark.parametrize("thick", [3, 8, 30, 44])
def test_any_pen_gives_strokes_as_wide_as_mnist(thick: int) -> None:
    """Strokes are as wide as MNIST's, from their 5th to their 95th percentile, whatever the pen's width."""
    large = np.asarray(cv2.resize(read(seven(thick=thick)), (448, 448), interpolation=cv2.INTER_CUBIC))
    assert 1.78 < stroke_width((large > 127).astype(np.uint8)) / 16 < 4.1


@pytest.mark.parametrize("thick", [3, 8, 30, 44])
def test_strokes_are_drawn_as_soft_as_mnists(thick: int) -> None:
    """The grey share of ink is within a standard deviation of MNIST's, whatever the pen's width."""
    levels = read(seven(thick=thick)) / 255
    softness = (4 * levels * (1 - levels)).sum() / levels.sum()
    assert abs(softness - 0.61) < 0.16


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 200), st.integers(20, 200), st.integers(0, 2**32 - 1))
def test_drawing_keeps_mnists_rules(height: int, width: int, seed: int) -> None:
    """Strokes fill the box of 20×20 one way and are centred by mass to a pixel, whatever their shape."""
    points = np.random.default_rng(seed).integers(0, [width, height], (5, 2)).astype(np.int32)
    mask = np.asarray(cv2.polylines(np.zeros((height, width), np.uint8), [points], False, 1, 5))
    image = render(mask)
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    moments, (_, _, w, h) = cv2.moments(image), cv2.boundingRect(image)
    assert max(w, h) == 20
    clear = min(np.argwhere(image).min(), 27 - np.argwhere(image).max()) > 0  # else it was kept inside the picture
    assert not clear or max(abs(moments[m] / moments["m00"] - 14) for m in ("m10", "m01")) <= 0.75
