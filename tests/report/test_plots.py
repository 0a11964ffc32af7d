"""Sheets: what is drawn on them, in which formats, and what is refused before any work."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SHORT, Run
from helpers import DIGITS, short_config
from PIL import Image

from mnistcnn.errors import MnistcnnError
from mnistcnn.inference.evaluation import compare
from mnistcnn.model.model_file import load_model
from mnistcnn.model.pretrained import model_file
from mnistcnn.report.plots import save_comparison_sheet, save_evaluation_sheet, save_training_sheet
from mnistcnn.results import TrainingHistory, TrainingResult
from mnistcnn.training.run import train


@pytest.fixture(scope="module")
def result() -> TrainingResult:
    """A short run with validations."""
    return train(short_config(40, validate_every=10, learning_rate=0.05), DIGITS)


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_the_suffix_is_the_format(result: TrainingResult, tmp_path: Path, suffix: str, start: bytes) -> None:
    """Both sheets in each of them; the same result makes the same file."""
    assert result.test is not None
    path, again = tmp_path / f"sheet{suffix}", tmp_path / f"again{suffix}"
    save_training_sheet(result, path)
    save_training_sheet(result, again)
    assert path.read_bytes().startswith(start)
    assert path.read_bytes() == again.read_bytes()
    save_evaluation_sheet(result.test, path)
    save_evaluation_sheet(result.test, again)
    assert path.read_bytes().startswith(start)
    assert path.read_bytes() == again.read_bytes()


def test_the_training_sheet_says_what_it_shows(result: TrainingResult, tmp_path: Path) -> None:
    """Its text is text: the axes, the curves by name, and the test's figures."""
    assert result.test is not None
    save_training_sheet(result, tmp_path / "sheet.svg")
    text = (tmp_path / "sheet.svg").read_text()
    for words in (
        "tutorial recipe, 40 steps",
        "cross-entropy, nats",
        "each logged batch",
        "validation split",
        f"{result.test.data} test split {result.test.loss:.4f}",
        f"{result.test.data} test split {100 * result.test.accuracy:.2f} %",
    ):
        assert f">{words}<" in text


def test_the_evaluation_sheet_says_what_it_shows(result: TrainingResult, tmp_path: Path) -> None:
    """The accuracy and its interval, every count of the confusion matrix, the error of calibration, mistakes."""
    test = result.test
    assert test is not None
    save_evaluation_sheet(test, tmp_path / "sheet.svg")
    text = (tmp_path / "sheet.svg").read_text()
    low, high = test.accuracy_interval
    assert f"{100 * test.accuracy:.2f} % (95 % interval {100 * low:.2f} to {100 * high:.2f})" in text
    assert f"Calibration: expected error {100 * test.calibration_error:.2f} %" in text
    for row in test.confusion:
        for count in filter(None, row):
            assert f">{count}<" in text
    for mistake in test.worst_mistakes:
        assert f">{mistake.label} → {mistake.digit}<" in text
    assert text.count("<image ") == 1 + len(test.worst_mistakes)


def test_the_comparison_sheet_says_what_it_shows(result: TrainingResult, tmp_path: Path) -> None:
    """Each model's name and accuracy, and the most telling images with their answers; the file is the same twice."""
    assert result.model is not None
    pretrained = load_model(model_file("pretrained"), "numpy")
    comparison = compare({"short.keras": result.model, "a/folder/of/models/pretrained": pretrained}, DIGITS)
    for name in ("sheet.svg", "again.svg"):
        save_comparison_sheet(comparison, tmp_path / name)
    text = (tmp_path / "sheet.svg").read_text()
    assert text == (tmp_path / "again.svg").read_text()
    for words in ("short.keras", "…er/of/models/pretrained", "Recall by digit"):
        assert words in text
    for found in comparison.evaluations:
        assert f">{100 * found.accuracy:.2f} %<" in text
    for difference in comparison.most_telling[:20]:
        assert f">{difference.label} → {difference.digits[0]} {difference.digits[1]}<" in text
        assert f">{difference.name}<" in text
    alike = compare({"a": pretrained, "b": pretrained}, DIGITS)
    save_comparison_sheet(alike, tmp_path / "alike.svg")
    assert "Every image is read alike" in (tmp_path / "alike.svg").read_text()


