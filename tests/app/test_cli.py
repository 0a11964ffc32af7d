"""The command line as people use it: real processes, whole outputs, exit statuses."""

import csv
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import SHORT, Run
from helpers import drawn_one
from PIL import Image

from mnistcnn import __version__
from mnistcnn.config import BACKENDS
from mnistcnn.report.input_folder import InputFolder
from mnistcnn.results import Prediction


def write_digit(path: Path, *, light_on_dark: bool = True) -> Path:
    """Write the hand-drawn 1, or its negative."""
    image = drawn_one()
    Image.fromarray(image if light_on_dark else 255 - image).save(path)
    return path


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], *([name, "--help"] for name in ("train", "evaluate", "predict", "info"))]
)
def test_help_needs_no_heavy_module(python: Run, arguments: list[str]) -> None:
    """Help and --version import neither Keras nor NumPy nor Pillow nor any other slow module."""
    output = python("modules_of_command.py", *arguments).stdout
    assert output.endswith("HEAVY []\n")
    assert output.startswith(("Usage: ", "mnistcnn "))


def test_versions_are_printed_without_importing_anything(mnistcnn: Run) -> None:
    """mnistcnn, Python, Keras and the backend that would be used, a line each."""
    done = mnistcnn("--version")
    assert done.returncode == 0
    names, versions = zip(*(line.split() for line in done.stdout.splitlines()), strict=True)
    assert names == ("mnistcnn", "python", "keras", "tensorflow")
    assert versions[0] == __version__
    assert all(re.fullmatch(r"\d+\.\d+.*", version) for version in versions)


def test_completion_is_offered(mnistcnn: Run, environment: dict[str, str]) -> None:
    """The shell's completion script names the program."""
    without_detection = environment | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = mnistcnn("--show-completion", "bash", env=without_detection)
    assert "complete -o default -F _mnistcnn_completion mnistcnn" in done.stdout


def test_training_prints_the_result_on_stdout_and_the_rest_on_stderr(mnistcnn: Run, tmp_path: Path) -> None:
    """Piped, each record is one plain line of at most 80 columns; the files are those that were promised."""
    done = mnistcnn("train", *SHORT, "--log-file", "log.jsonl")
    assert done.returncode == 0, done.stderr
    summary = done.stdout.splitlines()
    assert re.fullmatch(r"trained to step 20 in 0 min \d\d s, [\d.]+ steps/s", summary[0])
    assert re.fullmatch(r"last batch: loss \d\.\d{4}", summary[1])
    assert re.fullmatch(r"loss from \d\.\d{4} to \d\.\d{4}: [▁▂▃▄▅▆▇█]{2}", summary[2])
    assert re.fullmatch(r"sample, 500 images of the test split: loss \d\.\d{4}, accuracy \d+\.\d\d %", summary[3])
    assert summary[4:] == [
        "model saved: mnistcnn.keras",
        "checkpoint: mnistcnn.keras.checkpoint, 13 MB; delete it unless you resume",
        "next: mnistcnn samples samples --data sample && mnistcnn predict samples",
    ]

    shown = done.stderr.splitlines()
    assert re.fullmatch(
        r"tutorial recipe: 20 steps of 20 on 4,050 images of sample; tensorflow on cpu:0, b?float\d\d", shown[0]
    )
    assert shown[1].split() == ["step", "loss", "acc", "step/s", "digit", *"0123456789", "%"]
    assert [line.split()[0] for line in shown[2:]] == ["10", "20"]
    assert max(map(len, shown[1:])) <= 80
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr

    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    fields = ["step", "loss", "accuracy", "steps_per_second", "labels", "probabilities"]
    assert [list(record) for record in records] == [fields, fields]
    assert np.shape(records[0]["probabilities"]) == (20, 10)
    for line, record in zip(shown[2:], records, strict=True):
        percents = [round(100 * p) for p in record["probabilities"][0]]
        assert [int(cell) for cell in line.split()[5:]] == percents
        assert line.split()[4] == f"{record['labels'][0]}→{int(np.argmax(record['probabilities'][0]))}"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "keras-home") == [
        "log.jsonl",
        "mnistcnn.keras",
        "mnistcnn.keras.checkpoint",
    ]


