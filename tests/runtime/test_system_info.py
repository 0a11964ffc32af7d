"""`mnistcnn info`: what is installed, what it computes on, and what a model file says of itself."""

import json
import re
import zipfile
from pathlib import Path

import pytest
from conftest import Run

from mnistcnn import __version__
from mnistcnn.config import BACKENDS
from mnistcnn.model.model_file import model_info
from mnistcnn.report.info import show_model
from mnistcnn.results import BackendInfo


def test_every_backend_has_a_line(mnistcnn: Run) -> None:
    """Installed or not: its version, its devices, the precision `auto` takes and why, or the way to install it."""
    done = mnistcnn("info")
    assert (done.returncode, done.stderr) == (0, "")
    versions, chosen, blank, *backends = done.stdout.partition("\n\n/")[0].splitlines()  # a model's path comes next
    assert versions.startswith(f"mnistcnn {__version__}, python 3.")
    assert chosen == "backend by default: tensorflow"
    assert blank == ""
    assert [line.split()[0] for line in backends] == list(BACKENDS)
    for line in backends:
        trains = r"\d\S+ +\S*cpu:0; precision auto: b?float\d\d, because .+"
        reads = r"\d\S+ +cpu:0; evaluates and predicts only, in float32"
        assert re.fullmatch(rf"\w+ +({trains}|{reads}|not installed: pip install 'mnistcnn\[\w+\]')", line)


def test_a_backend_that_fails_does_not_end_the_command(
    mnistcnn: Run, tmp_path: Path, environment: dict[str, str]
) -> None:
    """One that cannot be imported, or ends its process, is told of by its last words; the others have their lines."""
    broken = tmp_path / "broken"
    failures = {"torch": "raise ImportError('no such library')", "openvino": "import os; os._exit(3)"}
    for name, program in failures.items():
        (broken / name).mkdir(parents=True)
        (broken / name / "__init__.py").write_text(program)
    done = mnistcnn("info", env=environment | {"PYTHONPATH": str(broken)})
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert lines["torch"].endswith("does not work: ImportError: no such library")
    assert lines["openvino"].endswith("does not work: ended without an answer")
    assert "cpu:0" in lines["tensorflow"]


def test_a_model_file_is_told_of(command: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its layers and parameters, how it was made, how good it is, and the versions it was made with."""
    short = ("--data", "sample", "--steps", "2", "--batch-size", "4", "--log-every", "0", "--checkpoint-every", "0")
    assert command("train", *short, "-q").returncode == 0
    done = command("info", "mnistcnn.keras")
    assert (done.returncode, done.stderr) == (0, "")
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["conv1", "Conv2D", *["28", "×", "28", "×", "32"], "832"] in words
    assert ["dense", "Dense", "1024", "3,212,288"] in words
    assert ["parameters", "3,274,634"] in words
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines()[-7:])
    assert (rows["recipe"], rows["step"], rows["data"]) == ("tutorial", "2", "sample")
    assert re.fullmatch(r"\d+\.\d\d % on the test split", rows["accuracy"])
    assert re.match(rf"with +mnistcnn {__version__}, python 3.*, keras 3.*, tensorflow 2", rows["made"])

    with zipfile.ZipFile(tmp_path / "mnistcnn.keras") as whole, zipfile.ZipFile(tmp_path / "bare.keras", "w") as bare:
        for name in whole.namelist():
            if name != "mnistcnn.json":
                bare.writestr(name, whole.read(name))
    show_model(model_info(tmp_path / "bare.keras"))
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[-6:]] == ["unknown"] * 6


def test_a_hostile_file_is_refused_in_a_line(command: Run, tmp_path: Path) -> None:
    """Nothing of it reaches the terminal but what is printable."""
    (tmp_path / "text.keras").write_text("no model")
    done = command("info", "text.keras")
    assert done.returncode == 1
    assert done.stderr.startswith("error: text.keras is a text file, not a model")
    with zipfile.ZipFile(tmp_path / "hostile.keras", "w") as archive:
        for name in ("metadata.json", "model.weights.h5"):
            archive.writestr(name, b"{}")
        archive.writestr("config.json", json.dumps({"class_name": "\x1b[31mLambda", "config": {}, "module": "os"}))
    done = command("info", "hostile.keras")
    assert done.returncode == 1
    assert done.stderr.startswith("error: hostile.keras is no")
    assert "\x1b" not in done.stderr


def test_a_backend_without_a_version_is_not_installed() -> None:
    """The line names the command that installs it."""
    from mnistcnn.report.info import backend_line

    line = backend_line(BackendInfo(name="jax", version=None))
    assert line == "jax        not installed: pip install 'mnistcnn[jax]'"
