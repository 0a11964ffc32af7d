"""The files that a run writes: their names, the locks that keep other runs from them, and what may not be overwritten.

Paths go in; a claim on them comes out. What the files hold is decided elsewhere.
"""

import glob
import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mnistcnn.config import SPLITS
from mnistcnn.errors import MnistcnnError, UsageError, parameter
from mnistcnn.files import UNFINISHED, real_path, remove_unfinished, written_whole

PLOT_SUFFIXES = (".png", ".svg", ".pdf")
# name: the file among a run's checkpoints that lists what else the run may write
OWNED_FILES = "outputs.json"


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files of one run. `resume` says whether the run goes on from a checkpoint if there is one."""

    model: Path
    log: Path | None = None
    plot: Path | None = None
    tensorboard: Path | None = None  # a folder
    resume: bool = False

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints, beside the model."""
        return self.model.with_name(f"{self.model.name}.checkpoint")

    @property
    def has_checkpoints(self) -> bool:
        """Whether there is a checkpoint to resume from."""
        return bool(checkpoint_files(self.checkpoints))

    @property
    def is_resuming(self) -> bool:
        """Whether the run goes on from a checkpoint that is there."""
        return self.resume and self.has_checkpoints


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return the path of the checkpoint of a step, from 0 to 999,999,999, in a folder of checkpoints."""
    return folder / f"step-{step:09d}.npz"


def checkpoint_files(folder: Path) -> list[Path]:
    """List a folder's checkpoints, the oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if re.fullmatch(r"step-\d{9}\.npz", path.name))


def event_files(folder: Path) -> list[Path]:
    """List TensorBoard's files of this program's runs in a folder; other programs write elsewhere in it."""
    return [path for run in SPLITS for path in (folder / run).glob("events.out.tfevents.*")]


@contextmanager
def claimed_outputs(outputs: Outputs, *, force: bool = False) -> Iterator[Outputs]:
    """Hold a run's files for the length of the block, so that no other run writes them.

    Raises MnistcnnError, before anything is changed, if a file cannot be written, if another run holds it, or if
    something of the user's would be replaced and `force` does not allow that.
    """
    if outputs.model.suffix != ".keras":
        raise UsageError("model", "a .keras file", str(outputs.model))
    require_writable(outputs.model, "mnistcnn.keras")
    if outputs.log is not None:
        require_writable(outputs.log, "training.jsonl")
        _require_apart(outputs.log, outputs)
    own = _own_places(outputs) if outputs.is_resuming else set()
    if outputs.plot is not None:
        require_plot_path(outputs.plot, force=force or real_path(outputs.plot) in own)
    if outputs.tensorboard is not None:
        _require_tensorboard_folder(outputs.tensorboard, force=force or real_path(outputs.tensorboard) in own)
    with ExitStack() as locks:
        busy = f"another run is writing {outputs.checkpoints}: wait for it, or choose another {parameter('model')}"
        locks.enter_context(_locked_folder(outputs.checkpoints, busy))
        if outputs.log is not None:
            log = real_path(outputs.log)
            lock = log.with_name(f".{log.name}.lock")
            busy = f"another run is writing {outputs.log}: choose another {parameter('log_file')}"
            locks.enter_context(locked(lock, busy))
        if outputs.tensorboard is not None:
            busy = f"another run is writing {outputs.tensorboard}: choose another {parameter('tensorboard')}"
            locks.enter_context(_locked_folder(outputs.tensorboard, busy))
        if not force:
            _require_nothing_lost(outputs, own)
        _remove_leftovers(outputs)
        named = {real_path(path) for path in (outputs.log, outputs.plot, outputs.tensorboard) if path is not None}
        with written_whole(outputs.checkpoints / OWNED_FILES) as file:
            file.write(json.dumps(sorted(_seen_from(outputs.model, path) for path in own | named)).encode())
        try:
            yield outputs
        finally:
            if not outputs.has_checkpoints:
                with suppress(OSError):
                    (outputs.checkpoints / OWNED_FILES).unlink()


def require_plot_path(path: Path, *, force: bool = False) -> None:
    """Raise MnistcnnError if a plot cannot be drawn, or would replace a file without `force`."""
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise UsageError("plot", f"a {', '.join(PLOT_SUFFIXES)} file", str(path))
    require_extra("matplotlib", "plot")
    require_writable(path, "plot.png")
    if path.exists() and not force:
        raise MnistcnnError(f"{path} already exists: {_replace_or_choose('plot')}")


def _require_tensorboard_folder(folder: Path, *, force: bool) -> None:
    require_extra("tensorboard", "tensorboard")
    if folder.exists() and not folder.is_dir():
        raise MnistcnnError(f"{folder} is a file: name a folder with {parameter('tensorboard')}")
    require_writable(folder / "train-or-test" if folder.is_dir() else folder, "")
    if not force and event_files(folder):
        raise MnistcnnError(
            f"{folder} holds another run's event files: replace them with {parameter('force', True)}, "
            f"or choose another folder with {parameter('tensorboard')}"
        )


