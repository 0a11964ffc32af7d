"""Ctrl-C, SIGTERM and SIGHUP: a command ends, a run saves first, and a second signal ends it. Real processes."""

import fcntl
import json
import os
import pty
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, StartTraining
from helpers import PATIENCE, SHORT_RUN, default_signals, logged_records

from mnistcnn.model.model_file import load_model
from mnistcnn.runtime.outputs import checkpoint_files
from mnistcnn.runtime.signals import stop_on_interrupt

LONG = ("--steps", "100000")
# One execution of 50 steps takes seconds, long enough for two signals to arrive within it.
HEAVY = ("--steps", "100000", "--batch-size", "1000", "--log-every", "50", "--checkpoint-every", "50")
BOTH = pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
Start = Callable[..., subprocess.Popen[str]]


def test_a_kernel_lives_on_after_an_interruption() -> None:
    """Once it is deferred, the first Ctrl-C is a request and the second interrupts; then all is as it was."""
    before, asked = signal.getsignal(signal.SIGINT), []

    def run() -> None:
        with stop_on_interrupt() as stop:
            stop.defer(lambda: asked.append(stop()))
            signal.raise_signal(signal.SIGINT)
            asked.append(stop())
            signal.raise_signal(signal.SIGINT)
            asked.append(False)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert asked == [True, True]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interruption_with_nothing_to_save_has_a_short_traceback() -> None:
    """It ends the block at once, without the frames that it went through."""

    def deep(calls: int) -> None:
        deep(calls - 1) if calls else signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as interrupted, stop_on_interrupt():
        deep(50)
    assert len(interrupted.traceback) < 5
    assert interrupted.value.__suppress_context__


@BOTH
def test_the_first_signal_saves_and_says_how_to_go_on(
    tmp_path: Path, start_training: StartTraining, command: Run, number: signal.Signals, status: int
) -> None:
    """The execution under way is finished and saved; the command printed goes on, and replaces what was allowed."""
    (tmp_path / "course.svg").write_text("an earlier run's")
    run = start_training(*LONG, "--plot", "course.svg", "--force")
    run.until(lambda: run.logged_step >= 5)
    run.send(number)
    assert run.end() == status
    assert run.stdout == ""
    *before, last = run.stderr.splitlines()
    assert "finishing what is under way; once more to stop at once" in before
    step = run.logged_step
    stopped, printed = last.split("; go on with: ")
    assert stopped == f"stopped at step {step:,} of 100,000"
    assert checkpoint_files(tmp_path / "run.keras.checkpoint")[-1].name == f"step-{step:09d}.npz"
    assert not (tmp_path / "run.keras").exists()
    assert (tmp_path / "course.svg").read_text() == "an earlier run's"

    interpreter, *words = shlex.split(printed)
    assert interpreter.startswith("python")
    assert words[:2] == ["-m", "mnistcnn"]
    words[words.index("100000")] = str(step + 5)
    done = command(*words[2:])
    assert done.returncode == 0, done.stderr
    assert f"going on at step {step:,}" in done.stderr
    assert done.stdout.startswith(f"trained to step {step + 5:,} ")
    assert (tmp_path / "course.svg").read_text().startswith("<?xml")


def test_the_second_signal_stops_at_once(tmp_path: Path, start_training: StartTraining) -> None:
    """It waits for no step: the last checkpoint stands, and no later one is written."""
    run = start_training(*HEAVY)
    run.until(lambda: run.stderr.count("\n") >= 2)  # the header of the records: the first steps are under way
    run.send(signal.SIGINT)
    run.until(lambda: "once more to stop at once" in run.stderr)
    run.send(signal.SIGINT)
    assert run.end() == 130
    assert [path.name for path in checkpoint_files(tmp_path / "run.keras.checkpoint")] == ["step-000000000.npz"]
    assert "Traceback" not in run.stderr


