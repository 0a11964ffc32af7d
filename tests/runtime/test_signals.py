"""Ctrl-C and SIGTERM: the first lets a run end in order, the second ends it at once. Real processes, real signals."""

import shlex
import signal
from pathlib import Path

import pytest
from conftest import Run, StartTraining

from mnistcnn.model.model_file import load_model
from mnistcnn.runtime.outputs import checkpoint_files

LONG = ("--steps", "100000")
# One execution of 50 steps takes seconds, long enough for two signals to arrive within it.
HEAVY = ("--steps", "100000", "--batch-size", "1000", "--log-every", "50", "--checkpoint-every", "50")
BOTH = pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


@BOTH
def test_the_first_signal_saves_and_says_how_to_go_on(
    tmp_path: Path, start_training: StartTraining, mnistcnn: Run, number: signal.Signals, status: int
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
    stopped, command = last.split("; go on with: ")
    assert stopped == f"stopped at step {step:,} of 100,000"
    assert checkpoint_files(tmp_path / "run.keras.checkpoint")[-1].name == f"step-{step:09d}.npz"
    assert not (tmp_path / "run.keras").exists()
    assert (tmp_path / "course.svg").read_text() == "an earlier run's"

    interpreter, *words = shlex.split(command)
    assert interpreter.startswith("python")
    assert words[:2] == ["-m", "mnistcnn"]
    words[words.index("100000")] = str(step + 5)
    done = mnistcnn(*words[2:])
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


STOPPED_PREDICTION = """
import os, signal, sys, threading
from mnistcnn.app.cli import app

def stop_while_decoding():
    os.read(answers, 1000)  # the first: nothing is left to do but to wait for the batch of the others
    writing.append(os.open("second.png", os.O_WRONLY))  # returns once the picture is being read
    os.kill(os.getpid(), signal.SIGINT)
    while not ended.wait(20):  # Python loses a signal that comes just as it begins to wait for a picture
        os.kill(os.getpid(), signal.SIGINT)

writing, ended = [], threading.Event()
answers, stdout = os.pipe()
os.dup2(stdout, 1)
for name in ("second.png", "third.png"):  # which are a batch
    os.mkfifo(name)
threading.Thread(target=stop_while_decoding).start()
try:
    app(["predict", "nowhere.png", "second.png", "third.png", "-m", os.environ["MODEL"], "--format", "jsonl"])
except SystemExit as end:
    ended.set()
    print(end.code, file=sys.stderr)
os.close(writing[0])  # the second picture ends; nobody ever writes the third
"""


def test_a_signal_while_pictures_are_decoded_leaves_the_rest(python: Run, trained: Path) -> None:
    """Only the picture under way is read to its end; the process waits for no other of its batch."""
    done = python(STOPPED_PREDICTION, env={"MODEL": str(trained)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "130\n")


def test_a_signal_after_the_last_step_lets_the_model_be_saved(tmp_path: Path, start_training: StartTraining) -> None:
    """Evaluation and saving are finished and reported; the exit status still tells of the signal."""
    run = start_training("--steps", "20")
    run.until(lambda: (tmp_path / "run.keras.checkpoint" / "step-000000020.npz").exists())
    run.send(signal.SIGINT)
    assert run.end() == 130
    assert "model saved: run.keras" in run.stdout
    assert load_model(tmp_path / "run.keras").metadata.step == 20