def test_quiet_training_shows_the_result_alone(command: Run) -> None:
    """With -q, stderr stays empty."""
    done = command("train", *SHORT, "-q")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("trained to step 20 ")


def test_without_a_network_training_goes_on_with_the_sample(command: Run) -> None:
    """A warning that cannot be missed, and a result that says which data it stands on."""
    done = command("train", "--steps", "5", "--batch-size", "5", "--log-every", "5", "--checkpoint-every", "0")
    assert done.returncode == 0, done.stderr
    assert "WARNING" in done.stderr.splitlines()[0]
    assert "Going on with the 5,000 MNIST images of the package instead." in done.stderr.splitlines()[0]
    assert "sample, 500 images of the test split" in done.stdout
    evaluated = command("evaluate")
    assert "WARNING" in evaluated.stderr
    assert "sample, 500 images of the test split" in evaluated.stdout


def test_mnist_asked_for_in_words_is_not_replaced(mnistcnn: Run, tmp_path: Path) -> None:
    """`--data mnist` without a network is an error, before anything is written."""
    done = mnistcnn("train", "--data", "mnist")
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: MNIST could not be downloaded \(.*\): check the network, or name a folder that holds its files\n",
        done.stderr,
    )
    assert not any(tmp_path.glob("mnistcnn*"))


def test_evaluate_says_how_well_and_of_what(command: Run, trained: Path) -> None:
    """Loss and accuracy on the whole split, the step and the recipe."""
    done = command("evaluate", "-m", str(trained), "--data", "sample")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"sample, 500 images of the test split: loss \d\.\d{4}, accuracy \d\d\.\d\d %", lines[0])
    assert lines[1] == "trained for 300 steps with the tutorial recipe"


def test_evaluate_as_json_is_one_object(command: Run, trained: Path) -> None:
    """The stable fields, and nothing else on stdout."""
    done = command("evaluate", "-m", str(trained), "--data", "sample", "--split", "validation", "--json")
    found = json.loads(done.stdout)
    assert list(found)[:7] == ["loss", "accuracy", "step", "recipe", "data", "split", "images"]
    stable = {"step": 300, "recipe": "tutorial", "data": "sample", "split": "validation", "images": 450}
    assert {name: found[name] for name in stable} == stable
    assert 0 < found["loss"] < 10
    assert 0.5 < found["accuracy"] <= 1
    assert done.stderr == ""


def test_of_many_models_tensorflow_says_nothing(mnistcnn: Run, trained: Path, tmp_path: Path) -> None:
    """`evaluate` prints no warning of TensorFlow's, which it gives of five networks in one process."""
    names = [f"{number}.keras" for number in range(5)]
    for name in names:
        (tmp_path / name).symlink_to(trained)
    done = mnistcnn("evaluate", *(word for name in names for word in ("-m", name)), "--data", "sample")
    assert (done.returncode, done.stderr) == (0, "")


def test_all_backends_measure_the_same(command: Run, mnistcnn: Run, trained: Path, any_backend: str) -> None:
    """One file, one accuracy, whatever computes it: NumPy as each of the backends of Keras, in its own process."""
    arguments = ("evaluate", "-m", str(trained), "--data", "sample", "--json", "--backend")
    reference, found = (
        json.loads(command(*arguments, "numpy").stdout),
        json.loads(mnistcnn(*arguments, any_backend).stdout),
    )
    assert found["accuracy"] == reference["accuracy"]
    assert found["loss"] == pytest.approx(reference["loss"], abs=1e-5)