@BOTH
def test_a_signal_before_training_ends_the_command_and_leaves_nothing(
    tmp_path: Path, start_training: StartTraining, number: signal.Signals, status: int
) -> None:
    """While Keras is imported there is nothing to save: no files, no traceback."""
    run = start_training(*LONG)
    run.until(lambda: (tmp_path / "keras-home" / "keras.json").exists())  # which the import of Keras writes
    run.send(number)
    assert run.end() == status
    assert (run.stdout, run.stderr) == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "keras-home") == ["stderr", "stdout"]


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Iterator[Start]:
    """Start `mnistcnn` in an empty folder, with pipes for its output; it ends with the test at the latest."""
    with ExitStack() as running:

        def start(*arguments: str, **settings: Any) -> subprocess.Popen[str]:
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            command = [sys.executable, "-m", "mnistcnn", *arguments]
            process: subprocess.Popen[str] = subprocess.Popen(
                command, cwd=tmp_path, env=environment, **(pipes | {"preexec_fn": default_signals} | settings)
            )
            running.callback(process.communicate)
            running.callback(process.kill)
            return process

        yield start


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Return as soon as a condition holds; fail if the process ends before it does."""
    while not condition():
        assert process.poll() is None, "the process ended too early"
        time.sleep(0.0005)


def status_in_a_shell(process: subprocess.Popen[str]) -> int:
    """Wait for the end of a process; one that a signal ended has the status 128 + its number, as a shell says."""
    status = process.wait(PATIENCE)
    return 128 - status if status < 0 else status


@BOTH
def test_a_signal_while_pictures_are_decoded_leaves_the_rest(
    tmp_path: Path, trained: Path, start: Start, number: signal.Signals, status: int
) -> None:
    """The answers printed so far stand whole, and the process does not wait for a picture that never ends."""
    for name in ("second.png", "third.png"):  # a batch
        os.mkfifo(tmp_path / name)
    process = start("predict", "nowhere.png", "second.png", "third.png", "-m", str(trained), "--format", "jsonl")
    assert process.stdout is not None
    first = process.stdout.readline()
    with (tmp_path / "second.png").open("wb"):  # returns when the picture is being read
        process.send_signal(number)
        assert status_in_a_shell(process) == status
    assert json.loads(first)["error"] == "nowhere.png: no such file"
    assert process.communicate() == ("", "")


@pytest.mark.parametrize("command", ["predict one.png --backend tensorflow -m", "evaluate --data sample -m"])
def test_a_signal_while_keras_is_imported_ends_the_command(
    tmp_path: Path, trained: Path, start: Start, command: str
) -> None:
    """Nothing is printed, no traceback either."""
    process = start(*command.split(), str(trained))
    settings = tmp_path / "keras-home" / "keras.json"  # which the import of Keras writes
    until(settings.exists, process)
    process.send_signal(signal.SIGINT)
    assert status_in_a_shell(process) == 130
    assert process.communicate() == ("", "")


def test_a_signal_while_backends_are_asked_ends_info(start: Start) -> None:
    """The command does not wait for the processes that it has started."""
    process = start("info")
    until(
        lambda: any(children.read_text() for children in Path(f"/proc/{process.pid}/task").glob("*/children")), process
    )
    process.send_signal(signal.SIGTERM)
    assert status_in_a_shell(process) == 143
    assert process.communicate() == ("", "")


def test_a_signal_that_was_ignored_at_the_start_stays_ignored(tmp_path: Path, trained: Path, start: Start) -> None:
    """Under a script's `&` SIGINT does nothing, and under `nohup` SIGHUP; SIGTERM still ends the command."""

    def ignore() -> None:
        default_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    os.mkfifo(tmp_path / "picture.png")
    process = start("predict", "picture.png", "-m", str(trained), preexec_fn=ignore)
    with (tmp_path / "picture.png").open("wb"):  # returns when the picture is being read
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        assert status_in_a_shell(process) == 143


def test_a_run_that_loses_its_terminal_saves(tmp_path: Path, start: Start) -> None:
    """The execution under way is finished and saved, though nothing can be shown and a shell sends the hangup again."""
    ours, theirs = pty.openpty()

    def prepare() -> None:
        default_signals()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    terminal = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True, "preexec_fn": prepare}
    process = start("train", "-m", "run.keras", "--log-file", "run.jsonl", *SHORT_RUN, *LONG, **terminal)
    os.close(theirs)
    until(lambda: bool(os.read(ours, 65536) and logged_records(tmp_path)), process)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert status_in_a_shell(process) == 129
    last = logged_records(tmp_path)[-1]["step"]
    assert checkpoint_files(tmp_path / "run.keras.checkpoint")[-1].name == f"step-{last:09d}.npz"


def test_a_signal_after_the_last_step_lets_the_model_be_saved(tmp_path: Path, start_training: StartTraining) -> None:
    """Evaluation and saving are finished and reported; the exit status still tells of the signal."""
    run = start_training("--steps", "20")
    run.until(lambda: (tmp_path / "run.keras.checkpoint" / "step-000000020.npz").exists())
    run.send(signal.SIGINT)
    assert run.end() == 130
    assert "model saved: run.keras" in run.stdout
    assert load_model(tmp_path / "run.keras").metadata.step == 20
