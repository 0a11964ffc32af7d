"""`mnistcnn predict --output`: a file that is whole, or goes on with the same command."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from helpers import drawn_one, until
from PIL import Image

from mnistcnn import load_model
from mnistcnn.app.reading import Reading, read_pictures
from mnistcnn.app.wiring import Process
from mnistcnn.data.sources import load_dataset
from mnistcnn.errors import MnistcnnError
from mnistcnn.results import Prediction
from mnistcnn.runtime.parts import Done

PICTURES = 3000  # which take a few seconds
OPTIONS = ("-m", "pretrained", "--backend", "numpy")


@pytest.fixture
def names(tmp_path: Path) -> str:
    """Write a list that names two pictures and a file that is none, again and again; return its argument."""
    Image.fromarray(drawn_one()).save(tmp_path / "1.png")
    Image.fromarray(drawn_one().T.copy()).save(tmp_path / "other.png")
    (tmp_path / "bad.png").write_text("nothing")
    (tmp_path / "names.txt").write_text("1.png\nbad.png\nother.png\n" * (PICTURES // 3))
    return "@names.txt"


def stopped(folder: Path, environment: dict[str, str], *options: str) -> int:
    """Start a command, kill it once it has made a part, and return how many pictures that holds."""
    command = [sys.executable, "-m", "mnistcnn", "predict", *options, *OPTIONS]
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    state = folder / "answers.part.json"
    until(process, state.exists)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done: int = json.loads(state.read_bytes())["pictures"]
    return done


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_killed_command_goes_on_after_its_last_part(
    mnistcnn: Run, environment: dict[str, str], tmp_path: Path, names: str, form: str
) -> None:
    """The file has the bytes that standard output would have had, and nothing else is left."""
    options = (names, "--format", form)
    expected = mnistcnn("predict", *options, *OPTIONS)
    before = set(tmp_path.iterdir())
    count = stopped(tmp_path, environment, *options, "--output", "answers")
    assert 0 < count < PICTURES
    assert not (tmp_path / "answers").exists()
    done = mnistcnn("predict", *options, "--output", "answers", *OPTIONS)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"going on after the {count:,} pictures" in done.stderr
    assert (tmp_path / "answers").read_text() == expected.stdout
    assert set(tmp_path.iterdir()) == before | {tmp_path / "answers"}


@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_parts_of_another_command_are_kept_apart(
    mnistcnn: Run, environment: dict[str, str], tmp_path: Path, names: str
) -> None:
    """Other settings are refused unless `--force` starts anew; other pictures are refused."""
    stopped(tmp_path, environment, names, "--format", "jsonl", "--output", "answers")
    output = ("--output", "answers")
    done = mnistcnn("predict", names, "--format", "csv", *output, *OPTIONS)
    assert "answers.part was begun with form jsonl, not csv: go on as it began, or start anew" in done.stderr
    done = mnistcnn("predict", "1.png", "--format", "jsonl", *output, *OPTIONS)
    assert "pictures are not those that were answered before" in done.stderr
    done = mnistcnn("predict", "1.png", "--format", "csv", "--force", *output, *OPTIONS)
    assert (done.returncode, (tmp_path / "answers").read_text().count("\n")) == (0, 2)


def test_a_file_is_not_replaced_without_force(command: Run, tmp_path: Path) -> None:
    """A file that is there stays as it is; `--force` replaces it; nothing is left beside it."""
    Image.fromarray(drawn_one()).save(tmp_path / "1.png")
    (tmp_path / "answers").write_text("mine")
    done = command("predict", "1.png", "--output", "answers", *OPTIONS)
    assert (done.returncode, (tmp_path / "answers").read_text()) == (1, "mine")
    assert "answers already exists: replace it with --force" in done.stderr
    assert command("predict", "1.png", "--output", "answers", "--force", *OPTIONS).returncode == 0
    assert (tmp_path / "answers").read_text().startswith("1.png  ")
    assert {path.name for path in tmp_path.glob("*answers*")} == {"answers"}


def test_a_command_that_fails_at_once_leaves_nothing(command: Run, tmp_path: Path) -> None:
    """A model that is missing leaves no file beside the one that was to be written."""
    done = command("predict", "1.png", "--output", "answers", "-m", "none.keras")
    assert (done.returncode, list(tmp_path.glob("*answers*"))) == (1, [])


def test_reading_goes_on_within_rows_and_behind_them(tmp_path: Path) -> None:
    """After the first batch of a CSV file's rows, and after all of them, what remains is read as the whole is."""
    images = np.tile(load_dataset("sample").split("test").images.reshape(-1, 784), (2, 1))[:600]
    np.savetxt(tmp_path / "rows.csv", images, fmt="%d", delimiter=",")
    Image.fromarray(drawn_one()).save(tmp_path / "1.png")
    given = [str(tmp_path / "rows.csv"), *[str(tmp_path / "1.png")] * 7]
    trained = load_model("pretrained", backend="numpy")

    def read(done: Done) -> list[list[tuple[Prediction, ...]]]:
        return list(read_pictures(trained, given, Reading(), Process("numpy"), stdin=None, done=done)[1])

    every = read(Done())
    assert [len(batch) for batch in every] == [500, 100, 1, 4, 2]
    done = Done()
    for number, batch in enumerate(every, start=1):
        done = done.after(predictions[0].name for predictions in batch)
        assert read(done) == every[number:]
    with pytest.raises(MnistcnnError, match="the first 607 pictures are not those that were answered before"):
        read(Done(pictures=done.pictures, names="others"))
