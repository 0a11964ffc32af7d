"""What several test modules share: short runs, the hand-drawn 1, processes to watch, and a terminal to run them in.

The module imports no Keras, so that conftest can import it before a backend is chosen.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mnistcnn.config import TrainConfig
from mnistcnn.data.sources import load_dataset
from mnistcnn.events import TrainingEvent, TrainingRecord
from mnistcnn.results import TrainingResult

if TYPE_CHECKING:
    import keras

PROGRAMS = Path(__file__).with_name("programs")
DIGITS = load_dataset("sample")
COLUMNS = 80  # of the terminal of `in_terminal`


class Events(list[TrainingEvent]):
    """A listener that keeps what it is told."""

    __call__ = list.append

    @property
    def records(self) -> list[TrainingRecord]:
        """Return the records among the events."""
        return [event for event in self if isinstance(event, TrainingRecord)]


def short_config(steps: int, **changes: object) -> TrainConfig:
    """Return a run of small batches that takes a second or two."""
    settings = {"batch_size": 8, "log_every": 5, "checkpoint_every": 10, "precision": "float32", "seed": 3}
    return TrainConfig(**{"steps": steps} | settings | changes)  # type: ignore[arg-type]


def weights_hash(network: "keras.Model") -> str:
    """Return one hash of all the weights of a network."""
    return hashlib.sha256(b"".join(weight.tobytes() for weight in network.get_weights())).hexdigest()


def result_hash(result: TrainingResult) -> str:
    """Return one hash of all the weights that a run ended with."""
    assert result.model is not None
    return weights_hash(result.model.model)


def drawn_one() -> np.ndarray:
    """Draw a 1 as MNIST does, a light vertical stroke on black: (28, 28) uint8."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 12:16] = 255
    return image


def in_terminal(
    *arguments: str, folder: Path, environment: Mapping[str, str], results: Path | None = None
) -> tuple[int, str]:
    """Run `mnistcnn` with a terminal of 80 columns and 24 lines on its standard streams.

    Args:
        arguments: what follows `mnistcnn`
        folder: where the command runs
        environment: its variables, TERM among them
        results: the file that standard output goes to instead

    Returns:
        The exit status, and what the terminal was sent, with plain line ends.

    """
    pty, termios = (pytest.importorskip(name) for name in ("pty", "termios"))  # which Windows lacks

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, COLUMNS))
    command = [sys.executable, "-m", "mnistcnn", *arguments]
    with (results or Path(os.devnull)).open("wb") as file:
        stdout = theirs if results is None else file
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=stdout, stderr=theirs)
    os.close(theirs)
    shown = all_of_terminal(ours)
    return process.wait(), shown


def all_of_terminal(ours: int) -> str:
    """Return what was written to a pseudo-terminal until its other end was closed, with plain line ends."""
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # how Linux says that the other end has closed
        pass
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


PATIENCE = 120  # seconds until a condition that never holds fails the test
SHORT_RUN = ("--data", "sample", "--batch-size", "8", "--log-every", "5", "--checkpoint-every", "10")


def default_signals() -> None:
    """Undo what a process inherits about signals, such as the ignored SIGINT of a script's `&`; for `preexec_fn`."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def until(process: "subprocess.Popen[Any]", condition: Callable[[], bool]) -> None:
    """Return as soon as a condition holds; fail where the process ends, or the patience does, before it does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, "the process ended too early"
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.0005)


class TrainingProcess:
    """`mnistcnn train -m run.keras --log-file run.jsonl` in a folder, with the options of a short run."""

    def __init__(self, folder: Path, environment: Mapping[str, str], *options: str, **settings: Any) -> None:
        self.folder = folder
        self.stderr_path, self.stdout_path = folder / "stderr", folder / "stdout"
        command = [sys.executable, "-m", "mnistcnn", "train", "-m", "run.keras", "--log-file", "run.jsonl"]
        settings = {"preexec_fn": default_signals} | settings
        with self.stderr_path.open("wb") as stderr, self.stdout_path.open("wb") as stdout:
            self.process = subprocess.Popen(
                [*command, *SHORT_RUN, *options], cwd=folder, env=environment, stderr=stderr, stdout=stdout, **settings
            )

    def until(self, condition: Callable[[], bool]) -> None:
        """Return as soon as a condition holds; fail where the run ends, or the patience does, before it does."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"the run ended too early: {self.stderr}"
            assert time.monotonic() < deadline, f"the condition never held: {self.stderr}"
            time.sleep(0.0005)

    def send(self, signal_number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(signal_number)

    def end(self) -> int:
        """Wait for the end and return the exit status; a signal's number, negated, where one ended it."""
        return self.process.wait(PATIENCE)

    def stop(self) -> None:
        """End the process, if it has not ended, and whatever it is in."""
        self.process.kill()
        self.process.wait()

    @property
    def stderr(self) -> str:
        """What the run has written on stderr so far."""
        return self.stderr_path.read_text()

    @property
    def stdout(self) -> str:
        """What the run has written on stdout so far."""
        return self.stdout_path.read_text()

    @property
    def started(self) -> bool:
        """Whether the run holds its files, which is before it imports Keras."""
        return (self.folder / "run.keras.checkpoint" / "lock").exists()

    @property
    def logged_step(self) -> int:
        """The step of the last whole record in the log; 0 where there is none."""
        return next((record["step"] for record in reversed(logged_records(self.folder))), 0)

    def is_writing(self, name: str, share: float = 0) -> bool:
        """Tell whether a file of such a name, a glob pattern, is half-written: so much of 13 MB, at least."""
        return any(_size(path) >= share * 13e6 for path in self.folder.glob(name))


UNFINISHED_CHECKPOINT = "run.keras.checkpoint/.step-*.unfinished"
UNFINISHED_MODEL = ".run.keras.*.unfinished"


def logged_records(folder: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a run's log."""
    try:
        lines = (folder / "run.jsonl").read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def timeless(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of records what the clock says, which alone may differ between two equal runs."""
    return [{name: value for name, value in record.items() if name != "steps_per_second"} for record in records]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it has its name by now
        return -1
