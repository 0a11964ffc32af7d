"""Pictures found by name: paths, folders, glob patterns and "-" → pictures that are not yet opened.

It does not know whether a file holds a picture: only its suffix is looked at, and only in folders.
"""

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mnistcnn.errors import MnistcnnError
from mnistcnn.files import is_address
from mnistcnn.wording import counted

MAX_STDIN_BYTES = 1 << 28  # bytes: the most that is read from standard input (256 MiB)
# suffixes of the files that are taken for pictures in a folder
SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".ico", ".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)


@dataclass(frozen=True)
class Picture:
    """A picture's name, and its file, its bytes, or the error that stands in their place."""

    name: str
    source: Path | bytes = b""
    label: int | None = None  # the digit it shows, if it comes from a class folder
    error: str | None = None


def find_pictures(arguments: Iterable[str], stdin: BinaryIO | None) -> Iterator[Picture]:
    """Yield the pictures that a person's arguments name: files, folders, globs, and "-" for standard input.

    The pictures of a folder or a glob come in natural order; those of class folders, named 0 to 9, with their labels.
    An argument without a picture yields a picture with an error.
    """
    for argument in arguments:
        path = Path(argument)
        if argument == "-":
            if stdin is None:
                yield Picture("-", error="standard input is closed: pipe a picture into it")
            else:
                yield Picture("-", stdin.read(MAX_STDIN_BYTES + 1))
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
        elif is_address(argument):
            yield Picture(argument, error=f"{argument} is an address: download the picture, and name its file")
        else:
            yield Picture(argument, path)


def _is_folder(path: Path | os.DirEntry[str]) -> bool:
    try:
        return path.is_dir()
    except OSError:  # for example a name too long, or links in a loop; opening the file reports it
        return False


def _matches(pattern: Path) -> list[Path]:
    """List what a glob pattern matches except hidden files; ``**`` follows no links, as these may loop."""
    parts = pattern.parts[bool(pattern.anchor) :]
    try:
        found = list(Path(pattern.anchor).glob("/".join([*parts, "*"] if parts[-1] == "**" else parts)))
    except (OSError, ValueError):  # for example ** beside other letters, or a name too long
        return []
    return [path for path in found if not any(part[0] == "." and part not in parts for part in path.parts)]


def class_folders(folder: Path) -> list[tuple[int, Path]]:
    """List the folders named 0 to 9 in a folder, each with its digit."""
    return [(digit, folder / str(digit)) for digit in range(10) if (folder / str(digit)).is_dir()]


def labelled_pictures(folder: Path) -> list[Picture]:
    """List the pictures in a folder's class folders, digit by digit, in natural order."""
    return [Picture(str(file), file, label) for label, place in class_folders(folder) for file in picture_files(place)]


def skipped(folder: Path) -> str | None:
    """Return in words how many visible files and folders of a folder are not read, and why; None if all are."""
    classes = [place for _, place in class_folders(folder)]
    suffixes: Counter[str] = Counter()
    beside = folders = 0
    for place in [folder, *classes]:
        for entry in _visible(place):
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - a folder may hold 100,000 entries
            if _is_folder(entry):
                folders += Path(entry) not in classes
            elif suffix in SUFFIXES:
                beside += bool(classes) and place is folder
            elif place is not folder or not classes:
                suffixes[suffix or "no suffix"] += 1
    reasons = [
        *([f"{counted(beside, 'picture')} beside the folders 0 to 9"] if beside else []),
        *([counted(folders, "folder")] if folders else []),
        *(f"{counted(count, 'file')} with {suffix}" for suffix, count in sorted(suffixes.items())),
    ]
    return f"skipped in {folder}: {', '.join(reasons)}" if reasons else None


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    """List the entries of a folder that are not hidden; whether one is a folder is known without another look."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise MnistcnnError(f"{folder} cannot be listed: {error.strerror}") from error


def natural_order(path: Path | str) -> list[tuple[int, int | str]]:
    """Return a sorting key under which 2.png stands before 10.png."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def picture_files(folder: Path) -> list[Path]:
    """List the files in a folder that have a picture's suffix and are not hidden, in natural order."""
    files = [Path(entry) for entry in _visible(folder)]
    return sorted((path for path in files if path.suffix.lower() in SUFFIXES and path.is_file()), key=natural_order)
