"""The ink in a picture: grey levels → the share of the paper's light that ink takes away, however the light falls.

All functions but `working_copy` take its result, a copy whose longer side is MIN_WORKING_SIDE to WORKING_SIDE pixels,
so that lengths in pixels are lengths on that copy. A morphological closing gives the paper under the ink (Serra,
"Image Analysis and Mathematical Morphology", 1982). Nothing here knows which ink is a digit's.

Ranges in comments: `tests/benchmarks/constants.py` reads so many photos right while one value varies in its range.
"""

import cv2
import numpy as np

WORKING_SIDE = 512  # pixels: a larger picture is shrunk to this longer side (132 photos right at 384 and at 640)
# pixels: a smaller picture is enlarged to this longer side (132 photos right at 256 and at 512; cut around their ink,
# 124 at 256, 127 at 300 and 126 at 512)
MIN_WORKING_SIDE = 300
RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)  # a pixel's eight neighbours

# pixels: a picture with a shorter longer side shows no grain, as its pixels differ by strokes (not swept; tight crops
# of 20 pixels: 131 of 200 are right without it, 198 with it)
MIN_GRAIN_SIDE = 100
# grey levels: grain of this standard deviation is blurred by a standard deviation of one pixel (132 photos right at 3
# and at 12)
GRAIN_PER_BLUR = 6
# pixels: the largest standard deviation of the blur against grain (132 photos right at 0.6 and at 2.4)
MAX_BLUR = 1.2
# pixels: a blur against grain below this standard deviation is left out (132 photos right at 0.1 and at 0.4)
MIN_BLUR = 0.2

# share of a picture: if its two commonest levels cover more, it was drawn by a program: on paper without shade, in even
# ink (not swept; the 132 photos are read as without it)
MIN_TWO_LEVEL_SHARE = 0.97

# grey level: darker paper is taken for this, as shares of less light are noise (132 photos right at 16 and at 64)
DARKEST_PAPER = 32
# × the longer side: a shorter side that is less, as of a strip with one line of digits, counts as so much (not swept;
# without it the strokes of such digits are taken for rules)
MIN_ASPECT = 0.25
# pixels: a pixel's paper is the darkest within this square, so that a shadow's edge is not a line (132 photos right
# at 1 and at 9)
SHADOW_EDGE = 5

# pixels: the standard deviation of the blur before ink's local strength is measured (132 photos right at 0.75 and at 3)
STRENGTH_BLUR = 1.5
# cells: the side of the grid on which ink's local strength is measured (132 photos right at 32 and at 128)
STRENGTH_GRID = 64
# cells of that grid: a cell's local strength is the strongest ink within this square (132 photos right at 1 and at 9)
STRENGTH_REACH = 5
# × the strongest ink: if ink's local strength is less, it is divided by this instead, and stays weak (132 photos
# right at 0.15 and at 0.6)
MIN_RELATIVE_STRENGTH = 0.3
# share of the paper's light: if ink's local strength is less, it is divided by this instead, and stays weak (132
# photos right at 0.015 and at 0.06)
MIN_STRENGTH = 0.03
# standard deviations of noise: if ink's local strength is less, it is divided by this instead, and stays weak (132
# photos right at 3 and at 12)
MIN_STRENGTH_OVER_NOISE = 6

# pixels: the distance between pixels compared for grain, more than enlarged grain is wide (132 photos right at 3 and
# at 12)
GRAIN_STEP = 6
# standard deviation of normal noise over the median difference of two values: 1 / (0.6745 · √2) = 1.048
DEVIATION_PER_MEDIAN = 1.05

# percent: the percentile of ink that is full ink; strokes cover more than the 0.2 % above it (132 photos right
# from 98 to 100)
FULL_INK_PERCENTILE = 99.8
# share of the paper's light: what takes less away is not ink (132 photos right at 0.02 and at 0.08)
FAINTEST_INK = 0.04
# standard deviations of grain: what takes less light away is not ink (132 photos right at 2.5 and at 10)
MIN_INK_OVER_GRAIN = 5
# pixels: if fewer may be ink, there is none (132 photos right at 1 and at 256)
MIN_INK_PIXELS = 16
# × Otsu's threshold: stronger pixels are ink; below 1, as blurred edges are part of a stroke (132 photos right at 0.7
# and at 1)
OTSU_SHARE = 0.85


def working_copy(grey: np.ndarray, most: int = WORKING_SIDE) -> np.ndarray:
    """Return grey levels (H, W) uint8 without stray pixels and most of the grain, scaled only as far as need be.

    Its longer side has at least MIN_WORKING_SIDE and at most `most` pixels.
    """
    has_grain = max(grey.shape) >= MIN_GRAIN_SIDE
    if has_grain:
        # A pixel darker or lighter than all its neighbours is salt or pepper; in a thin stroke a neighbour is as dark.
        grey = np.clip(grey, cv2.erode(grey, RING), cv2.dilate(grey, RING))
    scale = min(most, max(MIN_WORKING_SIDE, *grey.shape)) / max(grey.shape)
    size = [max(1, round(length * scale)) for length in grey.shape[::-1]]
    if scale < 1:
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    if has_grain and (sigma := min(MAX_BLUR, grain(grey.astype(np.float32)) / GRAIN_PER_BLUR)) > MIN_BLUR:
        grey = cv2.GaussianBlur(grey, (0, 0), sigma)
    return cv2.resize(grey, size, interpolation=cv2.INTER_CUBIC) if scale > 1 else grey


