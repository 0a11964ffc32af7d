"""Pictures found by name: paths, folders, glob patterns, lists and "-" → pictures that are not yet opened.

It does not know whether a file holds a picture: only its suffix is looked at, and only in folders.
"""

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from mnistcnn.errors import MnistcnnError, one_line
from mnistcnn.files import is_address, is_uri
from mnistcnn.pictures.folders import labelled_files, natural_order, picture_files
from mnistcnn.pictures.pdf import is_pdf, page_count
from mnistcnn.pictures.remote import pictures_under, require_filesystems

MAX_NAME_BYTES = 1 << 16  # bytes: a longer line of a list of names is cut into several names
MAX_STDIN_BYTES = 1 << 28  # bytes: the most that is read from standard input (256 MiB)
PDF_PAGE = re.compile(r"(.+\.pdf)#([0-9]{1,6})", re.IGNORECASE)  # a name: a page of a document


@dataclass(frozen=True)
class Picture:
    """A picture's name, and its file, its URI, its bytes, or the error that stands in their place."""

    name: str
    source: Path | str | bytes = b""
    label: int | None = None  # the digit it shows, if it comes from a class folder
    page: int | None = None  # its page in the file, from 0, if that is a PDF document
    error: str | None = None


def find_pictures(arguments: Iterable[str], stdin: BinaryIO | None) -> Iterator[Picture]:
    """Yield the pictures that a person's arguments name: files, folders, globs, and "-" for standard input.

    `@names.txt` stands for the lines of that file, each of them such a name, unless a file has the name with its "@".
    The pictures of a folder or a glob come in natural order; those of class folders with their labels.
    Each page of a PDF document is a picture. An argument without a picture yields a picture with an error.
    """
    for picture in _named_pictures(arguments, stdin):
        yield from pages_of(picture)


def pages_of(picture: Picture) -> Iterator[Picture]:
    """Yield a picture, or the pages of it if it is a PDF document."""
    if picture.error is not None or picture.page is not None or isinstance(picture.source, str) or not is_pdf(picture):
        yield picture
        return
    try:
        count = page_count(picture.source)
    except MnistcnnError as error:
        yield replace(picture, error=f"{picture.name}: {error}")
        return
    for page in range(count):
        yield replace(picture, name=f"{picture.name}#{page + 1}", page=page)


def _named_pictures(arguments: Iterable[str], stdin: BinaryIO | None) -> Iterator[Picture]:
    for argument in (name for each in arguments for name in (listed_names(each) if is_list(each) else [each])):
        path = Path(argument)
        if argument == "-":
            if stdin is None:
                yield Picture("-", error="standard input is closed: pipe a picture into it")
            else:
                yield Picture("-", stdin.read(MAX_STDIN_BYTES + 1))
        elif is_uri(argument):
            yield from _remote(argument)
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
        elif (page := PDF_PAGE.fullmatch(argument)) and not os.path.lexists(path):
            yield Picture(argument, Path(page[1]), page=int(page[2]) - 1)
        else:
            yield Picture(argument, path)


def _remote(uri: str) -> Iterator[Picture]:
    """Yield the picture at a URI or, if the URI ends in a slash, those of the folder there."""
    require_filesystems()
    if not uri.partition("?")[0].endswith("/"):
        yield Picture(uri, uri)
        return
    try:
        found = pictures_under(uri)
    except (OSError, ValueError) as error:
        yield Picture(uri, error=f"{uri} cannot be read as a folder: {one_line(error)}")
        return
    if not found:
        yield Picture(uri, error=f"{uri} holds no pictures: expected PNG, JPEG, or the like")
    yield from (Picture(each, each) for each in found)


def is_list(argument: str) -> bool:
    """Tell whether an argument is `@names.txt`: it stands for a list of names, unless a file has it with its "@"."""
    return argument.startswith("@") and not os.path.lexists(argument)


def listed_names(argument: str) -> Iterator[str]:
    """Yield the names in the list that an argument stands for, line by line: it may hold millions.

    Raises MnistcnnError if the list cannot be read.
    """
    try:
        with Path(argument[1:]).open("rb") as file:
            while line := file.readline(MAX_NAME_BYTES):
                if name := os.fsdecode(line.removesuffix(b"\n").removesuffix(b"\r")):
                    yield name
    except (OSError, ValueError) as error:
        raise MnistcnnError(f"{argument} is not a list of names: {getattr(error, 'strerror', error)}") from error


def _is_folder(path: Path) -> bool:
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


def labelled_pictures(folder: Path) -> list[Picture]:
    """List the pictures whose digits a folder tells, by its class folders or its `labels.csv`."""
    return [Picture(str(file), file, label) for file, label in labelled_files(folder)]
