"""Models written for other programs, and read by their runtimes."""

import json
import re
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from helpers import drawn_one
from PIL import Image

from mnistcnn import export, load_model
from mnistcnn.data.sources import load_dataset
from mnistcnn.errors import MnistcnnError
from mnistcnn.model import export as exporting

NAMES = {
    "onnxruntime": "digits.onnx",
    "ai_edge_litert": "digits.tflite",
    "openvino": "digits.xml",
    "tensorflow": "saved",
}
EXPORT_PAGE = Path(__file__).parents[2] / "docs" / "export.md"


def file_for(runtime: str, folder: Path) -> Path:
    """Return a file's place for a runtime, if that is installed."""
    needed = {"onnxruntime": ("onnxruntime", "onnx", "tf2onnx")}.get(runtime, (runtime,))
    if missing := [module for module in needed if find_spec(module) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")
    return folder / NAMES[runtime]


def metadata_in(path: Path) -> str:
    """Return the JSON text that travels in a file."""
    match path.suffix:
        case ".onnx":
            import onnx

            return str(onnx.load(path).metadata_props[0].value)
        case ".tflite":
            return zipfile.ZipFile(path).read("mnistcnn.json").decode()
        case ".xml":
            import openvino

            return str(openvino.Core().read_model(path).get_rt_info("mnistcnn").value)
        case _:
            return (path / "assets.extra" / "mnistcnn.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("runtime", NAMES)
def test_a_runtime_reads_what_is_written_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], runtime: str
) -> None:
    """The file agrees with the network, tells where it comes from, and the program of docs/export.md reads a digit."""
    path = file_for(runtime, tmp_path)
    [found] = export("pretrained", path)
    assert (found.file, found.images, found.other_digits) == (str(path), 1_000, 0)
    assert found.largest_difference < 1e-5
    assert json.loads(metadata_in(path))["recipe"] == "best"

    programs = re.findall(r"```python\n(.*?)```", EXPORT_PAGE.read_text(encoding="utf-8"), re.S)
    [program] = [text for text in programs if f'"{path.name}"' in text]
    Image.fromarray(drawn_one()).save(tmp_path / "digit.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "docs/export.md", "exec"), {})
    assert re.fullmatch(r"1 0\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("runtime", ["onnxruntime", "ai_edge_litert"])
def test_an_int8_file_is_a_quarter_of_the_size(tmp_path: Path, runtime: str) -> None:
    """It reads nearly all images as the network does, and says that it is int8."""
    path = file_for(runtime, tmp_path)
    [found] = export("pretrained", path, int8=True)
    assert found.int8
    assert found.other_digits <= 5
    assert path.stat().st_size < 4_000_000
    assert json.loads(metadata_in(path))["weights"] == "int8"


def test_an_int8_file_that_reads_otherwise_is_not_kept(tmp_path: Path) -> None:
    """Calibrated on black images, the network reads nothing right; what was there before stays."""
    path = file_for("ai_edge_litert", tmp_path)
    path.write_text("mine")
    images = load_dataset("sample").split("test").images[:100]
    with pytest.raises(MnistcnnError, match=r"is not kept: in int8 \d+ of 100 images are read as another digit"):
        exporting.export_model(load_model("pretrained"), path, images, np.zeros((20, 28, 28), np.uint8))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "mine"


def test_a_file_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says by how much, and nothing is left behind."""
    monkeypatch.setattr(exporting, "MAX_DIFFERENCE", -1.0)
    with pytest.raises(MnistcnnError, match=r"saved is not kept: the probabilities of tensorflow .* differ by"):
        export("pretrained", tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_with_force_if_it_is_a_saved_model(command: Run, tmp_path: Path) -> None:
    """A SavedModel is replaced whole, and the command says how it reads; a folder of something else never is."""
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_text("old")
    (tmp_path / "saved" / "old").write_text("old")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.png").write_text("mine")
    with pytest.raises(MnistcnnError, match="photos is not a SavedModel, and is not replaced"):
        export("pretrained", tmp_path / "photos", force=True)
    done = command("export", "saved", "-m", "pretrained", "--force")
    assert re.fullmatch(
        r"saved: \d+\.\d MB; tensorflow \S+ reads an image in \d+\.\d\d ms, 0 of 1,000 as another digit; "
        r"probabilities differ by \d\.\de-0\d at most\n",
        done.stdout,
    )
    assert not (tmp_path / "saved" / "old").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "saved"]


@pytest.mark.parametrize(
    ("module", "name", "extra"),
    [("onnxruntime", "d.onnx", "onnx"), ("ai_edge_litert", "d.tflite", "litert"), ("openvino", "d.xml", "openvino")],
)
def test_a_missing_extra_is_one_line(python: Run, module: str, name: str, extra: str) -> None:
    """The error says what to install, before anything is started."""
    done = python("command_without_modules.py", module, "export", name)
    assert done.stdout == "1\n"
    assert re.fullmatch(rf"error: \w+ is not installed: pip install 'mnistcnn\[{extra}\]'\n", done.stderr)


@pytest.mark.parametrize(
    ("name", "int8", "message"),
    [
        ("digits.h5", False, "the suffix must be .onnx, .tflite or, for OpenVINO, .xml"),
        ("nowhere/saved", False, "nowhere does not exist"),
        ("there", False, "there already exists: replace it with force=True"),
        ("saved", True, "int8 must be left out but for .onnx and .tflite files"),
    ],
)
def test_what_cannot_be_written_is_refused_first(tmp_path: Path, name: str, int8: bool, message: str) -> None:
    """The error comes before the model is looked for."""
    (tmp_path / "there").mkdir()
    with pytest.raises(MnistcnnError, match=message):
        export(tmp_path / "nowhere.keras", tmp_path / name, int8=int8)
