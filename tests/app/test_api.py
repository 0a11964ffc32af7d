"""The package as a library: what a notebook does with it, and how results show themselves there."""

import gc
import json
import pickle
import platform
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from helpers import drawn_one
from PIL import Image

import mnistcnn
from mnistcnn.data.sources import bundled_sample
from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.events import TrainingRecord
from mnistcnn.results import Prediction, Predictions, TrainingResult

VOID = {"br", "img"}  # HTML elements that have no end


class Nesting(HTMLParser):
    """Checks that HTML's elements are closed in the order they were opened in, and counts them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Open an element."""
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """An element that closes itself."""
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        """Close the element opened last."""
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A short run with a saved model."""
    path = tmp_path_factory.mktemp("library") / "m.keras"
    return mnistcnn.train(
        data="sample",
        model=path,
        steps=60,
        log_every=10,
        checkpoint_every=0,
        batch_size=20,
        learning_rate=0.05,
        quiet=True,
    )


def test_importing_the_package_imports_nothing_heavy(python: Run) -> None:
    """Not even its own rooms: the first call does."""
    assert python("modules_of_package.py").stdout == "[]\nFalse\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The package raises AttributeError for a name that it does not offer, as any module does."""
    with pytest.raises(AttributeError, match="module 'mnistcnn' has no attribute 'fit'"):
        mnistcnn.fit  # noqa: B018


def test_a_notebook_does_what_the_commands_do(result: TrainingResult, tmp_path: Path) -> None:
    """A trained model, its file, and its Keras network measure and read alike."""
    assert result.model is not None
    assert result.test == mnistcnn.evaluate(result.model, "sample")
    model = mnistcnn.load_model(_saved(result, tmp_path))
    assert model.metadata.step == 60
    assert mnistcnn.evaluate(model, bundled_sample(), "validation").images == 450

    image = drawn_one()
    Image.fromarray(image).save(tmp_path / "one.png")
    predictions = mnistcnn.predict(model, tmp_path / "one.png", tmp_path / "nowhere.png")
    assert isinstance(predictions, Predictions)
    assert [prediction.error for prediction in predictions] == [None, f"{tmp_path / 'nowhere.png'}: no such file"]
    assert predictions[0].digit == int(np.argmax(model.model.predict(image[None, :, :, None] / 255, verbose=0)))


def _saved(result: TrainingResult, folder: Path) -> Path:
    from mnistcnn.model.model_file import save_model

    assert result.model is not None
    save_model(result.model, folder / "saved.keras")
    return folder / "saved.keras"


def test_training_says_nothing_when_quiet_and_tells_listeners(capsys: pytest.CaptureFixture[str]) -> None:
    """`quiet` is silent; otherwise the lines are those of the command; either way listeners hear every event."""
    records: list[object] = []
    settings: dict[str, Any] = {"steps": 4, "log_every": 2, "checkpoint_every": 0, "batch_size": 4}
    mnistcnn.train(data="sample", quiet=True, listeners=[records.append], **settings)
    assert [event.step for event in records if isinstance(event, TrainingRecord)] == [2, 4]
    assert capsys.readouterr() == ("", "")
    mnistcnn.train(data="sample", **settings)
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split()[0] for line in err.splitlines()] == ["tutorial", "step", "2", "4"]


