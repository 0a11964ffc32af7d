"""The download of MNIST's four files into Keras's cache.

The files come from mirrors, are checked against their SHA-256, and are kept gzip-compressed. Nothing is decoded here.
"""

import hashlib
import queue
import re
import textwrap
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import requests

from mnistcnn.errors import MnistcnnError
from mnistcnn.files import written_whole
from mnistcnn.runtime.backend import keras_home

# SHA-256 of a file's content; the gzip stream around it differs from mirror to mirror
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
# bytes: the size of a file's content
CONTENT_BYTES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
COMPRESSED_BYTES = 11_594_722  # bytes: the end of the progress bar (the four files as the mirrors serve them)
MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
FIRST_BYTE_SECONDS = 6  # seconds: the wait for a mirror's first byte (two mirrors out of reach take 12)
STALL_SECONDS = 10  # seconds: the wait for a mirror's next bytes
FILE_SECONDS = 300  # seconds: the wait for a whole file, so that an answer that drips without end is given up

LONGEST_CAUSE = 120  # characters: the most that a message quotes of a failure

OnBytes = Callable[[int], None]


def keras_datasets_folder() -> Path:
    """Return the folder in which Keras keeps datasets."""
    return keras_home() / "datasets"


def is_mnist_content(name: str, content: bytes) -> bool:
    """Return whether content is that of MNIST's file `name`, a key of SHA256."""
    return hashlib.sha256(content).hexdigest() == SHA256[name]


def fetch_mnist(folder: Path, *, mirrors: tuple[str, ...] = MIRRORS, on_bytes: OnBytes = lambda count: None) -> None:
    """Download those of MNIST's four gzip-compressed IDX files that a folder lacks.

    Each is checked against its SHA-256 before it gets its name, so the folder never holds a bad one. `on_bytes` gets
    the size of each piece that arrives. Raises MnistcnnError if no mirror has a file or the folder cannot be written.
    """
    for name in SHA256:
        target = folder / f"{name}.gz"
        if not target.exists():
            _keep(target, _from_any_mirror(name, mirrors, on_bytes))


def _from_any_mirror(name: str, mirrors: tuple[str, ...], on_bytes: OnBytes) -> bytes:
    """Return the gzip-compressed bytes of one of MNIST's files from the first mirror that answers with them."""
    problems = []
    for mirror in mirrors:
        try:
            compressed = b"".join(_pieces(f"{mirror}{name}.gz", CONTENT_BYTES[name], on_bytes))
            content = _unpacked(compressed, CONTENT_BYTES[name])
        except (requests.RequestException, TimeoutError, EOFError, OSError, zlib.error) as error:
            problems.append(f"{mirror}: {_cause(error)}")
            continue
        if is_mnist_content(name, content):
            return compressed
        problems.append(f"{mirror}: not MNIST's content")
    raise MnistcnnError(
        f"MNIST could not be downloaded ({'; '.join(problems)}): "
        "check the network, or name a folder that holds its files"
    )


def _cause(error: BaseException) -> str:
    """Return the innermost reason of a failed download in a few words, such as "Connection refused"."""
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    if isinstance(inner, BaseException):
        return _cause(inner)
    text = " ".join(str(error).split())
    text = re.sub(r"^(<.*?>|\w+\(.*?\)): ", "", text)  # urllib3 begins with its connection's name
    return textwrap.shorten(text.partition(" for url: ")[0], LONGEST_CAUSE) or type(error).__name__


def _pieces(url: str, max_bytes: int, on_bytes: OnBytes) -> Iterator[bytes]:
    """Yield the body of an answer as it arrives. Raises TimeoutError if nothing comes for too long.

    A daemon thread receives it, because the look-up of a host name has no timeout of its own.
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
            raise TimeoutError("no answer in time") from None
        if piece is None:
            return
        if isinstance(piece, Exception):
            raise piece
        patience = STALL_SECONDS
        on_bytes(len(piece))
        yield piece


def _unpacked(compressed: bytes, content_bytes: int) -> bytes:
    """Return the content of a gzip stream, at most one byte above the expected size, so that a bomb stays small."""
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
