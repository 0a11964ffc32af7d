"""Pictures that a program holds: NumPy's arrays and Pillow's images → the pictures that a file with them would be.

Each becomes the bytes of a PNG or TIFF file, so that there is one way from a picture to its digits.
"""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.opening import ORIENTATION, orientation

# channels of an array's last axis: grey, colour, colour with opacity
CHANNELS = (1, 3, 4)
# modes of Pillow's images, by the format that can hold them
PNG_MODES, TIFF_MODES = ("1", "I;16", "L", "LA", "P", "RGB", "RGBA"), ("CMYK", "F", "I", "LAB", "YCbCr")
EXPECTED = (
    "expected paths, Pillow images, arrays, or lists of them; an array is a picture (H, W), (H, W, 1), (H, W, 3) or "
    "(H, W, 4), or N of them, such as (N, 28, 28), with levels from 0 to 255 or, as floats, from 0 to 1"
)


def pictures_of(value: Any) -> Iterator[bytes]:
    """Yield the picture or the pictures of an image of Pillow's or of an array, as files.

    An array is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), or N of these. Its levels are whole numbers or floats from 0
    to 255, floats from 0 to 1, or bool. Raises TypeError for other shapes and levels, and for anything else.
    """
    if isinstance(value, Image.Image):
        yield _encoded(value)
        return
    if not hasattr(value, "__array__"):
        raise TypeError(f"not a picture: {type(value).__name__}; {EXPECTED}")
    array = np.asarray(value)
    has_channels = array.ndim >= 3 and array.shape[-1] in CHANNELS
    dimensions = array.ndim - has_channels
    if dimensions not in (2, 3) or not array.size:
        raise TypeError(f"not a picture: an array {array.shape}; {EXPECTED}")
    levels = _levels(array)
    for picture in levels if dimensions == 3 else [levels]:
        yield _encoded(Image.fromarray(picture[..., 0] if has_channels and picture.shape[-1] == 1 else picture))


def numbered(files: Iterator[bytes], first: int) -> Iterator[Picture]:
    """Yield files as pictures, named by their number, which counts from `first`."""
    for number, file in enumerate(files, start=first):
        yield Picture(f"picture {number}", file)


def _levels(array: np.ndarray) -> np.ndarray:
    """Return an array's levels as uint8. Floats that are all at most 1 are shares of white."""
    if array.dtype == bool:
        return np.asarray(array, np.uint8) * np.uint8(255)
    if array.dtype.kind not in "uif":
        raise TypeError(f"not a picture: an array of {array.dtype}; {EXPECTED}")
    if not (array.min() >= 0 and array.max() <= 255):
        raise TypeError(f"not a picture: an array of levels from {array.min():g} to {array.max():g}; {EXPECTED}")
    if array.dtype.kind == "f" and array.max() <= 1:
        array = 255 * array
    return np.asarray(np.rint(array), np.uint8)


def _encoded(image: Image.Image) -> bytes:
    """Return the bytes of a file with an image, turned as its EXIF data says, without the rest of them."""
    file, exif = BytesIO(), Image.Exif()
    exif[ORIENTATION] = orientation(image)
    if image.mode in TIFF_MODES:
        image.save(file, "TIFF", exif=exif)
    else:
        (image if image.mode in PNG_MODES else image.convert("RGB")).save(file, "PNG", exif=exif)
    return file.getvalue()
