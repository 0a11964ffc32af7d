"""MNIST's drawing rules: the mask of a digit's strokes → the 28×28 image that MNIST's makers would have drawn.

LeCun, Cortes and Burges, "The MNIST database of handwritten digits", http://yann.lecun.com/exdb/mnist: the digit fits
a box of 20×20 pixels, its aspect kept, antialiased, its centre of mass in the middle of 28×28. Nothing here knows where
the strokes come from.

Ranges in comments: `tests/benchmarks/constants.py` reads so many photos right while one value varies in its range.
"""

import cv2
import numpy as np

from mnistcnn.config import SIZE
from mnistcnn.pictures.masks import stroke_width, with_margin

BOX = 20  # pixels: the longer side of a digit, by MNIST's rules
# pixels: the width of strokes; 2.7 ± 0.7 in MNIST's training images (three networks read 132, 128 and 129 of the photos
# at 3.0; 132, 128 and 128 at 2.7; 131, 126 and 127 if widths from 2.2 to 3.6 are left as they are)
STROKE_WIDTH = 3.0
# pixels: the standard deviation of the blur that makes strokes as soft as MNIST's
BLUR = 0.3
# share of full ink: fainter blur need not fit into the box (132 photos right from 0.025 to 0.4)
FAINTEST_BLUR = 0.1
# × BOX: the longer side of the drawing on which strokes are widened and narrowed (132 photos right from 6 to 16, not
# at 4)
ENLARGEMENT = 8
# pixels of that drawing: the standard deviation of the blur that rounds the steps of small pictures (132 photos right
# from 0.5 to 2.66, not at 4)
ROUNDING_BLUR = 2
# strength in [0, 1]: pixels of that drawing that are stronger after the blur are strokes (132 photos right from 0.107
# to 0.5)
STROKE_THRESHOLD = 0.43

# strength in [0, 1]: stronger ink of a tiny picture is to fit into the box
MIN_LEVEL = 0.3
# × its strongest level: so much stronger is a tiny picture drawn (of 200 of MNIST's images at 8×8 176 are right at 1,
# 179 at 1.3)
LEVEL_GAIN = 1.3

# grey level: an image in MNIST's style has a pixel at least this light (all of MNIST's 70,000 do)
MIN_PEAK = 200
# pixels: the longer side of the digit in an image in MNIST's style (all of MNIST's 70,000 are)
BOX_RANGE = (BOX - 2, BOX)
# pixels, down and across: an image in MNIST's style has its centre of mass this near to (14, 14) (MNIST's 70,000 do)
MAX_OFF_CENTRE = 0.75


def looks_like_mnist(grey: np.ndarray) -> bool:
    """Tell whether grey levels (H, W) uint8 are a digit in MNIST's style: light on black, in its box, centred.

    All 70,000 images of MNIST are; an off-centre drawing on a canvas of 28×28 is not.
    """
    if grey.shape != (SIZE, SIZE) or grey.max() < MIN_PEAK or 2 * np.count_nonzero(grey) > grey.size:
        return False
    if not BOX_RANGE[0] <= max(cv2.boundingRect(grey)[2:]) <= BOX_RANGE[1]:
        return False
    return max(abs(centre - SIZE / 2) for centre in _centre_of_mass(grey)) < MAX_OFF_CENTRE


def render(strokes: np.ndarray) -> np.ndarray:
    """Draw strokes in MNIST's style, all of one width: (28, 28) uint8, light on black.

    `strokes` (H, W) is 0 on paper, and 1, or the ink's strength in [0, 1], on strokes; not all of it may be 0.
    """
    large = _enlarged(_cropped(strokes.astype(np.float32)))
    soft = _softened(_with_stroke_width(large))
    scale = BOX / max(soft.shape)
    height, width = (max(1, round(length * scale)) for length in soft.shape)
    digit = np.rint(255 * cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA)).astype(np.uint8)
    left, top = (
        min(max(round(SIZE / 2 - centre), 0), SIZE - length)
        for centre, length in zip(_centre_of_mass(digit), (width, height), strict=True)
    )
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[top : top + height, left : left + width] = digit
    return image


def render_levels(strength: np.ndarray) -> np.ndarray:
    """Draw a digit of so few pixels that its strokes are thinner than one: (28, 28) uint8, in the levels that it has.

    `strength` (H, W) float32 is the ink's strength in [0, 1], enlarged.
    """
    x, y, width, height = cv2.boundingRect((strength > MIN_LEVEL).astype(np.uint8))
    scale = BOX / max(width, height)
    around = with_margin(strength, 1)[y : y + height + 2, x : x + width + 2]
    size = [max(1, round(length * scale)) for length in around.shape[::-1]]
    digit = cv2.resize(around, size, interpolation=cv2.INTER_AREA)
    across, down = (SIZE / 2 - 0.5 - centre for centre in _centre_of_mass(digit))
    image = cv2.warpAffine(digit, np.array([[1, 0, across], [0, 1, down]], np.float32), (SIZE, SIZE))
    return np.asarray(np.rint(255 * np.clip(LEVEL_GAIN * image / image.max(), 0, 1)), np.uint8)


def _cropped(strokes: np.ndarray) -> np.ndarray:
    """Return the smallest box that holds all strokes."""
    x, y, width, height = cv2.boundingRect((strokes > 0).astype(np.uint8))
    return np.ascontiguousarray(strokes[y : y + height, x : x + width])


def _enlarged(strokes: np.ndarray) -> np.ndarray:
    """Return the mask uint8 of strokes (H, W) float32, scaled to BOX · ENLARGEMENT, with a margin to grow into."""
    full = BOX * ENLARGEMENT
    scale = full / max(strokes.shape)
    if scale > 1:
        strokes = with_margin(strokes, 1)
    size = [max(1, round(length * scale)) for length in strokes.shape[::-1]]
    large = cv2.resize(strokes, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(with_margin(large, full // 6), (0, 0), ROUNDING_BLUR)
    return np.asarray(large > min(STROKE_THRESHOLD, large.max() / 2), np.uint8)


def _with_stroke_width(mask: np.ndarray) -> np.ndarray:
    """Widen or narrow the strokes of an enlarged mask so that they are STROKE_WIDTH wide once it is scaled to BOX."""
    # Growth by d on each side makes the longer side L + 2 d and a stroke w + 2 d: (w + 2 d) / (L + 2 d) is the aim.
    full = BOX * ENLARGEMENT
    growth = (STROKE_WIDTH * full - BOX * stroke_width(mask)) / (2 * (BOX - STROKE_WIDTH))
    if growth > 0.5:
        outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
        return np.asarray(outside <= growth, np.uint8)
    if growth < -0.5:
        narrower = np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5) > -growth, np.uint8)
        return narrower if narrower.any() else mask
    return mask


def _softened(mask: np.ndarray) -> np.ndarray:
    """Return an enlarged digit's mask, blurred and cropped: float32 in [0, 1]."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), BLUR * ENLARGEMENT)
    return _cropped(np.where(soft > FAINTEST_BLUR, soft, 0))


def _centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    """Return x and y of an image's centre of mass, in pixels from the centre of its upper left pixel."""
    moments = cv2.moments(image)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
