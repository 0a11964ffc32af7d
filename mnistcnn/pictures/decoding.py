"""A picture file → grey levels, upright and opaque, in which ink differs from paper."""

import math
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mnistcnn.errors import MnistcnnError

MAX_PIXELS = 89_000_000  # more than any file may unpack to in memory; Pillow warns from 89,478,485 on
MAX_SIDE = 65_535  # JPEG's; Pillow's book-keeping of rows alone would fill the memory for millions
FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "PNG", "PPM", "TGA", "TIFF", "WEBP")  # none that runs programs, as EPS
DECODED_SIDE = 1000  # JPEGs are decoded at a half, a quarter or an eighth while both their sides stay above it
MAX_WORKING_PIXELS = 8_000_000  # what larger pictures are shrunk to, so that no picture takes a gigabyte to read
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, as in ITU-R BT.601


@dataclass(frozen=True)
class GreyPicture:
    """Grey levels, and where they lie in the upright picture."""

    levels: np.ndarray  # (H, W) uint8
    left: int = 0  # of their first column, in pixels as large as theirs
    top: int = 0
    scale: float = 1.0  # pixels of the picture to each of theirs


def decode_picture(name: str, source: Path | bytes) -> GreyPicture:
    """Decode a picture: of an animation the first frame, upright by its EXIF orientation.

    What is transparent is cut off or filled; 16 bits and floats are scaled to 8; where the luminance hardly tells ink
    from paper (yellow on white), the colours do. Raises MnistcnnError, one line with the picture's name, for what is
    missing, no picture, damaged, or too large.
    """
    file: Path | BinaryIO = BytesIO(source) if isinstance(source, bytes) else source
    try:
        with Image.open(file, formats=FORMATS) as image:
            width = image.width
            if width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
                raise Image.DecompressionBombError(f"{width}×{image.height} pixels")
            image.draft(None, (DECODED_SIDE, DECODED_SIDE))
            factor = math.isqrt((image.width * image.height - 1) // MAX_WORKING_PIXELS) + 1
            scale = width / image.width * factor
            upright = _reduced(image, factor)
            ImageOps.exif_transpose(upright, in_place=True)
            return replace(_grey(upright), scale=scale)
    except Image.DecompressionBombError as error:
        raise MnistcnnError(
            f"{name} is too large: save it with at most {MAX_PIXELS:,} pixels, {MAX_SIDE:,} a side ({error})"
        ) from error
    except FileNotFoundError as error:
        raise MnistcnnError(f"{name}: no such file") from error
    except UnidentifiedImageError as error:
        raise MnistcnnError(f"{name} is not a picture that can be read; expected PNG, JPEG, or the like") from error
    except Exception as error:  # decoders fail on damaged files in every way there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise MnistcnnError(f"{name} cannot be read as a picture: {reason}") from error


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """Shrink a picture by a whole factor, each pixel the mean of those that it stands for."""
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
    """Turn an RGBA image into grey levels: cut out of a transparent margin, or its ink laid on what contrasts."""
    alpha, grey = np.asarray(image.getchannel("A"), np.float32) / 255, _levels(image)
    if alpha.all() and alpha.min() == 1:
        return GreyPicture(grey)
    if not alpha.any():
        return GreyPicture(np.full_like(grey, 255))
    opaque = alpha > 0.5
    rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
    if len(rows):
        top, left = int(rows[0]), int(columns[0])
        shown = np.s_[top : rows[-1] + 1, left : columns[-1] + 1]
        if opaque[shown].mean() > 0.7 and np.ptp(grey[opaque].astype(int)) > 40:
            # Paper with something on it stands in a transparent margin; rounded corners are filled with paper.
            filled = np.where(opaque[shown], grey[shown], np.median(grey[opaque])).astype(np.uint8)
            return GreyPicture(filled, left, top)
    # Only the ink is opaque: dark ink goes on white, light ink on black.
    background = 255 if np.average(grey, weights=alpha) < 128 else 0
    return GreyPicture(np.rint(grey * alpha + background * (1 - alpha)).astype(np.uint8))


def _eight_bits(values: np.ndarray) -> np.ndarray:
    """Scale wider integers or floats (H, W) of any range to uint8; what is not finite counts as the least."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = min(float(finite.min()), 0.0), float(finite.max())
    if high > 1:  # eight, ten, twelve, sixteen bits: the full range is the next power of two
        high = max(255.0, 2.0 ** np.ceil(np.log2(high + 1)) - 1)
    scaled = np.where(np.isfinite(values), values - low, 0) * (255 / max(high - low, 1e-9))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _levels(image: Image.Image) -> np.ndarray:
    """Return the luminance (H, W) uint8, or the colour that strokes differ in where luminance shows too little."""
    luminance = np.asarray(image if image.mode == "L" else image.convert("L"))
    if image.mode in ("1", "L", "LA") or min(image.size) < 8:
        return luminance
    colours = np.asarray(image.convert("RGB"))  # (H, W, 3)
    small = cv2.resize(colours, (96, 96), interpolation=cv2.INTER_AREA)
    differences = (small.astype(np.float32) - cv2.medianBlur(small, 41)).reshape(-1, 3)
    energies, axes = np.linalg.eigh(differences.T @ differences / len(differences))
    seen = float(np.mean((differences @ LUMINANCE) ** 2))
    if energies[-1] < 20 or seen > 0.08 * energies[-1]:
        return luminance
    along = colours.astype(np.float32) @ axes[:, -1].astype(np.float32)
    if axes[:, -1].sum() < 0:
        along = -along
    low, high = float(along.min()), float(along.max())
    return np.asarray(np.rint((along - low) * (255 / max(high - low, 1e-9))), np.uint8)
