"""Pictures at URIs, such as `s3://bucket/7.png`, read through PyArrow's filesystems.

URIs go in, bytes come out. PyArrow comes with the extra `ray`, and finds credentials as the tools of each storage do.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from mnistcnn.pictures.folders import is_picture, natural_order
from mnistcnn.runtime.outputs import require_extra

MAX_BYTES = 1 << 28  # bytes: the most that is read of a picture (256 MiB)


def require_filesystems() -> None:
    """Raise MnistcnnError if PyArrow is not installed."""
    require_extra("pyarrow", "ray")


def read_uri(uri: str) -> bytes:
    """Return the bytes of the file at a URI. Raises OSError or ValueError if it cannot be read, or is too large."""
    filesystem, path = _place(uri)
    with filesystem.open_input_stream(path) as file:
        data = bytes(file.read(MAX_BYTES + 1))
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    return data


def pictures_under(uri: str) -> list[str]:
    """List the pictures of the folder at a URI that ends in a slash, in natural order.

    Raises OSError or ValueError if the folder cannot be read.
    """
    from pyarrow.fs import FileSelector, FileType

    filesystem, path = _place(uri)
    files = filesystem.get_file_info(FileSelector(path))
    names = (Path(file.base_name) for file in files if file.type == FileType.File)
    before, mark, query = uri.partition("?")
    return [f"{before}{quote(str(name))}{mark}{query}" for name in sorted(filter(is_picture, names), key=natural_order)]


def _place(uri: str) -> tuple[Any, str]:
    """Return the filesystem of a URI, and the path in it."""
    parts = urlsplit(uri)
    filesystem, root = _filesystem(parts._replace(path="/", fragment="").geturl())
    return filesystem, f"{root.rstrip('/')}/{unquote(parts.path).strip('/')}"


@lru_cache(maxsize=16)
def _filesystem(uri: str) -> tuple[Any, str]:
    """Return the filesystem of a URI without a path, and where its paths begin. To connect takes a while."""
    from pyarrow.fs import FileSystem

    filesystem, root = FileSystem.from_uri(uri)
    return filesystem, str(root)
