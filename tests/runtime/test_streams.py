"""Standard streams that are closed, and what libraries write to them."""

import os
import re
import subprocess
import sys
import tempfile
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from helpers import drawn_one
from PIL import Image

from mnistcnn.errors import MnistcnnError
from mnistcnn.report.text_graphics import BRAILLE, EIGHTHS, LEVELS, SHADES, bar
from mnistcnn.runtime.streams import STDERR, STDOUT, draw_in_ascii_where_needed, silenced


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


def test_drawings_are_ascii_where_the_encoding_lacks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each character stays one column wide, no ink stays blank, and what is not a drawing is escaped."""
    drawn = [*EIGHTHS, *LEVELS, *SHADES, "▀", "→", *map(chr, range(BRAILLE, BRAILLE + 256))]
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, encoding="ascii"))
    draw_in_ascii_where_needed()
    sys.stdout.write(f"{''.join(drawn)} {bar(0.52, 10)} é\n")
    sys.stdout.flush()
    shown = written.getvalue().decode()
    assert len(shown) == len(drawn) + len(f" {bar(0.52, 10)} \\xe9\n")
    assert shown.endswith(f" #####.     \\xe9{os.linesep}")
    assert [character for character, ours in zip(shown, drawn, strict=False) if character == " "] == [" "] * 3
    assert "\\" not in shown[: len(drawn)]


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "cp437"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_bars_are_drawn_in_every_encoding(
    mnistcnn: Run, environment: dict[str, str], tmp_path: Path, variables: dict[str, str]
) -> None:
    """A code page of Windows or the C locale shows a bar of ASCII, not escape sequences."""
    Image.fromarray(drawn_one()).save(tmp_path / "one.png")
    encoding = variables.get("PYTHONIOENCODING", "ascii")
    done = mnistcnn("predict", "one.png", "-m", "pretrained", env=environment | variables, encoding=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"one\.png +1 [#█]{8}[.:+#▌]? +8\d\.\d %  ", done.stdout), done.stdout


@pytest.mark.parametrize("descriptor", [STDOUT, STDERR])
def test_what_libraries_write_is_silenced(capfd: pytest.CaptureFixture[str], descriptor: int) -> None:
    """Only within the block; what Python has written before it still comes out."""
    stream = sys.stdout if descriptor == STDOUT else sys.stderr
    print("before", file=stream)
    with silenced(descriptor):
        os.write(descriptor, b"noise\n")
    print("after", file=stream)
    assert "".join(capfd.readouterr()) == "before\nafter\n"


def test_without_a_folder_for_temporary_files_the_way_out_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A container may have a read-only root and no /tmp."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(MnistcnnError, match=r"set TMPDIR to a folder that can be written"), silenced(STDERR):
        pass


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