def test_predict_prints_a_line_for_each_picture(command: Run, trained: Path, tmp_path: Path) -> None:
    """Files, folders in natural order, and globs; the digit, its probability as a bar, and the runners-up."""
    (tmp_path / "folder").mkdir()
    for name in ("one.png", "folder/10.png", "folder/9.png", "folder/notes.txt"):
        if name.endswith("png"):
            write_digit(tmp_path / name)
        else:
            (tmp_path / name).write_text("no picture")
    done = command("predict", "one.png", "folder", "fold*/1*.png", "-m", str(trained))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["one.png", "folder/9.png", "folder/10.png", "folder/10.png"]
    assert all(
        re.fullmatch(r"\S+ +1 [█▉-▏]+ +\d+\.\d %(  \d +\d+\.\d %){1,2}(  unsure: two likely)?", line) for line in lines
    )


def test_predict_in_machine_formats(command: Run, trained: Path, tmp_path: Path) -> None:
    """The formats jsonl and csv carry the same stable fields, and nothing else stands on stdout."""
    write_digit(tmp_path / "dark.png")
    write_digit(tmp_path / "light.png", light_on_dark=False)
    fields = ["file", "digit", "probability", "probabilities", "sure", "error", "box", "line", "group"]
    fields += ["unsure_because", "row"]
    as_json = command("predict", "dark.png", "light.png", "nowhere.png", "--format", "jsonl", "-m", str(trained))
    records = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert as_json.returncode == 1
    assert [list(record) for record in records] == [fields] * 3
    assert [record["digit"] for record in records] == [1, 1, None]
    assert records[0]["probability"] == max(records[0]["probabilities"])
    assert [record["sure"] is None for record in records] == [False, False, True]
    assert len(records[0]["probabilities"]) == 10
    assert records[2]["error"] == "nowhere.png: no such file"

    as_csv = command("predict", "dark.png", "nowhere.png", "--format", "csv", "-m", str(trained))
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert [list(row) for row in rows] == [fields] * 2
    assert [row["digit"] for row in rows] == ["1", ""]
    probabilities = [float(p) for p in rows[0]["probabilities"].split()]
    assert probabilities == pytest.approx(records[0]["probabilities"], abs=1e-6)  # another size of batch


def test_predict_reads_standard_input(mnistcnn: Run, trained: Path, tmp_path: Path) -> None:
    """`-` is a picture that comes through a pipe."""
    with write_digit(tmp_path / "one.png").open("rb") as picture:
        done = mnistcnn("predict", "-", "-m", str(trained), stdin=picture)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == ["-", "1"]


def test_predict_shows_what_the_network_saw(command: Run, trained: Path, tmp_path: Path) -> None:
    """Beside the picture; without colour each is 14 rows of 28 shades, and strokes are where they were drawn."""
    write_digit(tmp_path / "one.png", light_on_dark=False)
    rows = command("predict", "one.png", "--show", "-m", str(trained)).stdout.splitlines()[1:]
    paper, stroke = "█" * 28, "█" * 12 + " " * 4 + "█" * 12
    assert rows == [paper] * 2 + [stroke + "   " + " " * 12 + "████"] * 10 + [paper] * 2


def test_what_the_network_saw_is_saved(command: Run, trained: Path, tmp_path: Path) -> None:
    """`--save-inputs` names files after pictures, numbers equal names, cuts long ones, and replaces by force alone."""
    (tmp_path / "folder").mkdir()
    drawn, long = write_digit(tmp_path / "one.png"), f"{'あ' * 80}.png"
    shutil.copy(drawn, tmp_path / "folder" / "one.png")
    shutil.copy(drawn, tmp_path / long)
    arguments = ("predict", "one.png", "folder/one.png", long, "-m", str(trained), "--save-inputs", "seen")
    assert command(*arguments).returncode == 0
    saved = sorted((tmp_path / "seen").iterdir())
    assert [path.name for path in saved] == ["one-2.png", "one.png", f"{'あ' * 66}.png"]
    for path in saved:
        np.testing.assert_array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(drawn)))
    again = command(*arguments)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("error: seen already holds files: replace those of the same name with --force, or")
    assert command(*arguments, "--force").returncode == 0
    assert sorted((tmp_path / "seen").iterdir()) == saved


