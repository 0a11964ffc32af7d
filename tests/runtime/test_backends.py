"""One model file, the same answers on every backend; one command, the same training."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from conftest import BACKENDS, Run
from helpers import drawn_one
from PIL import Image

from mnistcnn.data.sources import SAMPLE_FOLDER
from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.runtime.backend import chosen_backend, keras_home, start_backend, start_keras, without_unused_modules

INSTALLED = [name for name in BACKENDS if find_spec(name) is not None]
PAIRS = [(first, second) for first in INSTALLED for second in INSTALLED if first != second]
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "backends.py"


@pytest.mark.slow
def test_every_backend_trains_alike(python: Run, tmp_path: Path) -> None:
    """From one starting file, without dropout: the same batches in the same order, and losses within 1e-4."""
    checkpoints, start = tmp_path / "m.keras.checkpoint", tmp_path / "start"
    checkpoints.mkdir()
    python("train_without_dropout.py", "start")
    checkpoints.rename(start)
    assert [path.name for path in start.iterdir()] == ["step-000000000.npz"]
    courses = {}
    for backend in INSTALLED:
        shutil.rmtree(checkpoints, ignore_errors=True)
        shutil.copytree(start, checkpoints)
        found = json.loads(python("train_without_dropout.py", backend=backend).stdout.splitlines()[-1])
        assert backend == "tensorflow" or "no longer bit for bit" in found["notes"][0]
        courses[backend] = found["records"]
    labels, losses = zip(*courses["tensorflow"], strict=True)
    assert len(losses) == 50
    for course in courses.values():
        theirs, their_losses = zip(*course, strict=True)
        assert theirs == labels
        assert their_losses == pytest.approx(losses, abs=1e-4)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short run of each backend; tests only read it."""
    folder = tmp_path_factory.mktemp("runs")
    options = ["--data", "sample", "--steps", "10", "--batch-size", "20", "--log-every", "0", "--checkpoint-every", "0"]
    for backend in INSTALLED:
        (folder / backend).mkdir()
        command = [sys.executable, "-m", "mnistcnn", "train", *options, "--backend", backend, "-q"]
        subprocess.run(command, cwd=folder / backend, check=True, capture_output=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_what_one_backend_trained_another_takes_up(
    mnistcnn: Run, runs: Path, tmp_path: Path, first: str, second: str
) -> None:
    """It measures the model alike, and goes on with the run, saying that it is no longer bit-exact."""
    shutil.copytree(runs / first, tmp_path / "run")
    found = []
    for backend in (first, second):
        measured = mnistcnn("evaluate", "--data", "sample", "--json", "--backend", backend, cwd=tmp_path / "run")
        assert measured.returncode == 0, measured.stderr
        found.append(json.loads(measured.stdout))
    assert found[0]["confusion"] == found[1]["confusion"]
    assert found[0]["loss"] == pytest.approx(found[1]["loss"], abs=1e-5)

    options = ("--data", "sample", "--steps", "15", "--batch-size", "20", "--log-every", "0", "--checkpoint-every", "0")
    resumed = mnistcnn("train", *options, "--backend", second, "--resume", cwd=tmp_path / "run")
    assert resumed.returncode == 0, resumed.stderr
    assert f"backend was {first} and is now {second}" in resumed.stderr
    assert "going on at step 10" in resumed.stderr
    assert resumed.stdout.startswith("trained to step 15 ")


@pytest.mark.slow
@pytest.mark.mnist
def test_every_backend_answers_alike(mnistcnn: Run, mnist_path: str, tmp_path: Path) -> None:
    """On the 10,000 test images: the same classes, and probabilities within 1e-5, also on OpenVINO."""
    options = ("--data", mnist_path, "--steps", "100", "--learning-rate", "0.05", "--log-every", "0", "-q")
    trained = mnistcnn("train", *options, "--checkpoint-every", "0")
    assert trained.returncode == 0, trained.stderr
    command = [sys.executable, str(BENCHMARK), "--model", "mnistcnn.keras", "--data", mnist_path]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    rows = re.findall(r"^\| (\w+), (\w+) \| (\S+) \| (\d+) \|$", done.stdout, re.MULTILINE)
    compared = len(INSTALLED) + (find_spec("openvino") is not None) + 1  # NumPy
    assert len(rows) == compared * (compared - 1) // 2
    for first, second, difference, classes in rows:
        assert float(difference) <= 1e-5, (first, second)
        assert classes == "0", (first, second)


@pytest.mark.parametrize(
    ("variable", "configured", "expected"),
    [
        ("", None, "numpy"),
        ("", "tensorflow", "numpy"),  # as Keras writes it wherever there is no keras.json
        ("", "jax", "jax"),
        ("tensorflow", "jax", "tensorflow"),
        ("numpy", None, "numpy"),
    ],
)
def test_the_default_is_taken_if_nobody_names_a_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, configured: str | None, expected: str
) -> None:
    """chosen_backend asks KERAS_BACKEND and keras.json before it takes the default, and its option before all."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", variable)
    if find_spec(expected) is None:
        pytest.skip(f"{expected} is not installed")
    if configured:
        (tmp_path / "keras.json").write_text(json.dumps({"backend": configured}))
    assert chosen_backend(default="numpy") == expected
    assert chosen_backend("tensorflow", default="numpy") == "tensorflow"


NAMES = "tensorflow, jax, torch, openvino, numpy"


@pytest.mark.parametrize(
    ("variable", "configured", "message"),
    [
        ("pytorch", "{}", f"KERAS_BACKEND must be one of {NAMES}; received 'pytorch'"),
        ("", '{"backend": "theano"}', rf"backend in .*keras\.json must be one of {NAMES}; received 'theano'"),
        ("", "[]", r"keras\.json must hold a JSON object; received \[\]: delete the file"),
        ("", '{"floatx": "bfloat16"}', r"floatx in .*keras\.json must be one of float16, .*; received 'bfloat16'"),
        ("", '{"epsilon": "1e-7"}', r"epsilon in .*keras\.json must be a number with a decimal point; received '1e-7'"),
        ("", '{"image_data_format": []}', r"image_data_format in .*keras\.json must be one of channels_last, .*\[\]"),
    ],
)
def test_a_wrong_setting_is_blamed_on_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, configured: str, message: str
) -> None:
    """The error names the variable, or the file and the key, and no option that nobody gave."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", variable)
    (tmp_path / "keras.json").write_text(configured)
    with pytest.raises(MnistcnnError, match=message) as raised:
        chosen_backend()
    assert not isinstance(raised.value, UsageError)


