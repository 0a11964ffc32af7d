"""What every test shares: options, real MNIST where it is named, the command line as a real process."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from helpers import PROGRAMS, TrainingProcess
from typer.testing import CliRunner

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BACKENDS = ("tensorflow", "jax", "torch")  # that train

SHORT = ("--data", "sample", "--steps", "20", "--log-every", "10", "--batch-size", "20", "--learning-rate", "0.05")

# The fixtures, one of which is in every test that runs `mnistcnn` or a program as a process.
STARTS_PROCESSES = {"environment", "trained"}
# The folders whose tests import Keras, which takes a minute on a busy machine.
IMPORT_KERAS = {"app", "fuzz", "inference", "model", "report", "training"}

# The files that test by means that Windows lacks: signals, limits, locks and pseudo-terminals of POSIX.
POSIX_ONLY = [
    *(
        "app/test_failures.py",
        "app/test_serve.py",
        "fuzz/test_fuzz.py",
        "report/test_live_view.py",
        "runtime/test_distribution.py",
        "runtime/test_signals.py",
    ),
    *("runtime/test_windows.py", "training/test_crash.py"),
]
collect_ignore = POSIX_ONLY if sys.platform == "win32" else []

Run = Callable[..., subprocess.CompletedProcess[str]]
StartTraining = Callable[..., TrainingProcess]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that make a run longer."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")
    parser.addoption("--browser", action="store_true", help="run the tests that drive a headless Chromium too")
    parser.addoption("--fuzz", type=int, default=60, help="mutations in each fuzz test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip, and say why, what this run was not asked for or has no data for; give time to what needs more."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.timeout(600))
            elif item.path.parent.name in IMPORT_KERAS or STARTS_PROCESSES & set(getattr(item, "fixturenames", ())):
                item.add_marker(pytest.mark.timeout(300))
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))
        if "browser" in item.keywords and not config.getoption("--browser"):
            item.add_marker(pytest.mark.skip(reason="drives a browser: run with --browser"))
        if "mnist" in item.keywords and not os.environ.get("MNISTCNN_DATA"):
            item.add_marker(pytest.mark.skip(reason="needs real MNIST: set MNISTCNN_DATA to its folder"))


@pytest.fixture
def mnist_path() -> str:
    """The folder of real MNIST, for tests marked mnist."""
    return os.environ["MNISTCNN_DATA"]


OTHER_BACKENDS = [pytest.param(name, marks=pytest.mark.slow) for name in BACKENDS[1:]]


@pytest.fixture(params=["tensorflow", *OTHER_BACKENDS])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend that is installed."""
    name: str = request.param
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture(params=["tensorflow", *OTHER_BACKENDS, pytest.param("openvino", marks=pytest.mark.slow)])
def any_backend(request: pytest.FixtureRequest) -> str:
    """Each backend that is installed, those that only evaluate and predict among them."""
    name: str = request.param
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a person without MNIST, network, or settings: nothing of this machine's shows."""
    ours = {"MNISTCNN_DATA", "KERAS_BACKEND", "KERAS_TORCH_DEVICE"}
    pythons = {"COLUMNS", "NO_COLOR", "FORCE_COLOR", "JPY_PARENT_PID", "PYTHONUNBUFFERED"}
    kept = {name: value for name, value in os.environ.items() if name not in ours | pythons}
    nowhere = "http://127.0.0.1:9"  # the discard port: a connection is refused at once
    proxies = {"http_proxy": nowhere, "https_proxy": nowhere, "no_proxy": ""}
    return kept | proxies | {"KERAS_HOME": str(tmp_path / "keras-home"), "TERM": "dumb"}


@pytest.fixture
def terminal(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a person whose terminal knows colours."""
    return environment | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}


@pytest.fixture
def mnistcnn(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Run `mnistcnn` as a process in an empty folder; standard output and error apart."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        settings: dict[str, object] = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
        command = [sys.executable, "-m", "mnistcnn", *arguments]
        return subprocess.run(command, **(settings | {"timeout": 300} | options), check=False)  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `mnistcnn` in this process, which has imported Keras already: for tests that are not about the process."""
    monkeypatch.chdir(tmp_path)
    absent = dict.fromkeys(os.environ.keys() - environment.keys() - {"KERAS_BACKEND"})
    runner = CliRunner(env={**absent, **environment})

    def run(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        from mnistcnn.app.cli import app

        done = runner.invoke(app, arguments, env=env, prog_name="mnistcnn")
        gc.unfreeze()  # a command freezes what is loaded, as its process ends with it
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def start_training(tmp_path: Path, environment: dict[str, str]) -> Iterator[StartTraining]:
    """Start `mnistcnn train` in an empty folder, or one that is given; it ends with the test at the latest."""
    with ExitStack() as running:

        def start(*options: str, folder: Path = tmp_path, **settings: Any) -> TrainingProcess:
            run = TrainingProcess(folder, environment, *options, **settings)
            running.callback(run.stop)
            return run

        yield start


@pytest.fixture
def python(tmp_path: Path, environment: dict[str, str]) -> Run:
    """Run a Python program, its text or one of tests/programs by name, in an empty folder on the backend named."""

    def run(
        program: str, *arguments: str, backend: str = "tensorflow", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        named = [str(PROGRAMS / program)] if program.endswith(".py") else ["-c", program]
        return subprocess.run(
            [sys.executable, *named, *arguments],
            cwd=tmp_path,
            env=environment | {"KERAS_BACKEND": backend} | dict(env or {}),
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A model file of a short run on the sample, made once for all workers; tests only read it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "trained"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "mnistcnn.keras").exists():
            command = [sys.executable, "-m", "mnistcnn", "train", *SHORT, "--steps", "300", "-q"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "mnistcnn.keras"
