"""The model that comes with the package: used without another, taught, and tried on samples."""

import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import Run
from helpers import drawn_one
from PIL import Image

import mnistcnn
from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.model import pretrained

NOTICE = "no mnistcnn.keras here: the pretrained model is used; it reads 99.65 % of MNIST's test images\n"


@pytest.fixture
def one(tmp_path: Path) -> str:
    """Return the name of a picture of a 1."""
    Image.fromarray(drawn_one()).save(tmp_path / "one.png")
    return "one.png"


def test_predict_uses_the_pretrained_model_if_there_is_no_other(mnistcnn: Run, one: str) -> None:
    """`predict` reads a picture at once and says on standard error which model it uses."""
    done = mnistcnn("predict", one)
    assert done.returncode == 0
    assert re.match(r"one\.png +1 █+.? +8\d\.\d %", done.stdout)
    assert done.stderr == NOTICE


def test_a_named_model_is_used_without_a_word(command: Run, one: str) -> None:
    """`-m pretrained` names the model of the package."""
    done = command("predict", one, "-m", "pretrained", "--format", "jsonl")
    assert json.loads(done.stdout)["digit"] == 1
    assert done.stderr == ""


def test_a_model_of_ones_own_comes_before_the_pretrained_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None stands for `mnistcnn.keras` if the current folder has one."""
    monkeypatch.chdir(tmp_path)
    assert pretrained.model_file(None) == pretrained.FILE
    Path("mnistcnn.keras").touch()
    assert pretrained.model_file(None) == Path("mnistcnn.keras")
    assert pretrained.model_file("pretrained") == pretrained.FILE
    assert pretrained.model_file("other.keras") == Path("other.keras")


def test_the_pretrained_file_is_the_one_that_its_module_describes() -> None:
    """The weights have the documented SHA-256, are values of bfloat16, and the file has at most 7 MB."""
    assert pretrained.FILE.stat().st_size <= 7_000_000
    with zipfile.ZipFile(pretrained.FILE) as archive:
        content = archive.read("model.weights.h5")
    arrays: list[np.ndarray] = []
    with h5py.File(io.BytesIO(content), "r") as file:
        file.visititems(lambda _, item: arrays.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    assert sum(array.size for array in arrays) == 3_274_634
    assert not any((array.view(np.uint32) & 0xFFFF).any() for array in arrays)
    digest = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
    assert digest in str(pretrained.__doc__)


@pytest.mark.mnist
def test_the_pretrained_model_reads_mnist_as_it_says(command: Run, mnist_path: str) -> None:
    """The pretrained model reads 99.65 % of MNIST's test images right."""
    done = command("evaluate", "-m", "pretrained", "--data", mnist_path, "--json", "--backend", "numpy")
    assert json.loads(done.stdout)["accuracy"] == 0.9965


def test_the_sample_is_not_new_to_a_model_that_was_trained_on_mnist(command: Run) -> None:
    """`evaluate --data sample` warns that the images are among those that the model was trained on."""
    done = command("evaluate", "-m", "pretrained", "--data", "sample", "--json", "--backend", "numpy")
    [warning] = done.stderr.splitlines()
    said = "sample is taken from the training images of mnist: a model trained on mnist may know them"
    assert warning == f" WARNING  {said}"
    assert json.loads(done.stdout)["notice"] == said


def test_samples_are_pictures_that_predict_reads(command: Run, tmp_path: Path) -> None:
    """`samples` saves a split's first images in class folders, and replaces nothing of the user's."""
    done = command("samples", "digits", "--data", "sample", "--count", "12")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "12 images saved in digits\n")
    files = sorted(path.name for path in tmp_path.glob("digits/[0-9]/*.png"))
    assert files == [f"test-{position:05}.png" for position in range(12)]
    read = command("predict", "digits", "-m", "pretrained", "--backend", "numpy")
    assert read.stdout.splitlines()[-1] == "read right: 12 of 12, 100.00 %"
    again = command("samples", "digits", "--data", "sample")
    assert again.returncode == 1
    assert again.stderr.startswith("error: digits already holds files: replace those of the same name with --force")


def test_misread_samples_are_those_that_the_model_reads_wrong(command: Run, trained: Path, tmp_path: Path) -> None:
    """`samples --misread` saves images whose answer differs from their label, and names both."""
    options = ("--data", "sample", "--misread", "-m", str(trained), "--count", "5", "--backend", "numpy")
    assert command("samples", "wrong", *options).returncode == 0
    files = list(tmp_path.glob("wrong/[0-9]/*.png"))
    assert len(files) == 5
    for file in files:
        found = re.fullmatch(r"test-\d{5}-read-as-(\d)\.png", file.name)
        assert found
        assert found[1] != file.parent.name


def test_samples_of_class_folders_keep_their_names(command: Run, tmp_path: Path) -> None:
    """A picture is called by its own file's name, with the answer if it was misread."""
    (tmp_path / "pictures" / "7").mkdir(parents=True)
    Image.fromarray(drawn_one()).save(tmp_path / "pictures" / "7" / "scan.v2.png")
    options = ("--data", "pictures", "--split", "all", "-m", "pretrained", "--backend", "numpy")
    assert command("samples", "images", *options).returncode == 0
    assert command("samples", "wrong", *options, "--misread").returncode == 0
    assert [path.name for path in tmp_path.glob("images/7/*")] == ["scan.v2.png"]
    assert [path.name for path in tmp_path.glob("wrong/7/*")] == ["scan.v2-read-as-1.png"]


def test_training_starts_from_the_weights_of_a_model() -> None:
    """A step at a tiny rate leaves the weights of `init` nearly as they are, and the recipe is `finetune`."""
    result = mnistcnn.train(data="sample", init="pretrained", steps=1, learning_rate=1e-12, quiet=True)
    before = mnistcnn.load_model("pretrained", backend="numpy").model.get_weights()
    assert result.model is not None
    for ours, theirs in zip(result.model.model.get_weights(), before, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert result.model.metadata.recipe == "finetune"


def test_a_run_from_a_model_does_not_go_on_from_another(tmp_path: Path, trained: Path) -> None:
    """A checkpoint remembers the weights that its run started from, and the message names what differs."""
    settings: dict[str, Any] = {
        "data": "sample",
        "model": tmp_path / "m.keras",
        "steps": 2,
        "log_every": 0,
        "quiet": True,
    }
    mnistcnn.train(init="pretrained", **settings)
    (tmp_path / "m.keras").unlink()
    with pytest.raises(MnistcnnError, match="is of another run: init was [0-9a-f]{64} and is now [0-9a-f]{64}"):
        mnistcnn.train(init=trained, resume=True, **settings)


def test_finetuning_needs_a_model_to_start_from() -> None:
    """The recipe `finetune` without `init` is wrong usage."""
    with pytest.raises(UsageError, match="^init must be the model to start from with the finetune recipe"):
        mnistcnn.train("finetune", "sample")