def darkness_of_ink(grey: np.ndarray) -> float:
    """Return 1 for dark ink on light paper, −1 for light on dark, and values between if unsure: ink is the rarer."""
    small = cv2.resize(grey, [max(1, length // 2) for length in grey.shape[::-1]], interpolation=cv2.INTER_AREA)
    around = cv2.medianBlur(small, min(255, min(small.shape) // 2 | 1))
    differences = around - small.astype(np.float32)
    cubes = differences * differences * differences
    return float(cubes.sum() / max(np.abs(cubes).sum(), 1e-9))


def is_drawn(grey: np.ndarray) -> bool:
    """Tell whether a picture has two levels, paper and ink, but for soft edges, as a drawing made on a screen has."""
    counts = np.sort(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel())
    return bool(counts[-2:].sum() > MIN_TWO_LEVEL_SHARE * grey.size)


def missing_light(grey: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the paper's light that dark things take away, (H, W) float32 in [0, 1], and its noise.

    The noise (H, W) float32 is a standard deviation, larger where there is less light. `reach` is a share of the
    shorter side: narrower things are ink, wider ones shadow.
    """
    height, width = grey.shape
    small = cv2.resize(grey, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    small = cv2.medianBlur(small, 3)
    side = max(3, int(reach * shorter_side(small)) | 1)
    # The padding lets a shadow across a corner go on outside the picture.
    background = cv2.copyMakeBorder(small, side, side, side, side, cv2.BORDER_REPLICATE)
    background = cv2.morphologyEx(background, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    background = cv2.resize(background[side:-side, side:-side], (width, height), interpolation=cv2.INTER_LINEAR)
    background = cv2.erode(background, np.ones((SHADOW_EDGE, SHADOW_EDGE), np.uint8))
    light = np.maximum(background, DARKEST_PAPER).astype(np.float32)
    missing = np.clip(1 - grey / light, 0, 1)
    # The closing takes the lightest grain for the paper: the median is what this adds everywhere.
    return np.maximum(missing - np.median(_some_rows(missing)), 0), grain(grey.astype(np.float32)) / light


def shorter_side(picture: np.ndarray) -> float:
    """Return the shorter side of a picture (H, W) in pixels, or, of a strip, MIN_ASPECT × the longer one."""
    return float(max(min(picture.shape), MIN_ASPECT * max(picture.shape)))


def longer_side(picture: np.ndarray) -> int:
    """Return the longer side of a picture (H, W) in pixels, WORKING_SIDE at most, as a closer look may be larger."""
    return int(min(WORKING_SIDE, max(picture.shape)))


def levelled(ink: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Divide ink (H, W) in [0, 1] by its local strength, so that neither light nor a pen running dry makes it fade.

    Weak ink is left weak, as is grain in a shadow by its noise (H, W).
    """
    blurred = cv2.GaussianBlur(ink, (0, 0), STRENGTH_BLUR)
    small = cv2.resize(blurred, (STRENGTH_GRID, STRENGTH_GRID), interpolation=cv2.INTER_AREA)
    strength = cv2.blur(cv2.dilate(small, np.ones((STRENGTH_REACH, STRENGTH_REACH), np.uint8)), (3, 3))
    strength = cv2.resize(strength, ink.shape[::-1])
    weakest_ink = max(MIN_RELATIVE_STRENGTH * float(strength.max()), MIN_STRENGTH)
    weakest = np.maximum(MIN_STRENGTH_OVER_NOISE * noise, weakest_ink)
    return np.asarray(np.minimum(ink / np.maximum(strength, weakest), 1))


def grain(values: np.ndarray) -> float:
    """Return the standard deviation of the noise in values (H, W); edges are too rare to move the median it is from."""
    rows = _some_rows(values)
    differences = np.abs(rows[:, GRAIN_STEP:] - rows[:, :-GRAIN_STEP])
    return float(DEVIATION_PER_MEDIAN * np.median(differences)) if differences.size else 0.0


def full_ink(ink: np.ndarray) -> float:
    """Return the strength of full ink, given ink (H, W) in [0, 1]."""
    return float(np.percentile(_some_rows(ink), FULL_INK_PERCENTILE))


def _some_rows(values: np.ndarray) -> np.ndarray:
    """Return every third row of values (H, W): for a percentile that is enough."""
    return values[::3]


def faintest_ink(ink: np.ndarray) -> float:
    """Return the strength below which ink (H, W) in [0, 1] is not to be told from grain."""
    return max(FAINTEST_INK, MIN_INK_OVER_GRAIN * grain(ink))


def ink_mask(ink: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) uint8 of 0 and 1 of ink (H, W), by Otsu's threshold (1979) over all that is not grain."""
    floor = faintest_ink(ink)
    risen = ink[ink > floor]
    if risen.size < MIN_INK_PIXELS:
        return np.zeros(ink.shape, np.uint8)
    threshold, _ = cv2.threshold((risen * 255).astype(np.uint8)[None], 0, 255, cv2.THRESH_OTSU)
    return (ink > max(floor, OTSU_SHARE * threshold / 255)).astype(np.uint8)
