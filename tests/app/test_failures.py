"""What goes wrong around a run ends it with one clear line, and what was there before is still there, whole."""

import errno
import fcntl
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SHORT, Run, StartTraining
from helpers import DIGITS, SHORT_RUN, UNFINISHED_CHECKPOINT, short_config

from mnistcnn.config import TrainConfig
from mnistcnn.errors import MnistcnnError
from mnistcnn.events import TrainingEvent, TrainingRecord, TrainingStarted
from mnistcnn.files import written_whole
from mnistcnn.model.model_file import load_model
from mnistcnn.report.training_log import TrainingLog
from mnistcnn.results import HistoryPoint, TrainingHistory
from mnistcnn.runtime.outputs import Outputs, checkpoint_files, claimed_outputs
from mnistcnn.training.checkpoint_file import Checkpoint, read_latest_checkpoint, write_checkpoint
from mnistcnn.training.run import train

NOBODY = 65534


def names(folder: Path) -> list[str]:
    """What a folder holds, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def one_error_line(stderr: str) -> str:
    """The last line, which must be the only error, and no traceback."""
    *before, last = stderr.splitlines()
    assert last.startswith("error: ")
    assert not any("error" in line.lower() or "Traceback" in line for line in before)
    return last


@pytest.mark.parametrize("log_every", [5, 0])
def test_a_run_that_diverges_ends_and_keeps_the_last_good_checkpoint(tmp_path: Path, log_every: int) -> None:
    """NaN is noticed logged or not, within steps that are named; it is neither logged nor saved."""
    outputs = Outputs(model=tmp_path / "m.keras", log=tmp_path / "log.jsonl", resume=True)
    config = short_config(40, log_every=log_every)
    with claimed_outputs(outputs):
        train(replace(config, steps=20), DIGITS, outputs=outputs)
        good = read_latest_checkpoint(outputs.checkpoints)
        assert good is not None
        huge = {name: array * 1e30 for name, array in good.variables.items() if name.startswith("trainable_")}
        write_checkpoint(outputs.checkpoints, replace(good, variables=dict(good.variables) | huge))
        before = {path.name: path.read_bytes() for path in checkpoint_files(outputs.checkpoints)}
        model = outputs.model.read_bytes()

        with (
            closing(TrainingLog(tmp_path / "log.jsonl")) as log,
            pytest.raises(MnistcnnError) as raised,
        ):
            train(config, DIGITS, outputs=outputs, listeners=[log])
    end = 25 if log_every else 30
    assert str(raised.value) == (
        f"the loss became NaN or infinite within steps 21 to {end}; what was saved before stands: "
        "start anew with force=True and a lower learning_rate"
    )
    assert {path.name: path.read_bytes() for path in checkpoint_files(outputs.checkpoints)} == before
    assert outputs.model.read_bytes() == model
    assert (tmp_path / "log.jsonl").read_bytes() == b""


@pytest.mark.parametrize("options", [[], ["--log-every", "0"]])
def test_a_huge_learning_rate_is_one_error(tmp_path: Path, command: Run, options: list[str]) -> None:
    """Exit status 1, the steps, and no model; a log that is there is JSON to the strict."""
    arguments = ("-m", "run.keras", "--log-file", "run.jsonl", *SHORT_RUN, "--steps", "40", "--learning-rate", "1e30")
    done = command("train", *arguments, *options)
    assert done.returncode == 1
    assert "the loss became NaN or infinite within steps 1 to " in one_error_line(done.stderr)
    assert not (tmp_path / "run.keras").exists()
    latest = read_latest_checkpoint(tmp_path / "run.keras.checkpoint")
    assert latest is not None
    assert all(np.isfinite(array).all() for array in latest.variables.values())
    for line in (tmp_path / "run.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
@pytest.mark.parametrize(
    ("file_bytes", "what", "checkpoints"),
    [
        (1_000_000, "run.keras.checkpoint/step-000000000.npz", []),
        (13_120_000, "run.keras", [10, 20]),  # checkpoints have 13.10 MB, the model 13.13
    ],
)
def test_a_full_disk_is_one_error(
    tmp_path: Path, start_training: StartTraining, file_bytes: int, what: str, checkpoints: list[int]
) -> None:
    """Nothing half-written stays, and the model that was to be replaced is still there."""
    (tmp_path / "run.keras").write_bytes(b"an older model")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    run = start_training("--steps", "20", "--force", preexec_fn=limit)
    assert run.end() == 1
    assert one_error_line(run.stderr).startswith(f"error: {what} cannot be written: File too large; ")
    assert (tmp_path / "run.keras").read_bytes() == b"an older model"
    assert not list(tmp_path.rglob("*.unfinished"))
    left = checkpoint_files(tmp_path / "run.keras.checkpoint")
    assert [path.name for path in left] == [f"step-{step:09d}.npz" for step in checkpoints]


def test_a_log_on_a_full_disk_is_one_error(python: Run, tmp_path: Path) -> None:
    """The error names the log; the whole lines before stay readable."""
    assert python("log_on_full_disk.py").stdout == "log.jsonl cannot be written: File too large\n"
    *whole, _ = (tmp_path / "log.jsonl").read_text().split("\n")
    assert [json.loads(line)["step"] for line in whole] == [*range(1, len(whole) + 1)]
    assert len(whole) >= 2


def test_standard_output_on_a_full_disk_is_one_error(mnistcnn: Run, tmp_path: Path) -> None:
    """A result that cannot be printed is an error, and the model is saved all the same."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("w") as full:
        done = mnistcnn("train", *SHORT, "-q", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device\n"
    assert load_model(tmp_path / "mnistcnn.keras", "numpy").metadata.step == 20


@pytest.fixture
def read_only_folder() -> Iterator[Path]:
    """A folder that this process, were it root's, may read and not write; it holds a model."""
    folder = Path(tempfile.mkdtemp())
    (folder / "m.keras").write_bytes(b"an older model")
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(stat.S_IRWXU)
        shutil.rmtree(folder)


def test_a_read_only_folder_is_refused_before_anything_is_done(read_only_folder: Path) -> None:
    """Even with --force; the model in it stays."""
    with (
        pytest.raises(MnistcnnError, match=r"m\.keras cannot be written: Permission denied; name another place"),
        claimed_outputs(Outputs(model=read_only_folder / "m.keras"), force=True),
    ):
        pass
    assert names(read_only_folder) == ["m.keras"]
    assert (read_only_folder / "m.keras").read_bytes() == b"an older model"


@pytest.mark.parametrize(
    ("model", "log", "message"),
    [
        (
            "folder.keras",
            None,
            r"folder\.keras is a folder: name a file in it, such as .*folder\.keras.mnistcnn\.keras",
        ),
        ("m.keras", "folder.keras", r"folder\.keras is a folder: name a file in it, such as .*training\.jsonl"),
        (
            "nowhere/m.keras",
            None,
            r"the folder .*nowhere does not exist: make it, or name another place than .*m\.keras",
        ),
        ("file.txt/m.keras", None, r"the folder .*file\.txt does not exist: make it, or name another place"),
        (f"{'m' * 300}.keras", None, r"m\.keras cannot be written: File name too long; name another place"),
        (f"{'m' * 245}.keras", None, r"m\.keras cannot be written: File name too long; name another place"),
        ("taken.keras", None, r"taken\.keras\.checkpoint cannot be made: File exists"),
        ("m.keras", "-", r"- is not standard output here: name a file"),
        ("m.keras", "pipe", r"pipe is a device or a pipe: name a plain file"),
        ("m.keras", "m.keras", r"log_file must be another file than the model, and not in .*m\.keras\.checkpoint; rec"),
        ("m.keras", "./link", r"log_file must be another file than the model, and not in .*m\.keras\.checkpoint; rec"),
        (
            "old.keras",
            "old.keras.checkpoint/l",
            r"log_file must be another file than the model, and not in .*old\.keras\.checkpoint; rec",
        ),
        ("m.txt", None, r"model must be a \.keras file; received"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_outputs_that_cannot_be_written_are_refused(
    tmp_path: Path, model: str, log: str | None, message: str, force: bool
) -> None:
    """Before anything is changed, with --force as without."""
    (tmp_path / "folder.keras").mkdir()
    (tmp_path / "old.keras.checkpoint").mkdir()
    (tmp_path / "taken.keras.checkpoint").write_bytes(b"a file of the user's")
    (tmp_path / "file.txt").write_bytes(b"a file of the user's")
    (tmp_path / "link").symlink_to("m.keras")
    os.mkfifo(tmp_path / "pipe")
    before = names(tmp_path)
    outputs = Outputs(model=tmp_path / model, log=(Path("-") if log == "-" else tmp_path / log) if log else None)
    with pytest.raises(MnistcnnError, match=message), claimed_outputs(outputs, force=force):
        pass
    assert names(tmp_path) == before
    assert (tmp_path / "taken.keras.checkpoint").read_bytes() == b"a file of the user's"


def test_a_run_whose_files_are_links_and_that_is_moved_goes_on(command: Run, tmp_path: Path) -> None:
    """The links stay, what they lead to is written, and the moved run knows its log, picture and folder as its own."""
    scratch, run = tmp_path / "scratch", tmp_path / "run"
    scratch.mkdir()
    run.mkdir()
    links = {name: run / name for name in ("m.keras", "log.jsonl", "course.svg")}
    for name, link in links.items():
        link.symlink_to(Path("..", "scratch", name))

    def train_in(folder: Path, *options: str) -> None:
        files = {"-m": "m.keras", "--log-file": "log.jsonl", "--plot": "course.svg", "--tensorboard": "board"}
        places = (word for option, name in files.items() for word in (option, str(folder / name)))
        done = command("train", *SHORT, "-q", *places, *options)
        assert done.returncode == 0, done.stderr

    train_in(run)
    assert all(link.is_symlink() for link in links.values())
    assert names(scratch) == sorted(links)
    moved = tmp_path / "moved"
    run.rename(moved)
    train_in(moved, "--resume", "--steps", "30")
    assert all((moved / name).is_symlink() for name in links)
    steps = [json.loads(line)["step"] for line in (scratch / "log.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30]


def test_a_finished_run_keeps_one_checkpoint_and_says_so(command: Run, tmp_path: Path) -> None:
    """The last one, from which a longer run goes on."""
    done = command("train", *SHORT, "-q", "--checkpoint-every", "10")
    assert names(tmp_path / "mnistcnn.keras.checkpoint") == ["outputs.json", "step-000000020.npz"]
    assert "checkpoint: mnistcnn.keras.checkpoint, 13 MB; delete it unless you resume" in done.stdout


@pytest.mark.parametrize(("module", "call"), [(Path, "chmod"), (os, "fsync")])
def test_a_file_system_may_refuse_what_is_not_essential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, call: str
) -> None:
    """Cloud storage that is mounted knows no modes, and some of it nothing to flush."""

    def refuse(*arguments: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(module, call, refuse)
    with written_whole(tmp_path / "file") as file:
        file.write(b"whole")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_a_disk_that_fails_is_still_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush that a file system knows and cannot do is not passed over."""

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(MnistcnnError, match="file cannot be written"), written_whole(tmp_path / "file"):
        pass
    assert names(tmp_path) == []


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS may have none: the error says where, and what to do."""

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    expected = r"m\.keras\.checkpoint cannot be kept from other runs \(No locks available\).* such as a local disk$"
    with pytest.raises(MnistcnnError, match=expected), claimed_outputs(Outputs(model=tmp_path / "m.keras")):
        pass


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("existing", ["m.keras", "log.jsonl", "m.keras.checkpoint/step-000000010.npz"])
def test_what_an_earlier_run_left_is_not_replaced(tmp_path: Path, existing: str, resume: bool) -> None:
    """Without --force, and with --resume only a run's own files; --force lets a new run begin."""
    (tmp_path / "m.keras.checkpoint").mkdir()
    (tmp_path / existing).write_bytes(b"precious\n")
    outputs = Outputs(model=tmp_path / "m.keras", log=tmp_path / "log.jsonl", resume=resume)
    resumable = resume and existing.endswith("npz")
    refused = nullcontext() if resumable else pytest.raises(MnistcnnError, match="force=True")
    with refused, claimed_outputs(outputs):
        pass
    with claimed_outputs(outputs, force=True):
        pass
    assert (tmp_path / existing).read_bytes() == b"precious\n"


def test_without_a_checkpoint_nothing_is_resumed_over_a_model(tmp_path: Path) -> None:
    """Whatever else lies where checkpoints would: the model is another run's."""
    outputs = Outputs(model=tmp_path / "m.keras", resume=True)
    outputs.model.write_bytes(b"precious")
    outputs.checkpoints.mkdir()
    (outputs.checkpoints / "step-notes.npz").write_bytes(b"mine")
    with pytest.raises(MnistcnnError, match="checkpoint holds nothing to resume: replace it"), claimed_outputs(outputs):
        pass


def test_resuming_replaces_only_what_its_run_may_write(command: Run, tmp_path: Path) -> None:
    """No other run's log or TensorBoard folder and no picture, but by --force; its own, named in any way, at once."""
    own = ("--log-file", "log.jsonl", "--plot", "course.svg", "--tensorboard", "board")
    other = ("-m", "b.keras", "--seed", "1", "--log-file", "b.jsonl", "--tensorboard", "b")
    for options in (own, other):
        assert command("train", *SHORT, "-q", *options).returncode == 0
    (tmp_path / "holiday.png").write_bytes(b"precious")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    resume = ("train", *SHORT, "-q", "--resume", "--steps")
    for option, name, message in (
        ("--log-file", "b.jsonl", "b.jsonl already exists: replace it with --force, or choose another name with"),
        ("--plot", "holiday.png", "holiday.png already exists: replace it with --force, or choose another name with"),
        ("--tensorboard", "b", "b holds another run's event files: replace them with --force, or choose another"),
    ):
        done = command(*resume, "30", option, name)
        assert (done.returncode, done.stdout) == (1, "")
        assert one_error_line(done.stderr).startswith(f"error: {message}")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before

    for steps, log, more, logged in (
        ("30", "./log.jsonl", own[2:], [10, 20, 30]),
        ("40", "b.jsonl", ["--force"], [40]),
    ):
        assert command(*resume, steps, "--log-file", log, *more).returncode == 0
        lines = (tmp_path / log).read_text().splitlines()
        assert [json.loads(line)["step"] for line in lines] == logged


@pytest.mark.parametrize(
    "content",
    [
        b"dear diary\n",
        b"\xff\xfe\0\n",
        b"[" * 99_999 + b"\n",
        b'{"step": 5}\n',
        b'{"step": [5], "loss": {}, "accuracy": null}\n',
        b'{"step": 5, "loss": 1.25, "accuracy": 0.5}\n',
        b'{"step": 5, "validation_loss": 1.5, "validation_accuracy": 0.5}\n',
    ],
)
def test_a_log_keeps_the_lines_of_its_run_alone(tmp_path: Path, content: bytes) -> None:
    """A log keeps no line of a file that was to be replaced, nor of steps that are taken again."""
    ours = b'{"step": 5, "loss": 1.5, "accuracy": 0.5}\n'
    path = tmp_path / "log.jsonl"
    path.write_bytes(content + ours + ours[:-1])
    history = TrainingHistory(records=(HistoryPoint(step=5, loss=1.5, accuracy=0.5),), validations=())
    setting: dict[str, Any] = {"backend": "", "device": "", "precision": "", "layers": ()}
    start = TrainingStarted(config=TrainConfig(), data="", train_images=1, start_step=5, history=history, **setting)
    with closing(TrainingLog(path)) as log:
        log(start)
    assert path.read_bytes() == ours


def test_a_checkpoint_folder_that_vanishes_is_one_error(tmp_path: Path) -> None:
    """The run ends at its next checkpoint; the model that was to be replaced and the log are whole."""
    outputs = Outputs(model=tmp_path / "m.keras", log=tmp_path / "log.jsonl")
    outputs.model.write_bytes(b"an older model")

    def vanish(event: TrainingEvent) -> None:
        if isinstance(event, TrainingRecord) and event.step == 15:
            shutil.rmtree(outputs.checkpoints)

    with (
        pytest.raises(MnistcnnError, match=r"step-000000020\.npz cannot be written: No such file or directory"),
        claimed_outputs(outputs, force=True),
        closing(TrainingLog(tmp_path / "log.jsonl")) as log,
    ):
        train(short_config(40), DIGITS, outputs=outputs, listeners=[log, vanish])
    assert names(tmp_path) == ["log.jsonl", "m.keras"]
    assert outputs.model.read_bytes() == b"an older model"
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [5, 10, 15, 20]


def test_a_log_that_vanishes_is_one_error(tmp_path: Path) -> None:
    """Records are not written to a file without a name; the run can be resumed."""
    outputs = Outputs(model=tmp_path / "m.keras", log=tmp_path / "log.jsonl")

    def vanish(event: TrainingEvent) -> None:
        if isinstance(event, TrainingRecord) and event.step == 15:
            (tmp_path / "log.jsonl").unlink()

    with (
        pytest.raises(MnistcnnError, match=r"log\.jsonl was deleted in mid-run: .* go on with resume=True"),
        claimed_outputs(outputs),
        closing(TrainingLog(tmp_path / "log.jsonl")) as log,
    ):
        train(short_config(40), DIGITS, outputs=outputs, listeners=[log, vanish])
    latest = read_latest_checkpoint(outputs.checkpoints)
    assert latest is not None
    assert latest.step == 10


def test_two_runs_do_not_share_outputs(tmp_path: Path, start_training: StartTraining, mnistcnn: Run) -> None:
    """The second is refused, by model, log and TensorBoard, and the first goes on undisturbed to its end."""
    first = start_training("--steps", "100000", "--tensorboard", "board")
    first.until(lambda: first.logged_step >= 5)
    for options, message in (
        (["-m", "run.keras", "--force"], "another run is writing run.keras.checkpoint: wait for it, or choose another"),
        (["-m", "b.keras", "--log-file", "run.jsonl", "--force"], "another run is writing run.jsonl: choose another"),
        (["-m", "b.keras", "--tensorboard", "./board", "--force"], "another run is writing board: choose another"),
    ):
        second = mnistcnn("train", "--data", "sample", *options)
        assert second.returncode == 1
        assert message in one_error_line(second.stderr)
    first.send(signal.SIGINT)
    assert first.end() == 130
    steps = [json.loads(line)["step"] for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert steps == [*range(5, steps[-1] + 1, 5)]
    assert not (tmp_path / "b.keras.checkpoint").exists()


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """Under the locks, by names that only this program gives; files that look alike stay."""
    outputs = Outputs(model=tmp_path / "m[1].keras", log=tmp_path / "log.jsonl")
    outputs.checkpoints.mkdir()
    ours = [".m[1].keras.abcd_123.unfinished", ".log.jsonl.abcd1234.unfinished"]
    theirs = [
        ".m[1].keras.original",
        ".m[1].keras.abcd1234",
        ".m1.keras.abcd1234.unfinished",
        ".other.abcd1234.unfinished",
    ]
    for name in [*ours, *theirs]:
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / ".m[1].keras.efgh5678.unfinished").mkdir()
    (tmp_path / ".m[1].keras.efgh5678.unfinished" / "model.keras").write_bytes(b"half")
    (outputs.checkpoints / ".step-000000010.npz.abcd1234.unfinished").write_bytes(b"half")
    with claimed_outputs(outputs):
        assert names(outputs.checkpoints) == ["lock", "outputs.json"]
    assert names(tmp_path) == sorted(theirs)


def test_a_half_written_checkpoint_is_none(tmp_path: Path) -> None:
    """A whole checkpoint under a temporary name is neither listed nor resumed from."""
    folder = tmp_path / "m.keras.checkpoint"
    folder.mkdir()
    write_checkpoint(folder, Checkpoint(step=10, determinants={}, exactness={}, variables={}))
    [whole] = checkpoint_files(folder)
    whole.rename(folder / ".step-000000010.npz.abcd1234.unfinished")
    assert read_latest_checkpoint(folder) is None
    assert not Outputs(model=tmp_path / "m.keras").has_checkpoints
    assert list(tmp_path.glob(UNFINISHED_CHECKPOINT.replace("run", "m")))