def test_digits_of_a_page_are_saved_by_line_and_place(tmp_path: Path) -> None:
    """The names of the three digits of two lines end with the line's number, and the digit's in it."""
    image = np.zeros((28, 28), np.uint8)
    page = [Prediction(file="page.png", line=line, image=image) for line in (0, 0, 1)]
    save = InputFolder(tmp_path / "seen", force=False)
    save(page)
    save(page[:1])
    saved = sorted(path.name for path in (tmp_path / "seen").iterdir())
    assert saved == ["page-1-1.png", "page-1-2.png", "page-2-1.png", "page.png"]


def test_one_bad_picture_does_not_stop_the_others(command: Run, trained: Path, tmp_path: Path) -> None:
    """Good pictures are printed, each bad one is a line on stderr, and the exit status is 1."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "only.folders").mkdir()
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (50, 50), 200).save(tmp_path / "blank.png")
    write_digit(tmp_path / "one.png")
    bad = ["text.png", "empty", "*.gif", "*.folders", "blank.png", "nowhere.png"]
    done = command("predict", *bad, "one.png", "-m", str(trained))
    assert done.returncode == 1
    assert done.stdout.split()[:2] == ["one.png", "1"]
    assert done.stderr.splitlines() == [
        "error: text.png is not a picture that can be read; expected PNG, JPEG, or the like; it is a text file",
        "error: empty holds no pictures: expected PNG, JPEG, or the like",
        "error: *.gif matches no file: check the pattern",
        "error: *.folders matches no file: check the pattern",
        "error: blank.png: no digit found; all of it has one grey level, 200 of 0 to 255; draw it large, in one "
        "colour, on plain paper",
        "error: nowhere.png: no such file",
    ]


def in_bash(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a shell's command, for what only a shell can do to standard input and output."""
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize(("argument", "error"), [("one.png", ""), ("-", "error: standard input is closed: pipe a ")])
def test_predict_needs_no_standard_input(
    trained: Path, tmp_path: Path, environment: dict[str, str], argument: str, error: str
) -> None:
    """Closed, as some job schedulers have it, it is missed by - alone."""
    write_digit(tmp_path / "one.png")
    done = in_bash(f"{sys.executable} -m mnistcnn predict {argument} -m {trained} <&-", tmp_path, environment)
    assert (done.returncode, done.stderr[: len(error) or None]) == (int(bool(error)), error)


@pytest.mark.parametrize(("form", "lines"), [("table", 1), ("jsonl", 1), ("csv", 2)])
def test_an_answer_waits_for_no_later_picture(
    trained: Path, tmp_path: Path, environment: dict[str, str], form: str, lines: int
) -> None:
    """The first stands in a pipe before the second picture, itself a pipe here, has come."""
    write_digit(tmp_path / "one.png")
    os.mkfifo(tmp_path / "second.png")
    command = f"{sys.executable} -m mnistcnn predict one.png second.png -m {trained} --format {form}"
    reader = f"for _ in {{1..{lines}}}; do read -r line; done; echo $line; cat one.png > second.png; cat"
    done = in_bash(f"{command} | {{ {reader}; }}", tmp_path, environment)
    first, second = done.stdout.splitlines()
    assert (done.stderr, "one.png" in first, "second.png" in second) == ("", True, True)


