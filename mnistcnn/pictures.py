"""A picture as people take it → a 28×28 digit as MNIST draws it."""

import glob
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mnistcnn.errors import MnistcnnError

SIZE = 28
BOX = 20  # the digit itself fits a 20×20 box: LeCun et al., "Gradient-based learning applied to document recognition"
MAX_FILE_BYTES = 1 << 28
MAX_PIXELS = 100_000_000  # twice the largest phone camera's; a bomb unpacks to more
SUFFIXES = frozenset(
    [
        ".avif",
        ".bmp",
        ".gif",
        ".jpeg",
        ".jpg",
        ".jpe",
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
INK = 0.25  # of the range between paper and ink: what counts as a stroke


class NoDigitFoundError(MnistcnnError):
    """The picture holds no stroke."""


def model_inputs(images: Any, xp: Any = np) -> Any:
    """Turn raw pixels into the network's inputs: uint8 (…, 28, 28) → float32 (…, 28, 28, 1) in [0, 1].

    `xp` is NumPy, or TensorFlow's NumPy API where the images are TensorFlow's.
    """
    return xp.asarray(images, dtype=np.float32)[..., None] / 255


@dataclass(frozen=True)
class Picture:
    """A picture by name, and where its bytes are: a file, or memory, or nowhere because of an `error`."""

    name: str
    source: Path | bytes = b""
    error: str | None = None


def find_pictures(arguments: Iterable[str], stdin: BinaryIO) -> Iterator[Picture]:
    """Turn what a person names into pictures: files, folders, globs, and "-" for standard input.

    What folders and globs hold comes in natural order. What holds no picture comes as a picture with an error.
    """
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            yield Picture("-", stdin.read(MAX_FILE_BYTES + 1))
        elif path.is_dir():
            files = picture_files(path)
            if not files:
                yield Picture(argument, error=f"{argument} holds no pictures: expected PNG, JPEG, or the like")
            yield from (Picture(str(file), file) for file in files)
        elif not path.exists() and glob.has_magic(argument):
            found = glob.glob(argument, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
            matches = sorted(map(Path, found), key=natural_order)
            if not matches:
                yield Picture(argument, error=f"{argument} matches no file: check the pattern")
            yield from (Picture(str(file), file) for file in matches if file.is_file())
        else:
            yield Picture(argument, path)


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


def open_picture(picture: Picture) -> np.ndarray:
    """Decode a picture into grey levels (H, W) uint8.

    The first frame of an animation, upright by its EXIF orientation, what is transparent laid on white. Raises
    MnistcnnError for what is no picture, is damaged, or has more than 100 million pixels.
    """
    if picture.error is not None:
        raise MnistcnnError(picture.error)
    name = picture.name
    file: Path | BinaryIO = BytesIO(picture.source) if isinstance(picture.source, bytes) else picture.source
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what the limit below refuses, and of odd metadata
            with Image.open(file) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise MnistcnnError(
                        f"{name} has {image.width}×{image.height} pixels, at most {MAX_PIXELS:,} are read: shrink it"
                    )
                return _grey(ImageOps.exif_transpose(image))
    except FileNotFoundError as error:
        raise MnistcnnError(f"{name}: no such file") from error
    except UnidentifiedImageError as error:
        raise MnistcnnError(f"{name} is no picture that can be read; expected PNG, JPEG, or the like") from error
    except MnistcnnError:
        raise
    except Exception as error:
        raise MnistcnnError(f"{name} cannot be read as a picture: {error or type(error).__name__}") from error


def _grey(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint8)
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, np.float64))
        low, high = values.min(), values.max()
        return np.asarray(255 * (values - low) / (high - low or 1), np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("L"))


def read_digit(picture: Picture) -> np.ndarray:
    """Read a picture as a digit as MNIST draws it: (28, 28) uint8, light on dark. Raises as its two steps do."""
    grey = open_picture(picture)
    try:
        return prepare(grey)
    except NoDigitFoundError as error:
        raise NoDigitFoundError(f"{picture.name}: {error}") from error


def prepare(grey: np.ndarray) -> np.ndarray:
    """Turn grey levels (H, W) uint8 into a digit as MNIST draws it: (28, 28) uint8, light on dark.

    A 28×28 image with a dark border is one already and comes back as it is. Raises NoDigitFoundError where there
    is no stroke.
    """
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    light_border = np.median(border) > 127
    if grey.shape == (SIZE, SIZE) and not light_border:
        return grey
    ink = 255 - grey if light_border else grey
    low, high = int(ink.min()), int(ink.max())
    if high - low < 32:
        raise NoDigitFoundError("no digit found: the picture is all of one shade")
    stretched = (ink.astype(np.float32) - low) / (high - low)
    return draw(np.where(stretched < INK, 0, stretched * 255).astype(np.uint8))


def draw(ink: np.ndarray) -> np.ndarray:
    """Draw a digit by MNIST's rules: (H, W) uint8, light on dark → (28, 28) uint8.

    Cropped to its strokes, fitted to a 20×20 box with its aspect kept and its edges antialiased, and moved so that
    its centre of mass is the image's. `ink` must hold something but zeros.
    """
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    crop = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(crop.shape)
    height, width = (max(1, round(side * scale)) for side in crop.shape)
    digit = np.asarray(Image.fromarray(crop).resize((width, height), Image.Resampling.BICUBIC))
    mass = digit.astype(np.float64) + 1e-9
    row = round((SIZE - 1) / 2 - float((mass.sum(axis=1) @ np.arange(height)) / mass.sum()))
    column = round((SIZE - 1) / 2 - float((mass.sum(axis=0) @ np.arange(width)) / mass.sum()))
    row, column = min(max(row, 0), SIZE - height), min(max(column, 0), SIZE - width)
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[row : row + height, column : column + width] = digit
    return image
