"""Pictures that tests draw, so that what they show is known."""

from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image

from mnistcnn.config import Invert
from mnistcnn.pictures.decoding import GreyPicture, decode_picture
from mnistcnn.pictures.preparing import prepare

Grey = np.ndarray  # (H, W) uint8


def seven(side: int = 300, thick: int = 16, ink: int = 40, paper: int = 225) -> Grey:
    """Draw a 7 with a round pen: (side, side) uint8."""
    picture = np.full((side, side), paper, np.uint8)
    corners = (np.array([[0.3, 0.25], [0.68, 0.25], [0.45, 0.78]]) * side).astype(np.int32)
    cv2.polylines(picture, [corners], False, ink, thick, cv2.LINE_AA)
    return picture


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Encode an image in a format."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def levels(file: bytes) -> Grey:
    """Decode a picture's bytes into grey levels."""
    return decode_picture("picture", file).levels


def read(grey: Grey, invert: Invert = "auto") -> Grey:
    """Prepare grey levels that hold a digit: (28, 28) uint8."""
    [digit] = prepare(GreyPicture(grey), invert=invert)
    return digit.image


def difference(one: Grey, other: Grey) -> float:
    """Return the share of two 28×28 images' ink that is more than a pixel away from the other's."""
    a, b = one > 100, other > 100
    near_a, near_b = (cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0 for mask in (a, b))
    return float((a & ~near_b).sum() + (b & ~near_a).sum()) / max(1, int(a.sum() + b.sum()))


CLEAN = read(seven())  # (28, 28) uint8
SQUARE_STROKES = {  # x and y of the strokes' corners, in a box of 10 × 16
    "0 with a slash": [[(0, 0), (10, 0), (10, 16), (0, 16), (0, 0)], [(0, 16), (10, 0)]],
    "3": [[(0, 0), (10, 0), (10, 16), (0, 16)], [(1, 8), (10, 8)]],
    "8": [[(0, 0), (10, 0), (10, 16), (0, 16), (0, 0)], [(0, 8), (10, 8)]],
    "9": [[(10, 7), (0, 7), (0, 0), (10, 0), (10, 16), (0, 16)]],
    "4": [[(0, 0), (0, 9), (10, 9)], [(10, 0), (10, 16)]],
}
