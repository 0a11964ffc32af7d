"""Images out of a CSV file, as Kaggle's digit recognizer has them: a row of 784 pixels, and a label first or last.

The file is read in pieces, so memory holds one byte for each value. A header is skipped. A row that does not fit is
refused, never mended.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from mnistcnn.config import CLASSES, SIZE
from mnistcnn.data.idx import MAX_CONTENT_BYTES
from mnistcnn.errors import MnistcnnError, printable

PIXELS = SIZE * SIZE
# bytes: what is read at once (some 2,000 rows); a line may not be longer
PIECE_BYTES = 1 << 22
# names: what a header calls the labels
LABEL_NAMES = (b"label", b"labels", b"class", b"digit", b"target", b"y")

_COMMA, _NEWLINE, _ZERO = b",\n0"


@dataclass(frozen=True)
class Table:
    """Images (N, 28, 28) uint8 and, if the file has them, their labels (N,) uint8, not yet checked."""

    images: np.ndarray
    labels: np.ndarray | None


def read_csv(path: Path) -> Table:
    """Read a CSV file, gzip-compressed or not.

    Without a header that names it, the label is the one of the two outer columns that holds digits: 0 to 9, and not
    always the same. Raises MnistcnnError if the file cannot be read, or a row has other columns or values.
    """
    pieces = _pieces(path)
    header, columns, piece = _first_piece(path, next(pieces, b""))
    content = bytearray()
    for lines in chain([piece], pieces):
        content += _values(path, lines, columns, len(content) // columns).tobytes()
        if len(content) > MAX_CONTENT_BYTES:
            raise MnistcnnError(f"{path} is too large: at most {MAX_CONTENT_BYTES // columns:,} rows are read")
    rows = np.frombuffer(content, np.uint8).reshape(-1, columns)
    if columns == PIXELS:
        return Table(rows.reshape(-1, SIZE, SIZE), None)
    first = _label_is_first(path, header, rows)
    labels, pixels = (rows[:, 0], rows[:, 1:]) if first else (rows[:, -1], rows[:, :-1])
    return Table(pixels.reshape(-1, SIZE, SIZE), np.ascontiguousarray(labels))


def has_labels(path: Path) -> bool:
    """Return whether the rows of a CSV file have labels. Raises MnistcnnError as `read_csv` does."""
    return _first_piece(path, next(_pieces(path), b""))[1] > PIXELS


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file in pieces of PIECE_BYTES or less, without empty lines."""
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if compressed else path.open("rb") as file:
            rest = b""
            while data := file.read(PIECE_BYTES):
                lines, _, rest = (rest + data).rpartition(b"\n")
                if len(rest) > PIECE_BYTES:
                    raise MnistcnnError(f"{path} is not CSV of images: a line has over {PIECE_BYTES:,} bytes")
                if lines:
                    yield _without_empty_lines(lines)
            if rest:
                yield _without_empty_lines(rest)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MnistcnnError(f"{path} is a damaged gzip file ({error}); fetch it again") from error
    except OSError as error:
        raise MnistcnnError(f"{path} cannot be read: {error.strerror or error}") from error


def _without_empty_lines(lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in lines.replace(b"\r", b"").split(b"\n") if line)


def _first_piece(path: Path, piece: bytes) -> tuple[list[bytes], int, bytes]:
    """Return the header's names, which may be none, the number of columns, and the piece without the header."""
    line, _, further = piece.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    fields = line.split(b",")
    if len(fields) not in (PIXELS, PIXELS + 1):
        raise MnistcnnError(
            f"{path} has {len(fields)} column{'s' * (len(fields) != 1)}, parted by commas: expected {PIXELS} pixels, "
            f"or {PIXELS + 1} with a label first or last"
        )
    if 2 * sum(field.isdigit() and int(field[:4]) < 256 for field in fields) > len(fields):
        return [], len(fields), line + b"\n" + further
    return [field.strip(b" \"'").lower() for field in fields], len(fields), further


def _values(path: Path, lines: bytes, columns: int, rows_before: int) -> np.ndarray:
    """Return the values (rows, columns) uint8 of lines. Raises MnistcnnError, naming the row, for any other text."""
    content = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero((content == _COMMA) | (content == _NEWLINE))  # of the fields
    widths = np.diff(np.flatnonzero(content[ends] == _NEWLINE), prepend=-1)
    if (widths != columns).any():
        row = int(np.argmax(widths != columns))
        raise MnistcnnError(f"{path}: row {rows_before + row + 1} has {widths[row]} columns; expected {columns}")
    lengths = np.diff(ends, prepend=-1) - 1
    digits = content - np.uint8(_ZERO)  # what is not a digit is above 9
    values = digits[ends - 1].astype(np.uint16)
    is_wrong = (lengths < 1) | (lengths > 3) | (values > 9)
    for place in (1, 2):
        longer = np.flatnonzero(lengths > place)
        digit = digits[ends[longer] - place - 1]
        is_wrong[longer] |= digit > 9
        values[longer] += digit * np.uint16(10**place)
    is_wrong |= values > 255
    if is_wrong.any():
        field = int(is_wrong.argmax())
        text = printable(lines[ends[field] - lengths[field] : ends[field]][:20].decode("latin-1"))
        raise MnistcnnError(
            f"{path}: row {rows_before + field // columns + 1} has '{text}' in column {field % columns + 1}; "
            "expected whole numbers from 0 to 255"
        )
    return values.astype(np.uint8).reshape(-1, columns)


def _label_is_first(path: Path, header: list[bytes], rows: np.ndarray) -> bool:
    """Return whether the label is in the first column, by the header or, if that does not tell, by the values."""
    named = [column for column in (0, -1) if header and header[column] in LABEL_NAMES]
    if len(named) == 1:
        return named[0] == 0
    # The outer columns are a label and a corner's pixel, which is 0 in nearly every image.
    fitting = {column: len(np.unique(rows[:, column])) for column in (0, -1) if (rows[:, column] < CLASSES).all()}
    if not fitting:
        raise MnistcnnError(f"{path}: neither the first nor the last column holds labels from 0 to 9")
    return max(fitting, key=lambda column: fitting[column]) == 0