def require_writable(path: Path, example: str) -> None:
    """Raise MnistcnnError if no file can be made at a path; making one beside it shows that."""
    place = real_path(path)
    try:
        if str(path) == "-":
            raise MnistcnnError("- is not standard output here: name a file")
        if path.is_dir():
            raise MnistcnnError(f"{path} is a folder: name a file in it, such as {path / example}")
        if not place.parent.is_dir():
            folder = path.parent if not path.is_symlink() else place.parent
            raise MnistcnnError(f"the folder {folder} does not exist: make it, or name another place than {path}")
        if path.exists() and not path.is_file():
            raise MnistcnnError(f"{path} is a device or a pipe: name a plain file")
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", suffix=UNFINISHED):
            pass
    except OSError as error:
        raise MnistcnnError(f"{path} cannot be written: {error.strerror or error}; name another place") from error


def _require_apart(log: Path, outputs: Outputs) -> None:
    """Raise UsageError if a log would replace the model, a checkpoint, or TensorBoard's folder."""
    place, checkpoints = log.resolve(), outputs.checkpoints.resolve()
    if place == outputs.model.resolve() or checkpoints in (place, place.parent):
        raise UsageError("log_file", f"another file than the model, and not in {outputs.checkpoints}", str(log))
    if outputs.tensorboard is not None and place == outputs.tensorboard.resolve():
        raise UsageError("log_file", f"another path than {parameter('tensorboard')}", str(log))


def _seen_from(model: Path, path: Path) -> str:
    """Return a path as seen from the folder of a model, so that it stays right if all of them are moved."""
    try:
        return os.path.relpath(path, real_path(model.parent))
    except ValueError:  # on another drive of Windows
        return str(path)


def _own_places(outputs: Outputs) -> set[Path]:
    """Return the paths that the run behind these outputs recorded as its own; empty without a record."""
    folder = real_path(outputs.model.parent)
    try:
        return {real_path(folder / path) for path in json.loads((outputs.checkpoints / OWNED_FILES).read_bytes())}
    except (OSError, ValueError, TypeError, RecursionError):
        return set()


def _require_nothing_lost(outputs: Outputs, own: set[Path]) -> None:
    """Raise MnistcnnError if a run would replace a model, checkpoints or a log that are not its own."""
    if outputs.model.exists() and not outputs.is_resuming:
        ways = _replace_or_choose("model")
        if outputs.resume:
            raise MnistcnnError(f"{outputs.model} exists, and {outputs.checkpoints} holds nothing to resume: {ways}")
        raise MnistcnnError(
            f"{outputs.model} already exists: continue its run with {parameter('resume', True)}, {ways}"
        )
    if outputs.has_checkpoints and not outputs.resume:
        raise MnistcnnError(
            f"{outputs.checkpoints} holds an unfinished run: continue it with {parameter('resume', True)}, "
            f"start anew with {parameter('force', True)}, or choose another name with {parameter('model')}"
        )
    if outputs.log is not None and outputs.log.exists() and real_path(outputs.log) not in own:
        raise MnistcnnError(f"{outputs.log} already exists: {_replace_or_choose('log_file')}")


def _replace_or_choose(name: str) -> str:
    """Return the two ways out if the file that a parameter names exists."""
    return f"replace it with {parameter('force', True)}, or choose another name with {parameter(name)}"


def _remove_leftovers(outputs: Outputs) -> None:
    """Remove the half-written files that a killed run of these outputs left."""
    remove_unfinished(outputs.checkpoints, "*")
    for place in (real_path(path) for path in (outputs.model, outputs.log) if path is not None):
        remove_unfinished(place.parent, glob.escape(place.name))


@contextmanager
def _locked_folder(folder: Path, busy: str) -> Iterator[None]:
    """Make a folder and hold its lock, as `locked` does; remove the folder if the block leaves it empty."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise MnistcnnError(f"{folder} cannot be made: {error.strerror or error}") from error
    try:
        with locked(folder / "lock", busy):
            yield
    finally:
        with suppress(OSError):  # the folder is not empty, or is gone already
            folder.rmdir()


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock, which the system drops however the process ends. Raises MnistcnnError with `busy` if it is held."""
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
        yield
    except Timeout as error:
        raise MnistcnnError(busy) from error
    except OSError as error:
        if lock.is_locked:
            raise
        raise MnistcnnError(
            f"{path.parent} cannot be kept from other runs ({error.strerror or error}), since its file system has no "
            "locks: name a place on another one, such as a local disk"
        ) from error
    finally:
        if lock.is_locked:
            with suppress(OSError):  # removed while it is held, so that nobody else's lock is removed
                path.unlink()
            lock.release()


def require_extra(module: str, extra: str) -> None:
    """Raise MnistcnnError if a module is not installed, which an extra of this package brings."""
    if importlib.util.find_spec(module) is None:
        raise MnistcnnError(f"{module} is not installed: pip install 'mnistcnn[{extra}]'")
