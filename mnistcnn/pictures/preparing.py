"""Where pictures come from, and each as the network gets it: a 28×28 digit as MNIST draws it.

`decoding` turns a file into grey levels, `sheet` cuts out what is written on, `strokes` finds the ink, and `drawing`
draws it by MNIST's rules.
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

import cv2
import numpy as np

from mnistcnn.errors import MnistcnnError
from mnistcnn.pictures.decoding import GreyPicture, decode_picture
from mnistcnn.pictures.ink import working_copy
from mnistcnn.pictures.mnist_style import SIZE, draw, is_drawn
from mnistcnn.pictures.sheet import cut_out, find_sheet
from mnistcnn.pictures.strokes import digit_mask, digit_masks

Invert = Literal["auto", "yes", "no"]
Digits = Literal["one", "many"]
Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels of the upright picture, right and bottom excluded

MAX_FILE_BYTES = 1 << 28
LIGHT_ON_DARK: dict[Invert, bool | None] = {"auto": None, "no": True, "yes": False}
SUFFIXES = frozenset(
    [
        ".avif",
        ".bmp",
        ".gif",
        ".ico",
        ".jpeg",
        ".jpg",
        ".jpe",
        ".jfif",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    ]
)


class NoDigitFoundError(MnistcnnError):
    """The picture holds no stroke."""


@dataclass(frozen=True)
class Picture:
    """A picture by name, and where its bytes are: a file, or memory, or nowhere because of an `error`."""

    name: str
    source: Path | bytes = b""
    label: int | None = None  # what it shows, where it lies in a folder of class folders
    error: str | None = None


def find_pictures(arguments: Iterable[str], stdin: BinaryIO | None) -> Iterator[Picture]:
    """Turn what a person names into pictures: files, folders, globs, and "-" for standard input.

    What folders and globs hold comes in natural order; of a folder of class folders, named 0 to 9, theirs with their
    labels. What holds no picture comes as a picture with an error.
    """
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            if stdin is None:
                yield Picture("-", error="standard input is closed: pipe a picture into it")
            else:
                yield Picture("-", stdin.read(MAX_FILE_BYTES + 1))
        elif _is_folder(path):
            found = labelled_pictures(path) or [Picture(str(file), file) for file in picture_files(path)]
            if not found:
                yield Picture(argument, error=f"{argument} holds no pictures: expected PNG, JPEG, or the like")
            yield from found
        elif glob.has_magic(argument) and not os.path.lexists(path):
            files = sorted((match for match in _matches(path) if match.is_file()), key=natural_order)
            if not files:
                yield Picture(argument, error=f"{argument} matches no file: check the pattern")
            yield from (Picture(str(file), file) for file in files)
        else:
            yield Picture(argument, path)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name too long, a folder that may not be entered: opening the file says it
        return False


def _matches(pattern: Path) -> list[Path]:
    """List what a glob pattern matches, hidden files left out; ``**`` follows no links, which may loop."""
    parts = pattern.parts[bool(pattern.anchor) :]
    try:
        found = list(Path(pattern.anchor).glob("/".join([*parts, "*"] if parts[-1] == "**" else parts)))
    except (OSError, ValueError):  # ** beside other letters, a name too long
        return []
    return [path for path in found if not any(part[0] == "." and part not in parts for part in path.parts)]


def class_folders(folder: Path) -> list[tuple[int, Path]]:
    """List the digits that a folder has a folder for, 0 to 9, with those."""
    return [(digit, folder / str(digit)) for digit in range(10) if (folder / str(digit)).is_dir()]


def labelled_pictures(folder: Path) -> list[Picture]:
    """List the pictures in a folder's class folders, digit by digit, in natural order."""
    return [Picture(str(file), file, label) for label, place in class_folders(folder) for file in picture_files(place)]


def natural_order(path: Path) -> list[tuple[int, int | str]]:
    """Return a sorting key under which 2.png stands before 10.png."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def picture_files(folder: Path) -> list[Path]:
    """List the pictures in a folder by their suffix, hidden ones and subfolders left out, in natural order."""
    try:
        files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    except OSError as error:
        raise MnistcnnError(f"{folder} cannot be listed: {error.strerror}") from error
    return sorted((path for path in files if not path.name.startswith(".")), key=natural_order)


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
    return [] if found is None else [PreparedDigit(draw(found[0]), _box(found[0], grey, copy), found[1])]


def prepare_many(grey: GreyPicture, *, invert: Invert = "auto") -> list[PreparedDigit]:
    """Find the digits of a number in one line, from left to right; digits that touch come as one."""
    drawn = _as_drawn(grey, invert)
    if drawn is not None:
        return [drawn]
    grey, copy = _sheet_and_copy(grey, LIGHT_ON_DARK[invert])
    return [PreparedDigit(draw(mask), _box(mask, grey, copy)) for mask in digit_masks(copy, LIGHT_ON_DARK[invert])]


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
        if invert in ("auto", inverts) and is_drawn(levels):
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
