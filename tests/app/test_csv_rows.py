"""`mnistcnn predict` of a CSV file: each row is an image."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

from mnistcnn import predict
from mnistcnn.data.sources import load_dataset

OPTIONS = ("-m", "pretrained", "--backend", "numpy")


@pytest.fixture
def rows(tmp_path: Path) -> np.ndarray:
    """Write five images of the sample as `test.csv`, with their labels as `train.csv`; return label and pixels."""
    split = load_dataset("sample").split("test")[:5]
    columns = np.column_stack([split.labels, split.images.reshape(5, -1)])
    names = ",".join(f"pixel{number}" for number in range(784))
    np.savetxt(tmp_path / "test.csv", columns[:, 1:], fmt="%d", delimiter=",", header=names, comments="")
    np.savetxt(tmp_path / "train.csv", columns, fmt="%d", delimiter=",", header=f"label,{names}", comments="")
    return columns


def test_rows_are_answered_as_kaggle_takes_them(command: Run, rows: np.ndarray) -> None:
    """`--format csv` prints `ImageId,Label`, whether the rows have labels or not."""
    expected = "ImageId,Label\n" + "".join(f"{row},{label}\n" for row, label in enumerate(rows[:, 0], start=1))
    for file in ("test.csv", "train.csv"):
        done = command("predict", file, "--format", "csv", *OPTIONS)
        assert (done.stdout, done.returncode) == (expected, 0)


def test_rows_are_answered_as_json_lines(command: Run, rows: np.ndarray) -> None:
    """Each line has the file, the row, and the fields that a picture has."""
    lines = [
        json.loads(line) for line in command("predict", "test.csv", "--format", "jsonl", *OPTIONS).stdout.splitlines()
    ]
    assert [(line["file"], line["row"], line["digit"]) for line in lines] == [
        ("test.csv", row, label) for row, label in enumerate(rows[:, 0], start=1)
    ]
    assert len(lines[0]["probabilities"]) == 10


def test_rows_with_labels_are_counted(command: Run, rows: np.ndarray, tmp_path: Path) -> None:
    """The table names each row, and says how many were read right; `--save-inputs` saves each by its row."""
    done = command("predict", "train.csv", "--save-inputs", "seen", *OPTIONS)
    assert done.stdout.splitlines()[0].startswith(f"train.csv:1               {rows[0, 0]} ")
    assert done.stdout.splitlines()[-1] == "read right: 5 of 5, 100.00 %"
    assert (tmp_path / "seen" / str(rows[0, 0]) / "train-1.png").exists()


def test_inverted_rows_are_read_with_invert(rows: np.ndarray, tmp_path: Path) -> None:
    """`invert="yes"` reads rows that are dark on light, of a gzip-compressed file too."""
    text = "\n".join(",".join(map(str, 255 - row[1:])) for row in rows)
    (tmp_path / "dark.csv.gz").write_bytes(gzip.compress(text.encode()))
    read = predict("pretrained", tmp_path / "dark.csv.gz", invert="yes", backend="numpy")
    assert [prediction.digit for prediction in read] == rows[:, 0].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.csv",), "nowhere.csv cannot be read: No such file or directory"),
        (("test.csv", "train.csv", "--format", "csv"), "--format must be jsonl, text or table for a CSV file beside"),
        (("test.csv", "--digits", "many"), "--digits must be auto or one for a CSV file"),
    ],
)
@pytest.mark.usefixtures("rows")
def test_what_cannot_be_answered_is_refused(command: Run, arguments: tuple[str, ...], message: str) -> None:
    """The error is one line."""
    done = command("predict", *arguments, *OPTIONS)
    assert done.returncode != 0
    assert message in done.stderr
    assert done.stdout == ""
