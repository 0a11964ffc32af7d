"""Sheets that explain: what is on them, in which formats, from the command and from the library."""

from pathlib import Path

import pytest
from conftest import Run

from mnistcnn import explain
from mnistcnn.errors import UsageError
from mnistcnn.report.explanation_plots import save_explanation_sheet
from mnistcnn.results import Explanation

FIVE = Path(__file__).parents[2] / "docs" / "five.jpg"


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    """What the pretrained model makes of the README's picture."""
    return explain("pretrained", FIVE, backend="numpy")


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_suffix_is_the_format(explanation: Explanation, tmp_path: Path, suffix: str, start: bytes) -> None:
    """The same explanation makes the same file."""
    path, again = tmp_path / f"sheet{suffix}", tmp_path / f"again{suffix}"
    save_explanation_sheet(explanation, path)
    save_explanation_sheet(explanation, again)
    assert path.read_bytes().startswith(start)
    assert path.read_bytes() == again.read_bytes()


def test_without_a_picture_the_filters_are_drawn(command: Run, tmp_path: Path) -> None:
    """Those of both convolutions, under the model's name."""
    done = command("explain", "-m", "pretrained", "--plot", "filters.svg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "sheet drawn: filters.svg\n")
    text = (tmp_path / "filters.svg").read_text()
    for words in ("pretrained: blue weights are above zero, orange below", "conv1: 32 filters of 5×5"):
        assert f">{words}<" in text


def test_the_sheet_says_what_it_shows(command: Run, tmp_path: Path) -> None:
    """Its text is text: the answer, each part's heading, the method; the answer is printed as `predict` prints it."""
    done = command("explain", str(FIVE), "-m", "pretrained", "--plot", "five.svg", "--why-not", "3")
    assert done.stdout == command("predict", str(FIVE), "-m", "pretrained").stdout
    assert done.stderr == "sheet drawn: five.svg\n"
    text = (tmp_path / "five.svg").read_text()
    for words in (
        "five.jpg: 5, 96.6 %",
        "What the network saw",
        "Probabilities",
        "For 5, and against it",
        "For 5 rather than 3",
        "conv1: 32 maps of 28×28",
        "conv2: 64 maps of 14×14",
        "Blue ink speaks for it, orange against it: occlusion by squares of 6×6 pixels (Zeiler and Fergus, 2014).",
    ):
        assert f">{words}<" in text


def test_the_library_explains_and_draws(explanation: Explanation, tmp_path: Path) -> None:
    """The result holds every layer; a sheet is drawn if it is asked for."""
    assert explanation.prediction.digit == 5
    assert explanation.activations["conv2"].shape == (14, 14, 64)
    assert explanation.picture.shape == (480, 640)
    explain("pretrained", FIVE, plot=tmp_path / "five.png", backend="numpy")
    assert [path.name for path in tmp_path.iterdir()] == ["five.png"]
    with pytest.raises(UsageError, match="why_not must be a digit; received 11"):
        explain("pretrained", FIVE, plot=tmp_path / "never.png", why_not=11, backend="numpy")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere.png"], 1, "nowhere.png: no such file"),
        (["two"], 1, "two holds 2 pictures: name one of them"),
        ([str(FIVE), "--plot", "five.gif"], 2, "--plot must be a .png, .svg, .pdf file; received 'five.gif'"),
        ([str(FIVE), "--plot", "mine.png"], 1, "mine.png already exists: replace it with --force"),
        (["-m", "nowhere.keras"], 1, "there is no model at nowhere.keras"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    command: Run, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    """And leaves every file as it was."""
    (tmp_path / "mine.png").write_bytes(b"mine")
    (tmp_path / "two").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "two" / name).write_bytes(b"")
    done = command("explain", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.splitlines()[-1].startswith(f"error: {message}")
    assert not (tmp_path / "explanation.png").exists()
