"""Where a picture is darker than its paper: grey levels → how much light the ink takes away, whatever the lighting.

All of it works on a copy whose longer side is SIDE pixels, so that lengths here are lengths on that copy. The paper
under the ink is what a morphological closing leaves (Serra, "Image Analysis and Mathematical Morphology", 1982).
"""

import cv2
import numpy as np

SIDE = 512
DARKEST_PAPER = 32  # of 255: below it a share of the light says nothing
LEVEL = 0.3  # ink this much weaker than the strongest is still made even
NOISE = 6  # standard deviations
FAINTEST_RISE = 0.04  # of the paper's light: what counts as ink at all
RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)  # a pixel's eight neighbours


def working_copy(grey: np.ndarray) -> np.ndarray:
    """Return grey levels (H, W) uint8 with their longer side SIDE, without wild pixels and most of the grain."""
    # A pixel beyond all its neighbours is salt or pepper; thin strokes have neighbours as dark as themselves.
    grey = np.clip(grey, cv2.erode(grey, RING), cv2.dilate(grey, RING))
    scale = SIDE / max(grey.shape)
    size = [max(1, round(length * scale)) for length in grey.shape[::-1]]
    if scale < 1:
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    if (sigma := min(1.2, grain(grey.astype(np.float32)) / 6)) > 0.2:
        grey = cv2.GaussianBlur(grey, (0, 0), sigma)
    return cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else grey


def darkness_of_ink(grey: np.ndarray) -> float:
    """Tell dark ink on light paper, 1, from light on dark, −1, and how sure that is: ink is rare, the heavier tail."""
    small = cv2.resize(grey, [max(1, length // 2) for length in grey.shape[::-1]], interpolation=cv2.INTER_AREA)
    around = cv2.medianBlur(small, min(255, min(small.shape) // 2 | 1))
    cubes = (around - small.astype(np.float32)) ** 3
    return float(cubes.sum() / max(np.abs(cubes).sum(), 1e-9))


def missing_light(grey: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the paper's light that dark things take away, and its noise: (H, W) float32, in [0, 1].

    Noise is a standard deviation; the less light, the larger it is beside it. `reach` is a share of the shorter side:
    narrower things are ink, wider ones shadow.
    """
    height, width = grey.shape
    small = cv2.resize(grey, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(small, 3)
    side = max(3, int(reach * min(small.shape)) | 1)
    # Padded, so that a shadow across a corner counts as going on outside the picture.
    background = cv2.copyMakeBorder(small, side, side, side, side, cv2.BORDER_REPLICATE)
    background = cv2.morphologyEx(background, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    background = cv2.resize(background[side:-side, side:-side], (width, height), interpolation=cv2.INTER_LINEAR)
    background = cv2.erode(background, np.ones((5, 5), np.uint8))  # a shadow's edge is not a line
    light = np.maximum(background, DARKEST_PAPER).astype(np.float32)
    missing = np.clip(1 - grey / light, 0, 1)
    # The closing rides on top of the grain.
    return np.maximum(missing - np.median(missing), 0), grain(grey.astype(np.float32)) / light


def levelled(ink: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Make the strength of ink (H, W) in [0, 1] even: light weighs on dark and pale ink alike, and pens run dry.

    What is no stronger than NOISE times the noise (H, W), as grain in a shadow, is not made as strong as ink.
    """
    small = cv2.resize(cv2.GaussianBlur(ink, (0, 0), 1.5), (64, 64), interpolation=cv2.INTER_AREA)
    strength = cv2.blur(cv2.dilate(small, np.ones((5, 5), np.uint8)), (3, 3))
    strength = cv2.resize(strength, ink.shape[::-1])
    weakest = np.maximum(NOISE * noise, max(LEVEL * float(strength.max()), 0.03))
    return np.asarray(np.minimum(ink / np.maximum(strength, weakest), 1))


def grain(values: np.ndarray) -> float:
    """Return the standard deviation of the noise in values (H, W): edges are too rare to move a median."""
    differences = np.abs(values[::3, 6:] - values[::3, :-6])  # 6 apart: the enlarged grain of small pictures is as wide
    return float(1.05 * np.median(differences)) if differences.size else 0.0


def ink_mask(ink: np.ndarray) -> np.ndarray:
    """Return where there is ink, (H, W) uint8 of 0 and 1: Otsu's threshold (1979) among all that rises above grain."""
    floor = max(FAINTEST_RISE, 5 * grain(ink))
    risen = ink[ink > floor]
    if risen.size < 16:
        return np.zeros(ink.shape, np.uint8)
    threshold, _ = cv2.threshold((risen * 255).astype(np.uint8)[None], 0, 255, cv2.THRESH_OTSU)
    return (ink > max(floor, 0.85 * threshold / 255)).astype(np.uint8)
