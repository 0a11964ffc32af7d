"""Pictures by name: files, folders, glob patterns and standard input, found but not yet opened."""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mnistcnn.errors import MnistcnnError

MAX_FILE_BYTES = 1 << 28
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
