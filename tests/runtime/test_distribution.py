"""One run on several processes, which find each other on the loopback interface."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from helpers import logged_records

from mnistcnn.config import config_from_recipe
from mnistcnn.data.sources import load_dataset
from mnistcnn.errors import UsageError
from mnistcnn.model.model_file import load_model
from mnistcnn.runtime.team import Team, team_of
from mnistcnn.training.batches import training_batches

PATIENCE = 240  # seconds until a run that does not end fails the test
WITHIN = 120  # seconds in which the others end when a process dies
needs_jax = pytest.mark.usefixtures("jax")


@pytest.fixture
def jax() -> Any:
    """JAX, the one backend that trains on several processes."""
    return pytest.importorskip("jax")


@pytest.mark.parametrize(
    ("count", "index", "addresses", "expected"),
    [
        (None, 0, None, Team()),
        (2, 1, "10.0.0.1:1234", Team(count=2, index=1, coordinator="10.0.0.1:1234")),
        (None, 1, "a:1234,b:1234,c:1234", Team(count=3, index=1, coordinator="a:1234")),
    ],
)
def test_processes_are_described_as_keras_has_it(
    count: int | None, index: int, addresses: str | None, expected: Team
) -> None:
    """One address, of process 0, and their number; or the addresses of all."""
    assert team_of(count, index, addresses) == expected


@pytest.mark.parametrize(
    ("count", "index", "addresses", "message"),
    [
        (0, 0, None, "processes must be a whole number from 1 on; received 0"),
        (2, 2, "a:1", "process_id must be a whole number from 0 to 1, below processes; received 2"),
        (None, 1, None, "process_id must be a whole number from 0 to 0, below processes; received 1"),
        (2, 0, None, "coordinator must be HOST:PORT, where process 0 is reached by all; received None"),
        (2, 0, "a", "coordinator must be HOST:PORT, where process 0 is reached by all; received 'a'"),
        (2, 0, "a:99999", "coordinator must be HOST:PORT, where process 0 is reached by all; received 'a:99999'"),
        (None, 0, "a:1", "coordinator must be left out without processes; received 'a:1'"),
        (3, 0, "a:1,b:1", "coordinator must be one address, or one for each of 3 processes; received 'a:1,b:1'"),
    ],
)
def test_what_does_not_fit_together_is_wrong_usage(
    count: int | None, index: int, addresses: str | None, message: str
) -> None:
    """The message says what would."""
    with pytest.raises(UsageError) as raised:
        team_of(count, index, addresses)
    assert str(raised.value) == message


def test_the_rows_of_a_batch_are_shared_out() -> None:
    """Equal shares in order, all of them; what cannot be shared is refused."""
    processes = [Team(count=3, index=index, coordinator="a:1") for index in range(3)]
    assert [process.rows(120) for process in processes] == [slice(0, 40), slice(40, 80), slice(80, 120)]
    with pytest.raises(UsageError, match="batch_size must be a multiple of processes, which is 3; received 100"):
        processes[0].rows(100)


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    stdout: str
    stderr: str


class TrainingTeam:
    """Processes of one run, started together; process 0 in the folder that holds its files, the others elsewhere."""

    def __init__(self, folder: Path, environment: dict[str, str], count: int, *options: str) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "mnistcnn", "train", "-m", "run.keras", "--data", "sample", "--backend", "jax"]
        command += ["--device", "cpu", "--log-file", "run.jsonl", *options]
        self.processes = []
        for index in range(count):
            place = folder if index == 0 else folder / f"process{index}"
            place.mkdir(exist_ok=True)
            together = ["--processes", str(count), "--process-id", str(index), "--coordinator", f"127.0.0.1:{port}"]
            with (place / "stdout").open("wb") as stdout, (place / "stderr").open("wb") as stderr:
                self.processes.append(
                    subprocess.Popen(
                        [*command, *(together if count > 1 else [])],
                        cwd=place,
                        env=environment,
                        stdout=stdout,
                        stderr=stderr,
                    )
                )

    def until_logged(self, step: int) -> None:
        """Return as soon as a step is in the log."""
        deadline = time.monotonic() + PATIENCE
        while not any(record["step"] >= step for record in logged_records(self.folder)):
            assert all(process.poll() is None for process in self.processes), self.end()
            assert time.monotonic() < deadline, self.end()
            time.sleep(0.01)

    def end(self) -> Sequence[Ended]:
        """Wait for all to end, and end what does not."""
        try:
            for process in self.processes:
                process.wait(PATIENCE)
        finally:
            for process in self.processes:
                process.kill()
        places = [self.folder, *(self.folder / f"process{index}" for index in range(1, len(self.processes)))]
        return [
            Ended(process.wait(), (place / "stdout").read_text(), (place / "stderr").read_text())
            for process, place in zip(self.processes, places, strict=True)
        ]


SHORT = ("--steps", "10", "--log-every", "5", "--checkpoint-every", "5", "--dropout", "0.4")


def labels_of_batches(recipe: str, batch_size: int) -> list[np.ndarray]:
    """The labels (batch, 10) of a SHORT run's steps, in a process that knows of no others."""
    config = config_from_recipe(recipe, steps=10, batch_size=batch_size)
    digits = load_dataset("sample")
    split = digits.split("train") if config.validation_held_out else digits.training_images()
    return [labels for _, labels in training_batches(split, config).as_numpy_iterator()]


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "batch_size", "recipe", "optimizer"),
    [
        (2, 100, "tutorial", "sgd"),
        (2, 100, "fast", "adam"),
        # Distorted images agree within rounding only, and Adam would divide a gradient that is all rounding by itself.
        (3, 120, "best", "sgd"),
    ],
)
def test_several_processes_follow_one(
    tmp_path: Path, environment: dict[str, str], count: int, batch_size: int, recipe: str, optimizer: str
) -> None:
    """The same batches, distortions and dropout in the same steps: losses and weights within float error.

    Process 0 alone logs, checkpoints, saves and prints.
    """
    options = (*SHORT, "--batch-size", str(batch_size), "--recipe", recipe, "--optimizer", optimizer)
    folders = []
    for number in (1, count):
        folders.append(tmp_path / str(number))
        folders[-1].mkdir()
        for ended in (team := TrainingTeam(folders[-1], environment, number, *options).end()):
            assert ended.status == 0, ended.stderr
        for assistant in team[1:]:
            assert (assistant.stdout, assistant.stderr) == ("", "")
        assert team[0].stdout.startswith("trained to step 10 ")
    one, several = (logged_records(folder) for folder in folders)
    assert [record["step"] for record in several] == [5, 10]
    batches = labels_of_batches(recipe, batch_size)
    for ours, theirs in zip(one, several, strict=True):
        whole_batch = batches[theirs["step"] - 1]
        assert ours["labels"] == theirs["labels"] == whole_batch[whole_batch.max(axis=1) == 1].argmax(axis=1).tolist()
        assert theirs["loss"] == pytest.approx(ours["loss"], abs=1e-5)
        np.testing.assert_allclose(theirs["probabilities"], ours["probabilities"], atol=1e-5)
    weights = [load_model(folder / "run.keras").model.get_weights() for folder in folders]
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
    for index in range(1, count):
        left = {path.name for path in (folders[1] / f"process{index}").iterdir()}
        assert left == {"stdout", "stderr"}


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize("dying", [0, 1])
def test_when_a_process_dies_the_others_end_and_the_run_can_go_on(
    tmp_path: Path, environment: dict[str, str], mnistcnn: Run, dying: int
) -> None:
    """Within two minutes, with status 1 and one clear last line; the checkpoint resumes on one process or on two."""
    options = ("--steps", "5000", "--log-every", "5", "--checkpoint-every", "5", "--batch-size", "20")
    team = TrainingTeam(tmp_path, environment, 2, *options)
    team.until_logged(10)
    team.processes[dying].send_signal(signal.SIGKILL)
    died = time.monotonic()
    survivor = team.end()[1 - dying]
    assert time.monotonic() - died < WITHIN
    assert survivor.status == 1, survivor.stderr
    assert survivor.stderr.splitlines()[-1] == (
        "error: another process of this run has ended or cannot be reached: start all of them again and resume from "
        "the last checkpoint"
    )
    if dying == 1:
        assert "Traceback" not in survivor.stderr

    reached = logged_records(tmp_path)[-1]["step"]
    goal = str(reached + 10)
    more = (*options, "--steps", goal, "--resume")
    if dying == 0:
        again = TrainingTeam(tmp_path, environment, 2, *more).end()
        assert [ended.status for ended in again] == [0, 0], again
        stderr, stdout = again[0].stderr, again[0].stdout
    else:
        alone = mnistcnn(
            "train", "-m", "run.keras", "--data", "sample", "--backend", "jax", "--log-file", "run.jsonl", *more
        )
        assert alone.returncode == 0, alone.stderr
        stderr, stdout = alone.stderr, alone.stdout
        assert "processes was 2 and is now 1: the run goes on, but no longer bit for bit" in stderr
    assert "going on at step" in stderr
    assert stdout.startswith(f"trained to step {int(goal):,} ")
    steps = [record["step"] for record in logged_records(tmp_path)]
    assert steps == list(range(5, int(goal) + 1, 5))


