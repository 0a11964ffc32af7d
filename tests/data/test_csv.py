"""CSV files of images: the forms that are read, and what is said of others."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from mnistcnn.data import csv
from mnistcnn.data.csv import has_labels, read_csv
from mnistcnn.errors import MnistcnnError

IMAGES = np.random.RandomState(0).randint(0, 256, (30, 28, 28), np.uint8)
IMAGES[:, 0, 0] = IMAGES[:, -1, -1] = 0  # as in MNIST
LABELS = (np.arange(30) % 10).astype(np.uint8)
PIXEL_NAMES = ",".join(f"pixel{number}" for number in range(784))


def rows(*, labels: str | None, images: np.ndarray = IMAGES) -> str:
    """Return images as lines of CSV, with their labels "first", "last", or without them."""
    lines = []
    for image, label in zip(images, LABELS, strict=True):
        pixels = ",".join(map(str, image.ravel()))
        lines.append({"first": f"{label},{pixels}", "last": f"{pixels},{label}", None: pixels}[labels])
    return "\n".join(lines) + "\n"


def labels_of(path: Path) -> list[int]:
    """Return the labels that a file has."""
    labels = read_csv(path).labels
    assert labels is not None
    return [int(label) for label in labels]


@pytest.mark.parametrize("labels", ["first", "last", None])
@pytest.mark.parametrize("header", ["none", "names", "numbers"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_rows_of_pixels_are_read(tmp_path: Path, labels: str | None, header: str, line_end: str) -> None:
    """read_csv finds the label first, last or nowhere, below a header or not."""
    names = {"first": f"label,{PIXEL_NAMES}", "last": f"{PIXEL_NAMES},class", None: PIXEL_NAMES}[labels]
    numbers = ",".join(map(str, range(785 if labels else 784)))
    first = {"none": "", "names": f"{names}\n", "numbers": f"{numbers}\n"}[header]
    (tmp_path / "d.csv").write_text(first + rows(labels=labels), newline=line_end)
    table = read_csv(tmp_path / "d.csv")
    assert np.array_equal(table.images, IMAGES)
    assert (table.labels is None) is (labels is None)
    assert labels is None or labels_of(tmp_path / "d.csv") == LABELS.tolist()
    assert has_labels(tmp_path / "d.csv") is (labels is not None)


def test_a_header_decides_where_values_cannot(tmp_path: Path) -> None:
    """The column that a header calls "class" holds the labels, even if the other one varies more."""
    images = IMAGES.copy()
    images[:, 0, 0] = LABELS[::-1]
    (tmp_path / "d.csv").write_text(f"{PIXEL_NAMES},class\n" + rows(labels="last", images=images))
    assert labels_of(tmp_path / "d.csv") == LABELS.tolist()


def test_a_file_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that end inside a line give the same images; gzip, a byte order mark and empty lines do not matter."""
    monkeypatch.setattr(csv, "PIECE_BYTES", 5_000)
    text = "\ufeff" + rows(labels="first").replace("\n", "\n\n") + "\n"
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert np.array_equal(read_csv(tmp_path / "d.csv.gz").images, IMAGES)
    assert labels_of(tmp_path / "d.csv.gz") == LABELS.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 1 column, parted by commas: expected 784 pixels, or 785 with a label first or last"),
        ("0;" * 784 + "0\n", "has 1 column, parted by commas"),
        (",".join(["0"] * 65) + "\n", "has 65 columns, parted by commas: expected 784 pixels, or 785"),
        (rows(labels=None) + "1,2\n", "row 31 has 2 columns; expected 784"),
        (rows(labels=None) + ",".join(["0"] * 783 + ["256"]), "row 31 has '256' in column 784; expected whole numbers"),
        (rows(labels=None) + ",".join(["0.5"] + ["0"] * 783), "row 31 has '0.5' in column 1; expected whole numbers"),
        (rows(labels=None) + ",".join([""] + ["0"] * 783), "row 31 has '' in column 1; expected whole numbers"),
        (rows(labels=None) + ",".join(["-1"] + ["0"] * 783), "row 31 has '-1' in column 1; expected whole numbers"),
        (",".join(["77"] * 785) + "\n", "neither the first nor the last column holds labels from 0 to 9"),
        ("0" * (1 << 23), "a line has over 4,194,304 bytes"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The error says what was found, where, and what was expected."""
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(MnistcnnError, match=message):
        read_csv(tmp_path / "d.csv")
