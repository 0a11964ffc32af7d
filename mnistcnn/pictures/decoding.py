"""A picture's decoder: a file or its bytes → grey levels, upright and opaque, in which ink differs from paper.

It does not know what the picture shows, nor which of the levels are ink.

Ranges in comments: `tests/benchmarks/constants.py` reads so many photos right while one value varies in its range.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from mnistcnn.errors import MnistcnnError, one_line
from mnistcnn.pictures.ink import is_drawn
from mnistcnn.pictures.opening import orientation, turned_upright, what_it_is, with_opened, without_unused_opacity
from mnistcnn.pictures.pdf import page_image
from mnistcnn.pictures.remote import read_uri

# pixels: the largest picture that is opened (Pillow warns of decompression bombs from 89,478,485 pixels on)
MAX_PIXELS = 89_000_000
# pixels: the longest side that is opened (JPEG's limit; with millions of rows Pillow's list of rows fills the memory)
MAX_SIDE = 65_535
# pixels: a JPEG is decoded at 1/2, 1/4 or 1/8 of its size if both its sides keep this length (132 photos right from
# 500 to 20,000)
DECODED_SIDE = 1000
# pixels: larger pictures are shrunk to this (tests/fuzz/test_fuzz.py: the largest pictures are read in under 1 GB)
MAX_WORKING_PIXELS = 8_000_000
# weights of red, green and blue in the luminance (ITU-R BT.601)
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)

# grey levels: if all of a drawing's span fewer, they are stretched (not swept; none of the 132 photos does)
MIN_SPAN = 32

# share of the opaque pixels' box: if more of it is opaque, paper stands in a transparent margin (132 photos right
# from 0.3 to 0.9)
MIN_OPAQUE = 0.7
# grey levels: if the opaque pixels span more, they are paper with ink; else they are the ink (132 photos right from
# 10 to 120)
MIN_OPAQUE_RANGE = 40
# grey level: if the opaque ink's mean is below, it is dark, and laid on white (half of 256)
MIDDLE_GREY = 128

# pixels: in a picture with a shorter side only the luminance is looked at (132 photos right from 4 to 28)
MIN_COLOUR_SIDE = 8
# pixels: the side of the square that a picture is shrunk to before its colours are compared (132 photos right from 48
# to 192)
COLOUR_SIDE = 96
# pixels of that square, odd: the window whose median is the paper's colour (132 photos right from 11 to 71)
COLOUR_WINDOW = 41
# squared levels: if colours vary less along every axis, the picture has no strokes in colour (132 photos right from 5
# to 80)
MIN_COLOUR_VARIANCE = 20
# share of the largest variance of colours: if luminance varies by more, it shows the strokes (132 photos right from
# 0.02 to 0.32)
MAX_LUMINANCE_VARIANCE = 0.08


@dataclass(frozen=True)
class GreyPicture:
    """Grey levels, and their place in the upright picture."""

    levels: np.ndarray  # (H, W) uint8
    left: int = 0  # columns of the picture before the first one here, in pixels of `levels`
    top: int = 0  # rows of the picture above the first one here, in pixels of `levels`
    scale: float = 1.0  # width of a pixel of `levels`, in pixels of the picture
    remark: str = ""  # what may be why no digit is found in it, such as that all of it is transparent


def decode_picture(name: str, source: Path | str | bytes, page: int | None = None) -> GreyPicture:
    """Decode a picture, a page of a PDF document, or an animation's first frame, upright by its EXIF orientation.

    The source is a file, a URI that PyArrow can read, or the bytes of a file.
    Transparent margins are cut off, other transparent pixels filled; 16 bits and floats are scaled to 8 bits. If the
    luminance hardly tells ink from paper (yellow on white), the colours do. Raises MnistcnnError, one line with the
    picture's name, if the file is missing, damaged, too large, or not a picture.
    """
    content: Path | bytes = b""
    try:
        content = read_uri(source) if isinstance(source, str) else source
        grey = with_opened(content, _decoded) if page is None else _grey(page_image(content, page))
        return _stretched(grey)
    except Image.DecompressionBombError as error:
        raise MnistcnnError(
            f"{name} is too large: save it with at most {MAX_PIXELS:,} pixels, {MAX_SIDE:,} a side ({error})"
        ) from error
    except FileNotFoundError as error:
        raise MnistcnnError(f"{name}: no such file") from error
    except UnidentifiedImageError as error:
        raise MnistcnnError(
            f"{name} is not a picture that can be read; expected PNG, JPEG, or the like{what_it_is(content)}"
        ) from error
    except Exception as error:  # decoders raise all kinds of errors for damaged files
        raise MnistcnnError(f"{name} cannot be read as a picture: {one_line(error)}") from error


def _decoded(image: Image.Image) -> GreyPicture:
    """Decode a picture that has been opened."""
    width = image.width
    if width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise Image.DecompressionBombError(f"{width}×{image.height} pixels")
    image.draft(None, (DECODED_SIDE, DECODED_SIDE))
    factor = math.isqrt((image.width * image.height - 1) // MAX_WORKING_PIXELS) + 1
    scale = width / image.width * factor
    turn = orientation(image)
    upright = turned_upright(_reduced(without_unused_opacity(image), factor), turn)
    return replace(_grey(upright), scale=scale)


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """Shrink a picture by a whole factor; each pixel is the mean of those that it replaces."""
    if factor == 1:
        return image
    if image.has_transparency_data and image.mode != "RGBA":
        image = image.convert("RGBA")
    elif image.mode.startswith("I;16"):
        image = image.convert("I")
    elif image.mode in ("1", "P"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image.reduce(factor)


def _grey(image: Image.Image) -> GreyPicture:
    """Turn an image of any mode into grey levels."""
    if image.mode[0] in "IF":
        return GreyPicture(_eight_bits(np.asarray(image, np.float64)))
    if image.has_transparency_data:
        return _opaque(image.convert("RGBA"))
    return GreyPicture(_levels(image))


def _opaque(image: Image.Image) -> GreyPicture:
    """Turn an RGBA image into grey levels: paper is cut out of its margin, ink is laid on white or black."""
    alpha, grey = np.asarray(image.getchannel("A"), np.float32) / 255, _levels(image)
    if alpha.all() and alpha.min() == 1:
        return GreyPicture(grey)
    if not alpha.any():
        return GreyPicture(np.full_like(grey, 255), remark="all of it is transparent")
    opaque = alpha > 0.5
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    if len(rows):
        top, left = int(rows[0]), int(columns[0])
        shown = np.s_[top : rows[-1] + 1, left : columns[-1] + 1]
        if opaque[shown].mean() > MIN_OPAQUE and np.ptp(grey[opaque].astype(int)) > MIN_OPAQUE_RANGE:
            # Paper with ink on it stands in a transparent margin; its rounded corners are filled with paper.
            filled = np.where(opaque[shown], grey[shown], np.median(grey[opaque])).astype(np.uint8)
            return GreyPicture(filled, left, top)
    background = 255 if np.average(grey, weights=alpha) < MIDDLE_GREY else 0  # only the ink is opaque
    return GreyPicture(np.rint(grey * alpha + background * (1 - alpha)).astype(np.uint8))


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale wider integers or floats (H, W) of any range to uint8; NaN and infinity become the lowest level.

    Values that go below 0, as floats that were standardised do, and those that span little of their range span all of
    it then.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = float(finite.min()), float(finite.max())
    if low >= 0:
        # The full range of 8, 10, 12 or 16 bits ends before the next power of two.
        full = high if high <= 1 else max(255.0, 2.0 ** np.ceil(np.log2(high + 1)) - 1)
        is_narrow = 0 < (high - low) * 255 < MIN_SPAN * full
        low, high = (low, high) if is_narrow else (0.0, full)
    scaled = np.where(np.isfinite(values), values - low, 0) * (255 / max(high - low, 1e-9))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _stretched(grey: GreyPicture) -> GreyPicture:
    """Return a drawing whose levels span little of their range, such as 0 and 1 alone, with levels that span all.

    Any other picture is left as it is: stretched, the few levels of a blank page in uneven light would be stripes.
    """
    low, high = int(grey.levels.min()), int(grey.levels.max())
    if high - low >= MIN_SPAN or grey.remark:
        return grey
    if high == low:
        return replace(grey, remark=f"all of it has one grey level, {low} of 0 to 255")
    remark = f"its grey levels are {low} to {high} of 0 to 255"
    if not is_drawn(grey.levels):
        return replace(grey, remark=remark)
    levels = np.rint((grey.levels - np.float32(low)) * np.float32(255 / (high - low))).astype(np.uint8)
    return replace(grey, levels=levels, remark=remark)


def _levels(image: Image.Image) -> np.ndarray:
    """Return the luminance (H, W) uint8, or, if it shows too little, the levels along the axis of strongest colour."""
    luminance = np.asarray(image if image.mode == "L" else image.convert("L"))
    if image.mode in ("1", "L", "LA") or min(image.size) < MIN_COLOUR_SIDE:
        return luminance
    colours = np.asarray(image.convert("RGB"))  # (H, W, 3)
    small = cv2.resize(colours, (COLOUR_SIDE, COLOUR_SIDE), interpolation=cv2.INTER_AREA)
    differences = (small.astype(np.float32) - cv2.medianBlur(small, COLOUR_WINDOW)).reshape(-1, 3)  # from the paper
    variances, axes = np.linalg.eigh(differences.T @ differences / len(differences))  # least first
    seen = float(np.mean((differences @ LUMINANCE) ** 2))
    if variances[-1] < MIN_COLOUR_VARIANCE or seen > MAX_LUMINANCE_VARIANCE * variances[-1]:
        return luminance
    along = colours.astype(np.float32) @ axes[:, -1].astype(np.float32)
    if axes[:, -1].sum() < 0:
        along = -along
    low, high = float(along.min()), float(along.max())
    return np.asarray(np.rint((along - low) * (255 / max(high - low, 1e-9))), np.uint8)
