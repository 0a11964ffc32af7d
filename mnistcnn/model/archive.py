"""A zip file and the JSON text in it, read without trusting either.

A path and the members that its file may hold go in; their bytes come out. Everything happens in memory and within
limits, and nothing is ever extracted. It does not know what the members mean.
"""

import json
import reprlib
import stat
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import NoReturn

from mnistcnn.errors import MnistcnnError
from mnistcnn.files import directory_bytes, is_address, kind_of

# bytes: the largest model file that is read (this network, trained with Adam and saved by Keras itself, has 40 MB)
_MAX_FILE_BYTES = 64 << 20
# bytes: the largest zip directory that is read, because zipfile builds an object for every entry in it
_MAX_DIRECTORY_BYTES = 16 << 10

_shortened = reprlib.Repr()
_shortened.maxlist = _shortened.maxtuple = _shortened.maxdict = 12
_shortened.maxstring = _shortened.maxother = _shortened.maxlong = 40
_shortened.maxlevel = 3


def shown(value: object) -> str:
    """Return a value out of an untrusted file as a short, printable literal on one line."""
    return _shortened.repr(value)


def read_members(path: Path, limits: Mapping[str, int], optional: frozenset[str]) -> dict[str, bytes]:
    """Return the members of a zip file by name, decompressed, with their checksums verified.

    `limits` names every member that the file may hold, with its largest size in bytes. A member that is not `optional`
    must be there. At most 64 MiB are read from the file, and no member comes out larger than its limit, whatever the
    headers say. Raises MnistcnnError for any other file.
    """
    data = _read_file(path)
    _check_directory(path, data)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_names(path, [entry.filename for entry in entries], limits, optional)
            return {entry.filename: _read_member(path, archive, entry, limits[entry.filename]) for entry in entries}
    # zipfile raises all of these for damaged archives, and RuntimeError for a password. Its messages quote the file.
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        OverflowError,
        RuntimeError,
        ValueError,
    ) as error:
        raise MnistcnnError(f"{path} is a damaged zip file; use a whole copy of it, or train again") from error


def parse_json(data: bytes) -> object:
    """Return the value of a UTF-8 JSON text. Raises ValueError, with the reason, if the text is not JSON."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(data.decode(), parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def require_file(path: Path) -> int:
    """Return the size in bytes of a file that could be a model. Raises MnistcnnError if there is none at a path."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        if is_address(str(path)):
            raise MnistcnnError("a model cannot be read from the web: download it, and name the file") from error
        raise MnistcnnError(
            f"there is no model at {path}; make one with `mnistcnn train`, or name another file"
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    # Reading a pipe or a device could block, or never end.
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, socket or device"
        raise MnistcnnError(f"{path} is {kind}, not a model; name a .keras file")
    if status.st_size > _MAX_FILE_BYTES:
        raise MnistcnnError(f"{path} has {status.st_size:,} bytes, which no file of this network has; name another")
    return status.st_size


def _read_file(path: Path) -> bytes:
    size = require_file(path)
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> MnistcnnError:
    return MnistcnnError(f"cannot read {path}: {error.strerror}; name a .keras file that you may read")


def _check_directory(path: Path, data: bytes) -> None:
    size = directory_bytes(data)
    if size is None:
        raise MnistcnnError(f"{path} is {kind_of(data)}, not a model; name a .keras file")
    if size > _MAX_DIRECTORY_BYTES:
        raise MnistcnnError(f"{path} is a zip file with too many entries for a model; name a .keras file")


def _check_names(path: Path, names: list[str], limits: Mapping[str, int], optional: frozenset[str]) -> None:
    strange = [name for name in names if name not in limits]
    twice = [name for name in limits if names.count(name) > 1]
    missing = [name for name in limits if name not in names and name not in optional]
    if strange:
        reason = f"it holds {shown(strange[0])}"
    elif twice:
        reason = f"it holds {twice[0]} twice"
    elif missing:
        reason = f"it holds no {missing[0]}"
    else:
        return
    raise MnistcnnError(f"{path} is a zip file but not a model of this program: {reason}; name a .keras file")


def _read_member(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit: int) -> bytes:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise MnistcnnError(f"{path} is not a model: {entry.filename} is not a plain file; name a .keras file")
    if entry.file_size > limit:
        raise MnistcnnError(
            f"{path} is not a model of this program: {entry.filename} has {entry.file_size:,} bytes, at most "
            f"{limit:,} are expected; name a .keras file"
        )
    with archive.open(entry) as member:
        # Reading past the declared size is what makes zipfile compare the checksum.
        data = member.read(limit + 1)
    if len(data) != entry.file_size:
        raise MnistcnnError(f"{path} is damaged: {entry.filename} is cut off; use a whole copy of the file")
    return data