def test_what_is_wrong_is_raised(tmp_path: Path) -> None:
    """The library raises one kind of error, whose message names parameters; a model that exists is not replaced."""
    with pytest.raises(MnistcnnError) as missing:
        mnistcnn.evaluate(tmp_path / "none.keras", "sample")
    none = f"there is no model at {tmp_path / 'none.keras'}; make one with `mnistcnn train`, or name another file"
    assert str(missing.value) == none
    mine = tmp_path / "mine.keras"
    mine.write_text("mine")
    with pytest.raises(MnistcnnError) as existing:
        mnistcnn.train(data="sample", model=mine)
    ways = "continue its run with resume=True, replace it with force=True, or choose another name with model"
    assert str(existing.value) == f"{mine} already exists: {ways}"
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(mnistcnn.train, steps=0), "steps must be a whole number from 1 to 999,999,999; received 0"),
        (partial(mnistcnn.train, steps="10"), "steps must be a whole number from 1 to 999,999,999; received '10'"),
        (partial(mnistcnn.train, learning_rate="x"), "learning_rate must be a finite number above 0; received 'x'"),
        (partial(mnistcnn.train, patience=2), "patience must be 0 without validate_every; received 2"),
        (
            partial(mnistcnn.train, "fast", step=3),
            "hyperparameters must be among steps, batch_size, learning_rate, optimizer, dropout, seed, log_every, "
            "checkpoint_every, validate_every, patience, precision; received 'step'",
        ),
        (partial(mnistcnn.train, log_file="log.jsonl"), "model must be a .keras file with log_file; received None"),
        (partial(mnistcnn.evaluate, "m.keras", plot="a.gif"), "plot must be a .png, .svg, .pdf file; received 'a.gif'"),
        (partial(mnistcnn.predict, "m.keras", digits="two"), "digits must be one of auto, one, many; received 'two'"),  # type: ignore[arg-type]
        (partial(mnistcnn.predict, "m.keras", invert=True), "invert must be one of auto, yes, no; received True"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_value_names_its_parameter(call: Callable[[], object], message: str) -> None:
    """A UsageError says what a parameter must be and what it received, and survives being pickled."""
    with pytest.raises(UsageError) as raised:
        call()
    assert str(raised.value) == message
    assert str(pickle.loads(pickle.dumps(raised.value))) == message
    assert message.startswith(f"{raised.value.parameter} must be {raised.value.expected[:5]}")


def test_the_library_writes_what_the_command_writes(tmp_path: Path) -> None:
    """A run leaves its log, plot and TensorBoard's files if they are named; a plot is replaced only by force."""
    names = {"model": "m.keras", "log_file": "log.jsonl", "plot": "course.svg", "tensorboard": "board"}
    files: dict[str, Any] = {name: tmp_path / file for name, file in names.items()}
    settings: dict[str, Any] = {"steps": 4, "log_every": 2, "checkpoint_every": 0, "batch_size": 4, "quiet": True}
    mnistcnn.train(data="sample", backend="tensorflow", device="cpu", **files, **settings)
    assert [json.loads(line)["step"] for line in files["log_file"].read_text().splitlines()] == [2, 4]
    assert files["plot"].read_text().startswith("<?xml")
    assert list(files["tensorboard"].rglob("events.out.tfevents.*"))
    with pytest.raises(MnistcnnError, match=r"course\.svg already exists: replace it with force=True, or choose"):
        mnistcnn.evaluate(files["model"], "sample", plot=files["plot"])
    before = files["plot"].read_text()
    mnistcnn.evaluate(files["model"], "sample", plot=files["plot"], force=True)
    assert files["plot"].read_text() != before


def test_the_library_reads_numbers_on_a_backend(result: TrainingResult, tmp_path: Path) -> None:
    """With many digits every digit of a picture is a prediction, from left to right; NumPy reads as Keras does."""
    picture = np.full((60, 160), 255, np.uint8)
    for left in (20, 70, 120):
        picture[10:50, left : left + 8] = 0
    Image.fromarray(picture).save(tmp_path / "111.png")
    model = _saved(result, tmp_path)
    found = mnistcnn.predict(model, tmp_path / "111.png", digits="many", invert="yes", backend="numpy")
    keras_found = mnistcnn.predict(model, tmp_path / "111.png", digits="many", invert="yes")
    assert [prediction.digit for prediction in found] == [prediction.digit for prediction in keras_found]
    lefts = [prediction.box[0] for prediction in found if prediction.box]
    assert len(lefts) == 3
    assert lefts == sorted(lefts)


def test_the_library_finds_data_by_its_variable(result: TrainingResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """MNISTCNN_DATA names the data unless an argument does; if it is empty it names none."""
    assert result.model is not None
    monkeypatch.setenv("MNISTCNN_DATA", "nowhere")
    with pytest.raises(MnistcnnError, match="^data=nowhere: no such file or folder; give mnist, sample, or a path"):
        mnistcnn.evaluate(result.model)
    assert mnistcnn.evaluate(result.model, "sample") == result.test
    monkeypatch.setenv("MNISTCNN_DATA", "sample")
    assert mnistcnn.evaluate(result.model) == result.test


def test_results_show_themselves_in_jupyter(
    result: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results show themselves as well-formed HTML without IPython: figures, an image for each mistake, a chart."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    assert result.test is not None
    assert result.model is not None
    shown = result._repr_html_()
    counts = Nesting(shown).counts
    assert counts["svg"] == counts["polyline"] == 1
    assert counts["img"] == min(10, result.test.mistakes)
    assert f"accuracy {100 * result.test.accuracy:.2f} %" in shown
    assert len(re.findall(r"\d+\.\d,\d+\.\d", re.findall(r'points="(.*?)"', shown)[0])) == 6

    compared = mnistcnn.compare([result.model, result.model], "sample")
    assert Nesting(compared._repr_html_()).counts["tr"] == 3
    Image.fromarray(result.test.worst_mistakes[0].image).save(tmp_path / "a<b>.png")
    read = mnistcnn.predict(result.model, tmp_path / "a<b>.png", tmp_path / "<i>")
    counts = Nesting(read._repr_html_()).counts
    assert counts == {"p": 1, "table": 1, "tr": 3, "th": 12, "td": 13, "div": 1, "img": 1, "br": counts["br"]}


def test_an_answer_that_is_unsure_or_wrong_says_so_in_jupyter() -> None:
    """The reason stands under the image, and so does the digit of a class folder if it is another."""
    prediction = Prediction(
        file="3/a.png", probabilities=(0.1,) * 9 + (0.2,), image=drawn_one(), label=3, unsure_because="two likely"
    )
    shown = Predictions([prediction])._repr_html_()
    assert "<br>9<br>unsure: two likely<br>misread: it is 3</div>" in shown


def test_a_table_of_many_predictions_stays_small() -> None:
    """The first 50 are shown, and the others counted; the text beside it, which a notebook keeps, is short."""
    prediction = Prediction(file="a.png", probabilities=(0.1,) * 10, image=drawn_one())
    many = Predictions([prediction] * 1_060)
    shown = many._repr_html_()
    assert Nesting(shown).counts["img"] == 50
    assert shown.endswith("<p>… and 1,010 more</p>")
    assert repr(many) == f"<Predictions: {', '.join('0' * 20)} and 1,040 more>"
    assert repr(Predictions([prediction, replace(prediction, probabilities=(), error="gone")])) == "<Predictions: 0, ?>"


def test_what_a_program_holds_is_read(result: TrainingResult, tmp_path: Path) -> None:
    """Arrays, Pillow's images, paths and lists of them are read alike; pictures without a file have a number."""
    image = drawn_one()
    Image.fromarray(image).save(tmp_path / "one.png")
    path = tmp_path / "one.png"
    read = mnistcnn.predict(result.model, [path, Image.fromarray(image)], image, np.stack([image, image]), [str(path)])
    assert [each.file for each in read] == [str(path), "picture 2", "picture 3", "picture 4", "picture 5", str(path)]
    assert [each.error for each in read] == [None] * 6
    assert all(np.array_equal(each.image, image) for each in read)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda result: mnistcnn.predict(result.model, 7), "not a picture: int; expected paths, Pillow images, arrays"),  # type: ignore[arg-type]
        (lambda result: mnistcnn.predict(result, "one.png"), "model must be a path, .* received TrainingResult"),
        (lambda result: mnistcnn.evaluate(result.model, (1, 2)), "data must be mnist, .* or a Dataset; received tuple"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_another_type_is_a_type_error(
    result: TrainingResult, call: Callable[[TrainingResult], object], message: str
) -> None:
    """The error says what is taken and what was received; nothing is taken for a file's name that is not one."""
    with pytest.raises(TypeError, match=message):
        call(result)


def test_data_that_had_to_be_replaced_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    """Where MNIST is out of reach, the library warns as the command does, and names the line that called it."""
    monkeypatch.delenv("MNISTCNN_DATA", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.warns(UserWarning, match=r"Going on with the 5,000 MNIST images of the package instead\.$") as warned:
        result = mnistcnn.train(steps=1, batch_size=2, quiet=True)
    assert result.test is not None
    assert result.test.data == "sample"
    assert [one.filename for one in warned if one.category is UserWarning] == [__file__]


@pytest.mark.parametrize("switch", [gc.enable, gc.disable])
def test_a_programs_garbage_is_collected_as_before(switch: Callable[[], None]) -> None:
    """Keras is loaded without the collector, which then goes on, or stays off, and leaves no object out of account."""
    from mnistcnn.runtime.backend import start_keras

    switch()
    try:
        before = gc.isenabled(), gc.get_freeze_count()
        start_keras()
        assert (gc.isenabled(), gc.get_freeze_count()) == before
    finally:
        gc.enable()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="TensorFlow for other processors may be built without them")
@pytest.mark.parametrize(("variables", "expected"), [({}, "True"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "False")])
def test_tensorflow_uses_its_fast_kernels(python: Run, variables: dict[str, str], expected: str) -> None:
    """Those of oneDNN are asked for on any CPU, of which TensorFlow takes some for too old, unless a user says no."""
    program = """
from mnistcnn.runtime.backend import start_keras
start_keras("tensorflow")
from tensorflow.python.util import _pywrap_util_port
print(_pywrap_util_port.IsMklEnabled())
"""
    assert python(program, env=variables).stdout.split() == [expected]
