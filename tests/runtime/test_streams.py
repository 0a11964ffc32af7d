"""Standard streams that are closed, and what libraries write to them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcnn.errors import MnistcnnError
from mnistcnn.runtime.streams import STDERR, STDOUT, silenced


@pytest.mark.parametrize(
    ("redirections", "status", "answers"), [("2>&-", 1, True), (">&-", 1, False), ("<&- >&- 2>&-", 1, False)]
)
def test_predict_needs_no_standard_stream(
    trained: Path, tmp_path: Path, environment: dict[str, str], redirections: str, status: int, answers: bool
) -> None:
    """What a closed stream would have shown is lost; the answers and the status are as usual."""
    picture = np.zeros((28, 28), np.uint8)
    picture[4:24, 12:16] = 255
    Image.fromarray(picture).save(tmp_path / "one.png")
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m mnistcnn predict one.png nowhere.png -m {trained} {redirections}"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status
    assert done.stdout.startswith("one.png ") == answers
    assert ("error: nowhere.png: no such file" in done.stderr) == ("2>&-" not in redirections)


@pytest.mark.parametrize("descriptor", [STDOUT, STDERR])
def test_what_libraries_write_is_silenced(capfd: pytest.CaptureFixture[str], descriptor: int) -> None:
    """Only within the block; what Python has written before it still comes out."""
    stream = sys.stdout if descriptor == STDOUT else sys.stderr
    print("before", file=stream)
    with silenced(descriptor):
        os.write(descriptor, b"noise\n")
    print("after", file=stream)
    assert "".join(capfd.readouterr()) == "before\nafter\n"


@pytest.mark.parametrize(
    ("descriptor", "error", "shown"),
    [(STDERR, ValueError(), "noise\n"), (STDERR, MnistcnnError("a reason"), ""), (STDOUT, ValueError(), "")],
)
def test_what_libraries_write_before_a_failure_is_shown_on_stderr(
    capfd: pytest.CaptureFixture[str], descriptor: int, error: Exception, shown: str
) -> None:
    """It may explain the failure, unless the error says by itself what was wrong."""

    @silenced(descriptor)
    def fail() -> None:
        os.write(descriptor, b"noise\n")
        raise error

    with pytest.raises(type(error)):
        fail()
    assert "".join(capfd.readouterr()) == shown
