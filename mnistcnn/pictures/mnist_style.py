"""Strokes → a digit as MNIST draws it, by the rules of its makers.

LeCun, Cortes and Burges, "The MNIST database of handwritten digits", http://yann.lecun.com/exdb/mnist: the digit fits
a box of 20×20 pixels, its aspect kept, antialiased, its centre of mass in the middle of 28×28.
"""

import cv2
import numpy as np

from mnistcnn.config import SIZE
from mnistcnn.pictures.masks import stroke_width

BOX = 20
# MNIST's training images have strokes 2.7 ± 0.7 pixels wide. Of the photos (README), three networks read 132, 128, 129
# at 3.0; 132, 128, 128 at 2.7; 131, 126, 127 when widths between 2.2 and 3.6 are left as they are.
STROKE_WIDTH = 3.0
# Strokes drawn without a blur are sharper than MNIST's. Of the ink x, the grey share, the sum of 4 x (1 - x) over that
# of x, is 0.61 ± 0.16 in its training images; in the photos it is 0.44 without, and 0.69 with this standard deviation.
BLUR = 0.3  # pixels
FAINT = 0.1  # of a stroke's level: fainter blur need not fit into the box
ENLARGEMENT = 8  # strokes are widened and narrowed on a drawing this many times larger


def looks_like_mnist(grey: np.ndarray) -> bool:
    """Tell whether grey levels (H, W) uint8 are a digit as MNIST draws it: light on black, box and centre of mass.

    All 70,000 images of MNIST are; an off-centre drawing on a canvas of 28×28 is not.
    """
    if grey.shape != (SIZE, SIZE) or grey.max() < 200 or 2 * np.count_nonzero(grey) > grey.size:
        return False
    if not BOX - 2 <= max(cv2.boundingRect(grey)[2:]) <= BOX:
        return False
    return max(abs(centre - SIZE / 2) for centre in _centre_of_mass(grey)) < 0.75


def render(strokes: np.ndarray) -> np.ndarray:
    """Draw strokes as MNIST does, as wide as its own: (28, 28) uint8, light on dark.

    `strokes` (H, W) is 0 on paper; elsewhere 1, or the ink's strength in [0, 1]. It must hold something but zeros.
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


def _cropped(strokes: np.ndarray) -> np.ndarray:
    x, y, width, height = cv2.boundingRect((strokes > 0).astype(np.uint8))
    return np.ascontiguousarray(strokes[y : y + height, x : x + width])


def _enlarged(strokes: np.ndarray) -> np.ndarray:
    """Return the mask of strokes (H, W) float32, enlarged to BOX · ENLARGEMENT with a margin to grow into."""
    full = BOX * ENLARGEMENT
    scale = full / max(strokes.shape)
    if scale > 1:
        strokes = np.pad(strokes, 1)
    size = [max(1, round(length * scale)) for length in strokes.shape[::-1]]
    large = cv2.resize(strokes, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    large = cv2.GaussianBlur(np.pad(large, full // 4), (0, 0), 2)  # rounds the steps of small pictures
    return np.asarray(large > min(0.43, large.max() / 2), np.uint8)


def _with_stroke_width(mask: np.ndarray) -> np.ndarray:
    """Widen or narrow the strokes of an enlarged mask so that they are STROKE_WIDTH wide once it is drawn."""
    # Grown by d on each side, the longer side L becomes L + 2 d, which is then scaled to BOX: solve for d.
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
    """Return the mask of an enlarged digit, blurred and cropped, float32 in [0, 1]."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), BLUR * ENLARGEMENT)
    return _cropped(np.where(soft > FAINT, soft, 0))


def _centre_of_mass(image: np.ndarray) -> tuple[float, float]:
    """Return x and y of an image's centre of mass, in pixels from its left and upper edges' first pixel centres."""
    moments = cv2.moments(image)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