@needs_jax
@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_a_signal_to_one_process_stops_all_in_order(tmp_path: Path, environment: dict[str, str], asked: int) -> None:
    """Whichever gets it: all finish the same step, and process 0 saves the checkpoint."""
    options = ("--steps", "5000", "--log-every", "5", "--checkpoint-every", "0", "--batch-size", "20")
    team = TrainingTeam(tmp_path, environment, 2, *options)
    team.until_logged(5)
    team.processes[asked].send_signal(signal.SIGTERM)
    ended = team.end()
    assert (ended[asked].status, ended[1 - asked].status) == (143, 0), ended
    assert (ended[1].stdout, ended[1].stderr) == ("", "")
    step = logged_records(tmp_path)[-1]["step"]
    assert f"stopped at step {step:,} of 5,000; go on with: " in ended[0].stderr
    assert (tmp_path / "run.keras.checkpoint" / f"step-{step:09d}.npz").exists()


@needs_jax
@pytest.mark.slow
def test_processes_that_were_started_differently_are_refused(tmp_path: Path, environment: dict[str, str]) -> None:
    """Other options in one of them end the run before its first step; the message names the option."""
    variables = environment | {"KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        variables["KERAS_DISTRIBUTION_JOB_ADDRESSES"] = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "mnistcnn", "train", "--data", "sample", "--backend", "jax", "--steps", "5"]
    processes = [
        subprocess.Popen(
            [*command, "--seed", str(index)],
            cwd=tmp_path,
            env=variables | {"KERAS_DISTRIBUTION_PROCESS_ID": str(index)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(2)
    ]
    errors = [process.communicate(timeout=PATIENCE)[1] for process in processes]
    assert [process.returncode for process in processes] == [1, 1], errors
    for error in errors:
        assert error.splitlines()[-1] == (
            "error: process 1 has seed 1, and process 0 has seed 0: "
            "start all of them with the same options and the same data"
        )


@needs_jax
@pytest.mark.slow
def test_what_one_process_alone_cannot_do_ends_all(tmp_path: Path, environment: dict[str, str], mnistcnn: Run) -> None:
    """A checkpoint that process 0 may not resume: it says why, and the other one that it is alone."""
    options = ("--steps", "5", "--log-every", "5", "--batch-size", "20")
    begun = mnistcnn("train", "-m", "run.keras", "--data", "sample", "--backend", "jax", *options)
    assert begun.returncode == 0, begun.stderr
    first, second = TrainingTeam(tmp_path, environment, 2, *options, "--resume", "--seed", "1").end()
    assert (first.status, second.status) == (1, 1), second.stderr
    assert first.stderr.startswith("error: run.keras.checkpoint is of another run: seed was 0 and is now 1")
    assert second.stderr.splitlines()[-1].startswith("error: another process of this run has ended")


@needs_jax
@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_all(tmp_path: Path, environment: dict[str, str]) -> None:
    """Every process finds it in the same step and says so."""
    options = ("--steps", "20", "--log-every", "5", "--batch-size", "20", "--learning-rate", "1e30")
    for ended in TrainingTeam(tmp_path, environment, 2, *options).end():
        assert ended.status == 1
        assert ended.stderr.splitlines()[-1].startswith("error: the loss became NaN or infinite within steps 1 to 5;")


@needs_jax
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-size", "99"], "--batch-size must be a multiple of --processes, which is 2; received 99"),
        (["--backend", "tensorflow"], "--backend must be jax with --processes; received 'tensorflow'"),
        (["--device", "cpu:1"], "--device must be a kind, such as cpu, with --processes; received 'cpu:1'"),
    ],
)
def test_what_cannot_be_trained_together_is_refused(
    mnistcnn: Run, tmp_path: Path, options: list[str], message: str
) -> None:
    """Before any process waits for another, and before anything is written."""
    together = ("--processes", "2", "--process-id", "0", "--coordinator", "127.0.0.1:9")
    done = mnistcnn("train", "--data", "sample", "--backend", "jax", *together, *options)
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")
    assert not any(tmp_path.glob("mnistcnn*"))
