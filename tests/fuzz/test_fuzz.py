"""Damaged, hostile and odd input ends in a result or one clear line: no traceback, no hang, no gigabyte."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run
from fuzz_pictures import encoded, stroke

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the watch needs alarms, limits and /proc")

GIGABYTE_KIB = 10**9 / 1024


@pytest.mark.parametrize("subject", ["pictures", "idx", "npz", "csv", "folders", "options"])
def test_bad_input_ends_in_a_result_or_one_line(tmp_path: Path, request: pytest.FixtureRequest, subject: str) -> None:
    """Handmade cases and seeded mutations, as many as --fuzz says, in a process that is watched (`fuzzing.py`)."""
    count = request.config.getoption("--fuzz")
    if subject in ("csv", "folders"):
        count //= 5  # a case is read in several ways, and a tree holds many a mutated picture
    script = Path(__file__).with_name("fuzzing.py")
    done = subprocess.run(
        [sys.executable, str(script), subject, str(count), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["bad"] == {}
    assert sum(found["ended"].values()) >= count
    assert found["ended"]["refused"] > 0
    assert found["largest_kib"] < GIGABYTE_KIB, found["largest_case"]
    assert not found["unpickled"]


def test_odd_names_are_read_and_printed_as_escapes(mnistcnn: Run, tmp_path: Path) -> None:
    """A path with bytes that are not text, line breaks and terminal codes works from training to prediction."""
    odd = os.fsdecode(b"\xff\n\x1b[31m \xe2\x98\x83")
    model, picture = f"{odd}.keras", tmp_path / f"{odd}.png"
    picture.write_bytes(encoded(stroke(28, 28, "L"), "PNG"))
    done = [
        mnistcnn("train", "--data", "sample", "--steps", "5", "--batch-size", "5", "-m", model, "--log-every", "0"),
        mnistcnn("evaluate", "--data", "sample", "-m", model, "--backend", "numpy"),
        *(mnistcnn("predict", picture.name, "-m", model, "--format", form) for form in ("table", "jsonl")),
        mnistcnn("predict", f"nowhere {odd}.png", "-m", model),
    ]
    assert [process.returncode for process in done] == [0, 0, 0, 0, 1], [process.stderr for process in done]
    for process in done:
        assert "\x1b" not in process.stdout + process.stderr
        assert "Traceback" not in process.stderr
    assert len(done[-1].stderr.splitlines()) == 1
    saved, checkpoint, _ = done[0].stdout.splitlines()[-3:]
    assert saved == "model saved: \\udcff\\n\\x1b[31m ☃.keras"
    assert checkpoint.startswith("checkpoint: \\udcff\\n\\x1b[31m ☃.keras.checkpoint, ")
    assert json.loads(done[3].stdout)["file"] == picture.name
