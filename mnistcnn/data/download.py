"""MNIST's four files: where they are kept on this machine, and where they are fetched from."""

import hashlib
import os
import queue
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from mnistcnn.errors import MnistcnnError
from mnistcnn.files import written_whole

# SHA-256 of the content, not of the gzip stream, which differs from mirror to mirror.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
CONTENT_BYTES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
COMPRESSED_BYTES = 11_594_722  # of all four together, as the mirrors serve them; for the progress bar
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
FIRST_BYTE_SECONDS = 6  # two mirrors out of reach are given up after 12 seconds
STALL_SECONDS = 10
FILE_SECONDS = 300  # one file in all, so that an answer that drips without end is given up too

OnBytes = Callable[[int], None]


def keras_datasets_folder() -> Path:
    """Return the folder in which Keras keeps datasets, without importing Keras: KERAS_HOME or ~/.keras."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def is_mnist_content(name: str, content: bytes) -> bool:
    """Tell whether the content of an IDX file is that of MNIST's file of that name."""
    return hashlib.sha256(content).hexdigest() == SHA256[name]


def fetch_mnist(folder: Path, *, mirrors: tuple[str, ...] = MIRRORS, on_bytes: OnBytes = lambda count: None) -> None:
    """Bring those of MNIST's four gzip-compressed IDX files that are missing into a folder.

    Each is checked against its SHA-256 before it gets its name, so the folder never holds a bad one. `on_bytes` is
    told of each piece that arrives. Raises MnistcnnError where no mirror has a file, or the folder cannot be written.
    """
    for name in SHA256:
        target = folder / f"{name}.gz"
        if not target.exists():
            compressed = _from_any_mirror(f"{name}.gz", mirrors, on_bytes)
            _keep(target, compressed)


def _from_any_mirror(file_name: str, mirrors: tuple[str, ...], on_bytes: OnBytes) -> bytes:
    problems = []
    for mirror in mirrors:
        try:
            compressed = b"".join(_pieces(mirror + file_name, CONTENT_BYTES[file_name.removesuffix(".gz")], on_bytes))
            content = _gunzip(compressed, CONTENT_BYTES[file_name.removesuffix(".gz")])
        except (requests.RequestException, TimeoutError, EOFError, OSError, zlib.error) as error:
            problems.append(f"{mirror}: {type(error).__name__}")
            continue
        if is_mnist_content(file_name.removesuffix(".gz"), content):
            return compressed
        problems.append(f"{mirror}: not MNIST's content")
    raise MnistcnnError(
        f"MNIST could not be downloaded ({'; '.join(problems)}): "
        "check the network, or pass --data a folder that holds its files"
    )


def _pieces(url: str, max_bytes: int, on_bytes: OnBytes) -> Iterator[bytes]:
    """Yield the body of an answer as it arrives; TimeoutError where nothing comes for too long.

    A daemon thread receives it, because looking up a host name knows no timeout of its own.
    """
    arrived: queue.Queue[bytes | Exception | None] = queue.Queue()

    def receive() -> None:
        try:
            with requests.get(url, stream=True, timeout=(FIRST_BYTE_SECONDS, STALL_SECONDS)) as answer:
                answer.raise_for_status()
                total = 0
                for piece in answer.iter_content(1 << 16):
                    total += len(piece)
                    if total > max_bytes:
                        raise requests.RequestException(f"more than {max_bytes} bytes")
                    arrived.put(piece)
            arrived.put(None)
        except Exception as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
            arrived.put(error)

    threading.Thread(target=receive, daemon=True).start()
    patience, deadline = FIRST_BYTE_SECONDS, time.monotonic() + FILE_SECONDS
    while True:
        try:
            piece = arrived.get(timeout=max(0, min(patience, deadline - time.monotonic())))
        except queue.Empty:
            raise TimeoutError from None
        if piece is None:
            return
        if isinstance(piece, Exception):
            raise piece
        patience = STALL_SECONDS
        on_bytes(len(piece))
        yield piece


def _gunzip(compressed: bytes, content_bytes: int) -> bytes:
    """Unpack no more than one byte above what is expected, so that a bomb stays small."""
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(compressed, content_bytes + 1)


def _keep(path: Path, compressed: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MnistcnnError(
            f"{path.parent} cannot be made ({error.strerror}): set KERAS_HOME to a folder of yours"
        ) from error
    with written_whole(path) as file:
        file.write(compressed)