@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_a_reader_that_leaves_ends_predict_quietly(
    trained: Path, tmp_path: Path, environment: dict[str, str], form: str
) -> None:
    """`predict … | head` says nothing about its broken pipe and ends well, in every format."""
    write_digit(tmp_path / "one.png")
    many = " ".join(["one.png"] * 3000)
    command = f"{sys.executable} -m mnistcnn predict {many} -m {trained} --format {form} | head -n 1"
    done = in_bash(f"{command}; exit ${{PIPESTATUS[0]}}", tmp_path, environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["evaluate", "-m", "no.keras"],
            1,
            "there is no model at no.keras; make one with `mnistcnn train`, or name another",
        ),
        (["predict", "x.png", "-m", "no.keras"], 1, "there is no model at no.keras; make one with `mnistcnn train`"),
        (["evaluate", "-m", "text.keras"], 1, "text.keras is a text file, not a model; name a .keras file"),
        (["evaluate", "--data", "nowhere"], 1, "--data nowhere: no such file or folder; give mnist, sample, or a path"),
        (["evaluate", "--data", "empty"], 1, "empty is not a dataset, it holds nothing: expected IDX files"),
        (["train", "-m", "nowhere/m.keras"], 1, "the folder nowhere does not exist: make it, or name another place"),
        (["train", "-m", "folder.keras"], 1, "folder.keras is a folder: name a file in it, such as folder.keras/mnist"),
        (["train", "-m", "model.h5"], 2, "--model must be a .keras file; received 'model.h5'"),
        (["train", "--steps", "0"], 2, "--steps must be a whole number from 1 to 999,999,999; received 0"),
        (["train", "--learning-rate", "nan"], 2, "--learning-rate must be a finite number above 0; received nan"),
        (["train", "--dropout", "1"], 2, "--dropout must be a rate from 0 up to, not including, 1; received 1.0"),
        (["train", "--optimizer", "lion"], 2, "--optimizer must be one of sgd, adam; received 'lion'"),
        (
            ["train", "--recipe", "secret"],
            2,
            "--recipe must be one of tutorial, fast, finetune, best; received 'secret'",
        ),
        (["train", "--precision", "int8"], 2, "--precision must be one of auto, float32, bfloat16; received 'int8'"),
        (["train", "--log-every", "30"], 2, "--checkpoint-every must be a multiple of --log-every, which is 30;"),
        (
            ["train", "--data", "sample", "--backend", "theano"],
            2,
            "--backend must be one of tensorflow, jax, torch to ",
        ),
        (["evaluate", "-m", "a", "-m", "a"], 2, "--model must be different files, at most 26; received 'a, a'"),
        (
            ["evaluate", *(f"-m{n}" for n in range(27))],
            2,
            "--model must be different files, at most 26; received '0, 1",
        ),
        (["predict", "x.png", "--top-k", "1", "--format", "csv"], 2, "--format must be table with --show or --top-k,"),
        (["predict", "x.png", "--show", "--format", "jsonl"], 2, "--format must be table with --show or --top-k, wh"),
        (["predict", "x.png", "--save-inputs", "new", "-m", "no.keras"], 1, "there is no model at no.keras; make one"),
        (["evaluate", "--data", "sample", "--split", "tset"], 2, "--split must be one of train, validation, test;"),
    ],
)
def test_what_the_user_can_fix_is_one_line(
    command: Run, trained: Path, tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    """What was wrong, what was received, how to put it right; nothing half written is left."""
    (tmp_path / "text.keras").write_text("not a model")
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "empty").mkdir()
    if "--split" in arguments:
        shutil.copy(trained, tmp_path / "mnistcnn.keras")
    before = sorted(tmp_path.iterdir())
    if "--data" not in arguments:
        arguments = [*arguments, *(["--data", "sample"] if arguments[0] != "predict" else [])]
    done = command(*arguments)
    assert done.returncode == status
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: {message}")
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "keras-home"] == before


def test_a_model_of_another_network_is_refused(command: Run, tmp_path: Path) -> None:
    """An honest `.keras` file of another network is told what this program expects."""
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(tmp_path / "other.keras")
    done = command("evaluate", "-m", "other.keras", "--data", "sample")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: other.keras is another network: ")
    assert line.endswith("mnistcnn reads only the tutorial's network, as `mnistcnn train` saves it")


def test_a_backend_that_is_not_installed_names_its_extra(command: Run) -> None:
    """The message is the command that installs it."""
    from importlib.util import find_spec

    absent = [backend for backend in BACKENDS if find_spec(backend) is None]
    if not absent:
        pytest.skip("every backend is installed")
    done = command("evaluate", "--data", "sample", "--backend", absent[0])
    assert done.returncode == 1
    assert done.stderr == f"error: the backend {absent[0]} is not installed: pip install 'mnistcnn[{absent[0]}]'\n"


