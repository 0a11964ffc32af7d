"""Files that are written whole or not at all, and guards for reading files that may be damaged, or something else.

Paths and bytes go in. `UNREADABLE` lists what reading a damaged file raises; `directory_bytes` tells the size of a
zip's directory before it is parsed; `kind_of` says what a file is by its first bytes.
"""

import errno
import math
import os
import re
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

# exceptions: all that zipfile and NumPy's header parser raise for damaged files (RuntimeError: a password)
UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, OverflowError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)

# bytes: the beginning and the size of a zip file's last record (APPNOTE.TXT, 4.3.16)
_END_OF_DIRECTORY = b"PK\x05\x06"
_END_OF_DIRECTORY_BYTES = 22
# bytes: the beginning of the 20-byte record that ZIP64 puts before that one (APPNOTE.TXT, 4.3.15)
_ZIP64_LOCATOR = b"PK\x06\x07"
# bytes: both records
TAIL_BYTES = _END_OF_DIRECTORY_BYTES + 20

# bytes: so many of a file's first say what it is
KIND_BYTES = 512
# what a file with these first bytes is called in a message
_SIGNATURES = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras once saved models to .h5",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"\x1f\x8b": "a gzip file",
    b"%PDF": "a PDF document",
    b"\x93NUMPY": "a single NumPy array",
    b"version https://git-lfs": "a pointer of Git LFS, in whose place `git lfs pull` puts the file",
    b"PK\x03\x04": "a damaged or cut-off zip file",
}

# what stands in bytes 4 to 11 of a HEIC or HEIF file (ISO/IEC 23008-12)
_HEIF_BRANDS = (b"ftypheic", b"ftypheix", b"ftypheim", b"ftypheis", b"ftyphevc", b"ftypmif1", b"ftypmsf1")

# suffix: of a file that is being written (no other program uses it, so a killed writer's leftovers can be removed)
UNFINISHED = ".unfinished"


def expanded(path: str) -> str:
    """Return a path with the home folder in the place of `~`, which stays where a home folder is missing."""
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises then


def is_address(path: str) -> bool:
    """Tell whether a path is an address in the web, perhaps with a slash lost on its way through Path."""
    return re.match(r"https?:/", path) is not None


def is_uri(path: str) -> bool:
    """Tell whether a path is the URI of a file or a folder in a storage that `pictures.remote` can read."""
    return re.match(r"(s3|gs|gcs|hdfs|viewfs|abfs|abfss|file)://.", path) is not None


def is_heif(data: bytes) -> bool:
    """Tell whether a file that begins with some bytes is a HEIC or HEIF photo."""
    return data[4:12] in _HEIF_BRANDS


def kind_of(data: bytes) -> str:
    """Return in words what a file is that begins with some bytes."""
    if not data:
        return "an empty file"
    for signature, kind in _SIGNATURES.items():
        if data.startswith(signature):
            return kind
    if re.match(rb"\s*<(!doctype html|html)", data, re.IGNORECASE):
        return "a web page, perhaps in the place of a download"
    if re.match(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype )?svg", data, re.IGNORECASE | re.DOTALL):
        return "an SVG drawing, which is a program: save it as PNG"
    if is_heif(data):
        return "a HEIC photo, which phones and viewers can save as JPEG"
    if all(byte >= 32 or byte in b"\t\n\r" for byte in data[:KIND_BYTES]):
        return "a text file"
    return "a file of an unknown kind"


def is_csv(name: str) -> bool:
    """Return whether a file's name is that of CSV, gzip-compressed or not."""
    return name.lower().endswith((".csv", ".csv.gz"))


def real_path(path: Path) -> Path:
    """Return the absolute path of the file that is written for a path: if the path is a link, where the link leads."""
    return Path(os.path.realpath(path))  # Path.resolve raises if links form a loop


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of `path` if the block succeeds; until then the old file stays.

    A link stays a link: the new file takes the place of what it leads to. The new file is on the disk before it gets
    its name, so a crash or a power cut leaves the old file or the new one, whole. If writing fails, nothing is left
    behind; `remove_unfinished` removes what a killed process leaves. Raises MnistcnnError if it cannot be written.
    """
    place = real_path(path)
    try:
        descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.", suffix=UNFINISHED)
        try:
            with os.fdopen(descriptor, "w+b") as file:
                yield file
                file.flush()
                _sync(file.fileno())
            with suppress(OSError):  # some file systems refuse it, and the file is whole with any mode
                Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(place.parent)
    except OSError as error:
        raise MnistcnnError(
            f"{path} cannot be written: {error.strerror or error}; what was there before is still there"
        ) from error


def replace_folder(new: Path, place: Path) -> None:
    """Give a new folder the name of another, which, if there is one, is moved beside the new one's old place first."""
    if place.exists():
        place.replace(new.with_name(f"{new.name}.old"))
    new.replace(place)
    _sync_folder(place.parent)


def remove_unfinished(folder: Path, pattern: str) -> None:
    """Remove what killed writers of `written_whole` left for the files of a folder that match a glob pattern.

    The caller must hold the lock that keeps other writers from those files. A leftover that cannot be removed stays.
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


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # a file system that cannot
            raise


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # not every system can open a folder; the file itself is on the disk
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def directory_bytes(data: bytes) -> float | None:
    """Return the size in bytes of a zip's central directory, given at least the file's last TAIL_BYTES bytes.

    The size is None if the file is not a plain zip, and infinite for ZIP64, which states its true size elsewhere.
    """
    end = data[-_END_OF_DIRECTORY_BYTES:]
    if len(end) < _END_OF_DIRECTORY_BYTES or not end.startswith(_END_OF_DIRECTORY):
        return None
    if data[-TAIL_BYTES:].startswith(_ZIP64_LOCATOR):
        return math.inf
    return int.from_bytes(end[12:16], "little")