def test_a_sheet_has_its_own_light_paper(result: TrainingResult, tmp_path: Path) -> None:
    """White and opaque, so that a dark page does not swallow its ink."""
    save_training_sheet(result, tmp_path / "sheet.png")
    pixels = np.array(Image.open(tmp_path / "sheet.png").convert("RGBA"))
    assert (pixels[..., 3] == 255).all()
    assert (pixels[[0, 0, -1, -1], [0, -1, 0, -1], :3] == 255).all()
    assert min(pixels.shape[:2]) > 1000


def test_runs_and_evaluations_with_little_to_show_are_drawn(result: TrainingResult, tmp_path: Path) -> None:
    """A run that logged nothing, and an evaluation without mistakes."""
    assert result.test is not None
    nothing = TrainingHistory(records=(), validations=())
    save_training_sheet(replace(result, history=nothing), tmp_path / "a.png")
    save_evaluation_sheet(replace(result.test, worst_mistakes=(), mistakes=0), tmp_path / "b.svg")
    assert "No image was misread" in (tmp_path / "b.svg").read_text()


def test_a_sheet_that_cannot_be_written_leaves_what_was_there(result: TrainingResult, tmp_path: Path) -> None:
    """And says so in one line."""
    with pytest.raises(MnistcnnError, match="cannot be written"):
        save_training_sheet(result, tmp_path / "nowhere" / "sheet.png")


def test_commands_draw(command: Run, tmp_path: Path) -> None:
    """`--plot` on train and evaluate, of several models too; a plot is not replaced without --force."""
    assert command("train", *SHORT, "-q", "--plot", "run.svg").returncode == 0
    assert ">tutorial recipe, 20 steps<" in (tmp_path / "run.svg").read_text()
    evaluate = ("evaluate", "--data", "sample", "--plot", "sheet.pdf")
    assert command(*evaluate).returncode == 0
    before = (tmp_path / "sheet.pdf").read_bytes()
    (tmp_path / "sheet.pdf").write_bytes(b"mine")
    done = command(*evaluate)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: sheet.pdf already exists: replace it with --force, or choose another name with --plot\n"
    )
    assert command(*evaluate, "--force").returncode == 0
    assert (tmp_path / "sheet.pdf").read_bytes() == before
    both = ("-m", "mnistcnn.keras", "-m", "pretrained", "--plot", "both.svg")
    assert command("evaluate", "--data", "sample", *both).returncode == 0
    assert ">pretrained<" in (tmp_path / "both.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["train", "--plot", "run.gif"], 2, "--plot must be a .png, .svg, .pdf file; received 'run.gif'"),
        (["train", "--plot", "nowhere/run.png"], 1, "the folder nowhere does not exist"),
        (["train", "--plot", "folder.png"], 1, "folder.png is a folder: name a file in it"),
        (["train", "--tensorboard", "file"], 1, "file is a file: name a folder with --tensorboard"),
        (["train", "--tensorboard", "boards"], 1, "boards holds another run's event files: replace them with --force"),
        (["evaluate", "--plot", "run.jpg"], 2, "--plot must be a .png, .svg, .pdf file; received 'run.jpg'"),
    ],
)
def test_what_cannot_be_written_is_refused_before_any_work(
    command: Run, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    """In one line, before data is read or anything is trained."""
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "boards" / "train").mkdir(parents=True)
    (tmp_path / "boards" / "train" / "events.out.tfevents.1.x").write_text("mine")
    done = command(*arguments, "--data", "nowhere")
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"error: {message}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "mnistcnn.keras.checkpoint").exists()


@pytest.mark.parametrize(
    ("option", "module", "extra"),
    [(["--plot", "x.png"], "matplotlib", "plot"), (["--tensorboard", "x"], "tensorboard", "tensorboard")],
)
def test_an_extra_that_is_missing_is_named(python: Run, option: list[str], module: str, extra: str) -> None:
    """In one line that installs it, before any work."""
    done = python("command_without_modules.py", module, "train", "--data", "nowhere", *option)
    assert done.stdout == "1\n"
    assert done.stderr == f"error: {module} is not installed: pip install 'mnistcnn[{extra}]'\n"


def test_a_command_without_a_plot_imports_no_matplotlib(python: Run) -> None:
    """A command that draws nothing imports neither matplotlib nor TensorBoard, nor scikit-learn, as Keras would."""
    options = ("--data", "sample", "--steps", "2", "--log-every", "1", "--batch-size", "2", "-q")
    *_, modules = python("modules_of_command.py", "train", *options).stdout.splitlines()
    assert "'tensorflow'" in modules
    assert not any(f"'{name}'" in modules for name in ("matplotlib", "sklearn", "tensorboard"))