def test_nothing_that_exists_is_replaced_without_force(command: Run, tmp_path: Path) -> None:
    """A model, a log, an unfinished run's checkpoint: each names the ways out, and --force replaces them."""
    train = ("train", *SHORT, "-q")
    (tmp_path / "log.jsonl").write_text("mine\n")
    log = command(*train, "--log-file", "log.jsonl")
    assert log.returncode == 1
    assert log.stderr == (
        "error: log.jsonl already exists: replace it with --force, or choose another name with --log-file\n"
    )
    assert (tmp_path / "log.jsonl").read_text() == "mine\n"

    assert command(*train).returncode == 0
    content = (tmp_path / "mnistcnn.keras").read_bytes()
    model = command(*train)
    assert model.returncode == 1
    assert model.stderr == (
        "error: mnistcnn.keras already exists: continue its run with --resume, replace it with --force, "
        "or choose another name with --model\n"
    )
    assert (tmp_path / "mnistcnn.keras").read_bytes() == content

    (tmp_path / "mnistcnn.keras").unlink()
    unfinished = command(*train)
    assert unfinished.returncode == 1
    assert unfinished.stderr == (
        "error: mnistcnn.keras.checkpoint holds an unfinished run: continue it with --resume, start anew with "
        "--force, or choose another name with --model\n"
    )
    forced = command(*train, "--seed", "1", "--force")
    assert forced.returncode == 0, forced.stderr
    assert (tmp_path / "mnistcnn.keras").read_bytes() != content


@pytest.mark.parametrize(
    "arguments", [["evaluate", "-m", "no.keras"], ["samples", "out", "--misread", "-m", "no.keras"],
                  ["train", "--init", "no.keras"]]
)  # fmt: skip
def test_a_missing_model_is_noticed_before_data_is_looked_for(command: Run, arguments: list[str]) -> None:
    """No download is tried before: the error is the only line."""
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: there is no model at no.keras; make one with `mnistcnn train`, or name another file\n"


@pytest.mark.parametrize("arguments", [["train"], ["evaluate"]])
def test_a_backend_that_is_not_installed_is_noticed_before_data_is_looked_for(
    command: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """No download is tried before: the error is the only line."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "jax" else find_spec(name))
    done = command(*arguments, "--backend", "jax")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the backend jax is not installed: pip install 'mnistcnn[jax]'\n"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, in whose place `git lfs pull` puts"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page, perhaps in the place of a download"),
    ],
)
def test_what_came_in_the_place_of_a_model_is_named(command: Run, tmp_path: Path, content: bytes, kind: str) -> None:
    """A pointer and a web page are not just a text file."""
    (tmp_path / "m.keras").write_bytes(content)
    assert command("info", "m.keras").stderr.startswith(f"error: m.keras is {kind}")
    web = command("info", "https://host/m.keras").stderr
    assert web == "error: a model cannot be read from the web: download it, and name the file\n"


def test_openvino_is_not_taken_for_training(command: Run) -> None:
    """It is refused before anything is done."""
    done = command("train", "--backend", "openvino")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --backend must be one of tensorflow, jax, torch to train; received 'openvino'\n"


def test_a_home_folder_is_found_in_what_the_shell_leaves(
    command: Run, environment: dict[str, str], tmp_path: Path, trained: Path
) -> None:
    """After an equals sign and in a variable `~` stays `~`."""
    home = environment | {"HOME": str(tmp_path), "MNISTCNN_DATA": "~/nothing"}
    (tmp_path / "m.keras").write_bytes(trained.read_bytes())
    done = command("evaluate", "--model=~/m.keras", env=home)
    assert f"--data {tmp_path / 'nothing'}: no such file or folder" in done.stderr


def test_info_says_of_a_file_that_is_no_model_only_that(command: Run, tmp_path: Path) -> None:
    """The backends are not asked first, which takes long."""
    (tmp_path / "notes.keras").write_text("my notes")
    done = command("info", "notes.keras")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: notes.keras is a text file, not a model; name a .keras file\n"
