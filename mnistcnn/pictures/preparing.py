"""Where pictures come from, and each as the network gets it: a 28×28 digit as MNIST draws it.

`decoding` turns a file into grey levels, `sheet` cuts out what is written on, `strokes` finds the ink, and `drawing`
draws it by MNIST's rules.
"""

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from mnistcnn.config import SIZE
from mnistcnn.errors import MnistcnnError, NoDigitFoundError
from mnistcnn.pictures.decoding import GreyPicture, decode_picture
from mnistcnn.pictures.finding import Picture
from mnistcnn.pictures.ink import working_copy
from mnistcnn.pictures.mnist_style import looks_like_mnist, render
from mnistcnn.pictures.sheet import cut_out, find_sheet
from mnistcnn.pictures.strokes import digit_mask, digit_masks

Invert = Literal["auto", "yes", "no"]
Digits = Literal["one", "many"]
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright picture, right and bottom excluded

LIGHT_ON_DARK: dict[Invert, bool | None] = {"auto": None, "no": True, "yes": False}


@dataclass(frozen=True)
class PreparedDigit:
    """A digit as the network gets it."""

    image: np.ndarray  # (28, 28) uint8, light on dark
    box: Box  # where it stands in the picture
    others: int = 0  # things of its size beside it; with many it is rather a page of text
    thumbnail: np.ndarray | None = None  # (≤28, ≤28) uint8, the picture itself


def read_digits(picture: Picture, *, invert: Invert = "auto", digits: Digits = "one") -> list[PreparedDigit]:
    """Read a picture as its one digit, or as the digits of a number in one line, from left to right.

    `invert` says whether strokes are dark on light, and so are to be inverted ("auto": find out). Raises MnistcnnError
    where the picture cannot be read, NoDigitFoundError where it holds no stroke.
    """
    if picture.error is not None:
        raise MnistcnnError(picture.error)
    grey = decode_picture(picture.name, picture.source)
    found = prepare(grey, invert=invert) if digits == "one" else prepare_many(grey, invert=invert)
    if not found:
        raise NoDigitFoundError(f"{picture.name}: no digit found; draw it large, in one colour, on plain paper")
    thumbnail = _thumbnail(grey.levels)
    return [replace(digit, thumbnail=thumbnail) for digit in found]


def prepare(grey: GreyPicture, *, invert: Invert = "auto") -> list[PreparedDigit]:
    """Find the one digit of a picture, as MNIST would have drawn it; none where there is no stroke.

    An image that is drawn as MNIST's are comes out as it went in, bit for bit, or inverted.
    """
    drawn = _as_drawn(grey, invert)
    if drawn is not None:
        return [drawn]
    grey, copy = _sheet_and_copy(grey, LIGHT_ON_DARK[invert])
    found = digit_mask(copy, LIGHT_ON_DARK[invert])
    return [] if found is None else [PreparedDigit(render(found[0]), _box(found[0], grey, copy), found[1])]


def prepare_many(grey: GreyPicture, *, invert: Invert = "auto") -> list[PreparedDigit]:
    """Find the digits of a number in one line, from left to right; digits that touch come as one."""
    drawn = _as_drawn(grey, invert)
    if drawn is not None:
        return [drawn]
    grey, copy = _sheet_and_copy(grey, LIGHT_ON_DARK[invert])
    return [PreparedDigit(render(mask), _box(mask, grey, copy)) for mask in digit_masks(copy, LIGHT_ON_DARK[invert])]


def _sheet_and_copy(grey: GreyPicture, light_on_dark: bool | None) -> tuple[GreyPicture, np.ndarray]:
    """Return a picture, or only the sheet that it shows, and the working copy of it."""
    copy = working_copy(grey.levels)
    sheet = find_sheet(copy, light_on_dark)
    if sheet is None:
        return grey, copy
    grey = cut_out(grey, sheet)
    return grey, working_copy(grey.levels)


def _as_drawn(grey: GreyPicture, invert: Invert) -> PreparedDigit | None:
    """Return the picture itself where it is drawn as MNIST draws, in either polarity; else None."""
    if grey.levels.shape != (SIZE, SIZE):
        return None
    for levels, inverts in ((grey.levels, "no"), (255 - grey.levels, "yes")):
        if invert in ("auto", inverts) and looks_like_mnist(levels):
            return PreparedDigit(levels, _box(levels, grey, levels))
    return None


def _thumbnail(levels: np.ndarray) -> np.ndarray:
    if levels.shape == (SIZE, SIZE):
        return levels
    scale = SIZE / max(levels.shape)
    size = [max(1, round(length * scale)) for length in levels.shape[::-1]]
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA))


def _box(mask: np.ndarray, grey: GreyPicture, copy: np.ndarray) -> Box:
    """Return where in the upright picture a mask of a copy of its grey levels lies."""
    x, y, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    scale = grey.scale * max(grey.levels.shape) / max(copy.shape)
    left, right = (round(scale * place + grey.scale * grey.left) for place in (x, x + width))
    top, bottom = (round(scale * place + grey.scale * grey.top) for place in (y, y + height))
    return left, top, right, bottom
