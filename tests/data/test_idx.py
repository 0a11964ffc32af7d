"""The IDX format, against bytes written by hand."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistcnn.data.idx import decode_idx, encode_idx, read_idx
from mnistcnn.errors import MnistcnnError

TWO_LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 3])


def test_labels_written_by_hand_are_read() -> None:
    """decode_idx reads two labels from ten bytes laid out as the specification says."""
    assert decode_idx(TWO_LABELS, source="labels", dimensions=1).tolist() == [7, 3]


def test_images_written_by_hand_are_read_in_c_order() -> None:
    """decode_idx takes sizes as big-endian and lets the last dimension vary fastest."""
    content = struct.pack(">HBBIII", 0, 8, 3, 1, 2, 3) + bytes(range(6))
    assert decode_idx(content, source="images", dimensions=3).tolist() == [[[0, 1, 2], [3, 4, 5]]]


@given(st.lists(st.integers(0, 255), max_size=30))
def test_what_is_encoded_is_decoded(values: list[int]) -> None:
    """decode_idx returns what encode_idx was given."""
    array = np.array(values, np.uint8)
    assert decode_idx(encode_idx(array), source="x", dimensions=1).tolist() == values


@pytest.mark.parametrize("compress", [False, True])
def test_files_are_read_compressed_or_not(tmp_path: Path, compress: bool) -> None:
    """read_idx recognizes gzip by the file's first bytes, not by its name."""
    path = tmp_path / "labels"
    path.write_bytes(gzip.compress(TWO_LABELS) if compress else TWO_LABELS)
    assert read_idx(path, dimensions=1).tolist() == [7, 3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "f is not an IDX file: expected it to start with the bytes 00 00 08, got "),
        (b"\x89PNG", "f is not an IDX file: expected it to start with the bytes 00 00 08, got 89 50 4e 47"),
        (TWO_LABELS[:-1], "f is cut short: its header promises 10 bytes, the file has 9; fetch it again"),
        (TWO_LABELS[:6], "f is cut short: its header has 8 bytes, the file 6"),
        (TWO_LABELS + b"\0", "f is too long: its header promises 10 bytes, the file has more; fetch it again"),
        (b"\0\0\x0d\1\0\0\0\0", "f holds float32 elements: expected uint8, as in MNIST"),
        (
            b"\0\0\x08\3\0\0\0\0\0\0\0\0\0\0\0\0",
            "f holds images (3 dimensions): expected labels (1 dimension); are the files of images and labels mixed",
        ),
        (b"\0\0\x08\1\xff\xff\xff\xff", "f is cut short: its header promises 4,294,967,303 bytes, the file has 8;"),
    ],
)
def test_bad_content_is_refused_in_one_line(content: bytes, message: str) -> None:
    """The error says what was wrong and what was received; a size that only the header promises allocates nothing."""
    with pytest.raises(MnistcnnError) as raised:
        decode_idx(content, source="f", dimensions=1)
    assert str(raised.value).startswith(message)


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    """read_idx says that a file is damaged if its gzip stream ends early."""
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(TWO_LABELS)[:-9])
    with pytest.raises(MnistcnnError, match=r"labels\.gz is a damaged gzip file \(.*\); fetch it again"):
        read_idx(path, dimensions=1)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error carries the system's reason if the file is missing."""
    with pytest.raises(MnistcnnError, match="nowhere cannot be read: No such file or directory"):
        read_idx(tmp_path / "nowhere", dimensions=1)
