"""Files that are written whole or not at all."""

import math
import os
import shutil
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mnistcnn.errors import MnistcnnError

# All that zipfile and NumPy's parser of headers raise for damaged files; RuntimeError is for passwords.
UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, OverflowError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)

_END_OF_DIRECTORY = b"PK\x05\x06"
_END_OF_DIRECTORY_BYTES = 22
_ZIP64_LOCATOR = b"PK\x06\x07"
TAIL_BYTES = _END_OF_DIRECTORY_BYTES + 20  # with the locator, where there is one

# A name of ours that no one else gives a file, so that what a killed writer left can be told and removed.
UNFINISHED = ".unfinished"


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that takes `path`'s place when the block ends well; until then what was there stays.

    It is on the disk before it gets its name, so a crash or a power cut leaves the old file or the new one, never
    a part. Raises MnistcnnError where it cannot be written, and leaves nothing behind; a killed process leaves
    what `remove_unfinished` removes.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise MnistcnnError(
            f"{path} cannot be written: {error.strerror or error}; what was there before is still there"
        ) from error


def remove_unfinished(folder: Path, pattern: str) -> None:
    """Remove what killed writers left of the files of a folder whose names match a glob pattern.

    The caller holds the lock that keeps other writers off those files. What cannot be removed stays: it is in
    nobody's way.
    """
    for leftover in folder.glob(f".{pattern}.{'[a-z0-9_]' * 8}{UNFINISHED}"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            with suppress(OSError):
                leftover.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system lets a folder be opened; the file itself is safe already
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def directory_bytes(data: bytes) -> float | None:
    """Return the size of a zip file's directory, of which the last TAIL_BYTES bytes do; None where it is no plain zip.

    It is infinite in ZIP64, where what is read here need not be true.
    """
    end = data[-_END_OF_DIRECTORY_BYTES:]
    if len(end) < _END_OF_DIRECTORY_BYTES or not end.startswith(_END_OF_DIRECTORY):
        return None
    if data[-TAIL_BYTES:].startswith(_ZIP64_LOCATOR):
        return math.inf
    return int.from_bytes(end[12:16], "little")
