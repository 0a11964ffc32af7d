"""The pictures in a folder, and the digit that each shows: by its folder, by `labels.csv`, or by its own name.

Paths go in, paths and digits come out. No picture is opened.
"""

import csv
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from pathlib import Path

from mnistcnn.errors import MnistcnnError, printable
from mnistcnn.wording import counted

# suffixes of the files that are taken for pictures in a folder
SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".ico", ".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pdf", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)
LABELS_FILE = "labels.csv"
MAX_LABELS_BYTES = 1 << 25  # bytes: the largest list of labels that is read (a million pictures take 20 MB)

_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NUMBERED = re.compile(r"(?:(?:digit|class|label|number)[-_ ]?)?0*([0-9])", re.I)
# what the name of a picture says of its digit, and how that is found in the name without its suffix
_SCHEMES = {
    "begins with the digit, as 7_0001 does": re.compile(r"([0-9])[-_ ].+"),
    "ends with the digit after a number, as 0001_7 does": re.compile(r".*[0-9][-_ ]([0-9])"),
    "names the digit, as digit_7_0001 does": re.compile(r".*(?:digit|class|label)[-_ ]?([0-9])(?:[^0-9].*)?", re.I),
}

Labelled = tuple[Path, int]  # a picture's file, and the digit that it shows


def natural_order(path: Path) -> list[tuple[int, int | str]]:
    """Return a sorting key under which 2.png stands before 10.png."""
    parts = re.split(r"(\d+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts]


def picture_files(folder: Path) -> list[Path]:
    """List the files in a folder that have a picture's suffix and are not hidden, in natural order."""
    return sorted(entries(folder, lambda path: is_picture(path) and path.is_file()), key=natural_order)


def is_picture(path: Path) -> bool:
    """Return whether a file's name has a picture's suffix and is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def digit_named(name: str) -> int | None:
    """Return the digit that a folder's name stands for: "7", "07", "digit_7", "seven"; None for any other name."""
    if name.lower() in _WORDS:
        return _WORDS.index(name.lower())
    found = _NUMBERED.fullmatch(name)
    return None if found is None else int(found[1])


def class_folders(folder: Path) -> list[tuple[Path, int]]:
    """List the class folders of a folder, each with its digit, in the digits' order.

    They are the folders named 0 to 9, whatever else there is; other names of digits count if every folder has one.
    """
    folders = sorted(
        (path for path in entries(folder, Path.is_dir) if not path.name.startswith(".")), key=natural_order
    )
    plain = [path for path in folders if len(path.name) == 1 and digit_named(path.name) is not None]
    digits = [(path, digit_named(path.name)) for path in plain or folders]
    named = [(path, digit) for path, digit in digits if digit is not None]
    return sorted(named, key=lambda each: each[1]) if len(named) == len(digits) else []


def labelled_files(folder: Path) -> list[Labelled]:
    """List the pictures whose digits a folder's `labels.csv` tells or, without such a file, its class folders.

    Pictures in folders inside a class folder count too. Raises MnistcnnError if the folder or the file cannot be read.
    """
    if (folder / LABELS_FILE).is_file():
        return list(_listed(folder / LABELS_FILE))
    return [(file, digit) for place, digit in class_folders(folder) for file in _pictures_under(place)]


def skipped(folder: Path) -> str | None:
    """Return in words how many visible files and folders of a folder are not read, and why; None if all are.

    A folder with a `labels.csv` says itself what is to be read.
    """
    if (folder / LABELS_FILE).is_file():
        return None
    classes = [place for place, _ in class_folders(folder)]
    beside = len(picture_files(folder)) if classes else 0
    folders = sum(not path.name.startswith(".") for path in entries(folder, Path.is_dir)) - len(classes)
    names = [name for place in classes or [folder] for name in _file_names(place, is_deep=bool(classes))]
    found = (os.path.splitext(name)[1].lower() for name in names)  # noqa: PTH122 - of 100,000 files, perhaps
    suffixes = Counter(suffix or "no suffix" for suffix in found if suffix not in SUFFIXES)
    reasons = [
        *([f"{counted(beside, 'picture')} beside the class folders"] if beside else []),
        *([counted(folders, "folder")] if folders else []),
        *(f"{counted(count, 'file')} with {suffix}" for suffix, count in sorted(suffixes.items())),
    ]
    return f"skipped in {folder}: {', '.join(reasons)}" if reasons else None


def _file_names(folder: Path, *, is_deep: bool) -> Iterator[str]:
    """Yield the names of the visible files in a folder and, if it is deep, in the folders inside it."""
    for _, inside, files in os.walk(folder):
        yield from (name for name in files if not name.startswith("."))
        inside[:] = [name for name in inside if is_deep and not name.startswith(".")]


def labelled_by_name(files: Sequence[Path]) -> tuple[str, list[Labelled]] | None:
    """Return what the names of pictures say of their digits, and the digits.

    None without pictures, or if their names do not all follow the same one of the known ways.
    """
    fitting = []
    for scheme, pattern in _SCHEMES.items():
        found = [pattern.fullmatch(file.stem) for file in files]
        labelled = [(file, int(match[1])) for file, match in zip(files, found, strict=True) if match]
        if files and len(labelled) == len(files):
            fitting.append((scheme, labelled))
    return fitting[0] if len(fitting) == 1 else None


def entries(folder: Path, kind: Callable[[Path], bool]) -> list[Path]:
    """List what of a folder is of a kind. Raises MnistcnnError if the folder cannot be listed."""
    try:
        return [path for path in folder.iterdir() if kind(path)]
    except OSError as error:
        raise MnistcnnError(f"{folder} cannot be listed: {error.strerror}") from error


def _pictures_under(folder: Path) -> list[Path]:
    """List the pictures in a folder and in the folders inside it, in natural order; links to folders are left out."""
    found = []
    for place, inside, _ in os.walk(folder):
        inside[:] = [name for name in inside if not name.startswith(".")]
        found += picture_files(Path(place))
    return sorted(found, key=natural_order)


def _listed(path: Path) -> Iterator[Labelled]:
    """Yield the pictures that a list names, with their digits. A first row without a digit is its header."""
    seen = set()
    for number, row in enumerate(_rows(path), start=1):
        digit = digit_named(row[1].strip()) if len(row) > 1 else None
        if digit is None:
            if number == 1 and len(row) > 1:
                continue
            raise MnistcnnError(f"{path}: row {number} is '{_short(row)}'; expected a file and a digit from 0 to 9")
        file = path.parent / row[0].strip()
        if "\0" in row[0] or not file.is_file():
            raise MnistcnnError(f"{path}: row {number} names {_short(row[:1])}, which is not a file beside it")
        if file in seen:
            raise MnistcnnError(f"{path}: row {number} names {_short(row[:1])} a second time")
        seen.add(file)
        yield file, digit


def _rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows of a list that are not empty; what stands behind the second column is left to others."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            text = file.read(MAX_LABELS_BYTES + 1)
        if len(text) > MAX_LABELS_BYTES:
            raise MnistcnnError(f"{path} is too large: at most {MAX_LABELS_BYTES:,} bytes of labels are read")
        yield from filter(None, csv.reader(StringIO(text)))
    except OSError as error:
        raise MnistcnnError(f"{path} cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise MnistcnnError(f"{path} is not a CSV file ({error}): expected rows of a file and its digit") from error


def _short(row: Sequence[str]) -> str:
    return printable(",".join(row)[:60])