def test_the_environment_of_other_programs_changes_nothing(
    mnistcnn: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    """A notebook's MPLBACKEND, Keras's limits for debugging, NNX and a person's own keras.py: the run is whole."""
    (tmp_path / "keras.py").write_text("raise ImportError")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "digits").symlink_to(SAMPLE_FOLDER)
    (tmp_path / "home" / "keras.json").write_text('{"nnx_enabled": true, "floatx": "float16", "epsilon": 0.5}')
    inherited = {
        "HOME": str(tmp_path / "home"),
        "KERAS_HOME": str(tmp_path / "home"),
        "KERAS_MAX_EPOCHS": "none",
        "KERAS_MAX_STEPS_PER_EPOCH": "2",
        "KERAS_NNX_ENABLED": "true",
        "MPLBACKEND": "module://no_such_module",
    }
    steps = ("--steps", "6", "--log-every", "3", "--batch-size", "4", "--checkpoint-every", "0")
    done = mnistcnn("train", "--data=~/digits", *steps, env=environment | inherited)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("trained to step 6 ")


def test_numpy_computes_on_the_cpu_alone() -> None:
    """start_backend refuses another device for NumPy, and start_keras refuses NumPy."""
    assert start_backend("numpy", "cpu") == "numpy"
    with pytest.raises(MnistcnnError, match="there is no such device; numpy sees cpu:0"):
        start_backend("numpy", "gpu")
    with pytest.raises(UsageError, match="backend must be one that Keras computes on here; received 'numpy'"):
        start_keras("numpy")


@pytest.mark.parametrize(
    ("backend", "absent", "said"), [("jax", "jaxlib", "jax requires jaxlib to be installed"), ("torch", "torch._C", "")]
)
def test_a_backend_that_is_half_installed_says_what_is_missing(
    python: Run, backend: str, absent: str, said: str
) -> None:
    """One line with what the backend itself says, and the command that installs it anew."""
    pytest.importorskip(backend)
    run = python("command_without_modules.py", absent, "train", "--data", "sample", "--backend", backend)
    assert run.stdout == "1\n"
    [line] = run.stderr.splitlines()
    assert line.startswith(f"error: the backend {backend} is installed only in part (")
    assert (said or absent) in line
    assert line.endswith(f"): pip install --force-reinstall 'mnistcnn[{backend}]'")


def test_a_folder_that_an_uninstallation_left_is_no_backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A backend of which there is only an empty folder is not installed."""
    (tmp_path / "openvino").mkdir()
    others = [path for path in sys.path if find_spec("openvino") is None or "site-packages" not in path]
    monkeypatch.setattr(sys, "path", [str(tmp_path), *others])
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    with pytest.raises(
        MnistcnnError, match=r"the backend openvino is not installed: pip install 'mnistcnn\[openvino\]'"
    ):
        chosen_backend("openvino")


def test_keras_finds_no_module_that_it_would_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """without_unused_modules hides a module within its block alone, and none that is imported already."""
    imported = ModuleType("sklearn")
    monkeypatch.setitem(sys.modules, "sklearn", imported)
    monkeypatch.delitem(sys.modules, "matplotlib", raising=False)
    with without_unused_modules():
        assert find_spec("matplotlib") is None
        assert sys.modules["sklearn"] is imported
    assert find_spec("matplotlib") is not None
    assert sys.modules["sklearn"] is imported


@pytest.mark.slow
def test_nothing_but_our_own_lines_reaches_stderr(
    mnistcnn: Run, environment: dict[str, str], tmp_path: Path, trained: Path, any_backend: str
) -> None:
    """No library's banner or warning, however loud it is by default: these commands have nothing to say there."""
    Image.fromarray(drawn_one()).save(tmp_path / "one.png")
    loud = {name: value for name, value in environment.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    commands = [
        ["evaluate", "-m", str(trained), "--data", "sample"],
        ["predict", "-m", str(trained), "one.png"],
    ]
    if any_backend in BACKENDS:
        commands.append(["train", "--data", "sample", "--steps", "4", "--log-every", "2", "--batch-size", "4", "-q"])
    for command in commands:
        done = mnistcnn(*command, "--backend", any_backend, env=loud)
        assert (done.returncode, done.stderr) == (0, ""), command


def test_the_folder_of_keras_is_found_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """KERAS_HOME names it; otherwise it is in the home folder or, for a user who has none, where Keras puts it."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert keras_home() == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", "~/mine")
    assert keras_home() == tmp_path / "mine"
    monkeypatch.delenv("KERAS_HOME")
    assert keras_home() == tmp_path / ".keras"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 54321)  # in no list of users, as in containers
    assert keras_home() == Path("/tmp/.keras")
