"""What a run writes, and what it may not overwrite."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.runtime import require_extra

PLOT_SUFFIXES = (".png", ".svg", ".pdf")


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files of one run. `resume` says whether it goes on from the checkpoint that is there."""

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
        return any(self.checkpoints.glob("step-*.npz"))


@contextmanager
def claimed_outputs(outputs: Outputs, *, force: bool = False) -> Iterator[Outputs]:
    """Hold a run's files for the length of the block, so that no second run writes them.

    Raises MnistcnnError, before anything is changed, where a file could not be written, where another run holds
    them, or where something of the user's would be replaced and `force` does not allow it.
    """
    if outputs.model.suffix != ".keras":
        raise UsageError(f"--model must name a .keras file; received {str(outputs.model)!r}")
    for path in (outputs.model, outputs.log):
        if path is not None:
            _require_writable(path)
    goes_on = outputs.resume and outputs.has_checkpoints
    if outputs.plot is not None:
        require_plot_path(outputs.plot, force=force or goes_on)
    if outputs.tensorboard is not None:
        _require_tensorboard_folder(outputs.tensorboard, force=force or goes_on)
    if not force:
        _require_nothing_lost(outputs)
    with _locked(outputs.checkpoints):
        if force and not outputs.resume:
            for path in (*outputs.checkpoints.glob("step-*.npz"), *_event_files(outputs.tensorboard)):
                path.unlink()
        yield outputs


def require_plot_path(path: Path, *, models: int = 1, force: bool = False) -> None:
    """Raise before any work where a plot could not be drawn, or would replace a file without `force`."""
    if models != 1:
        raise UsageError(f"--plot draws one model; received {models}")
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise UsageError(f"--plot must name a {', '.join(PLOT_SUFFIXES)} file; received {str(path)!r}")
    require_extra("matplotlib", "plot")
    _require_writable(path)
    if path.exists() and not force:
        raise MnistcnnError(f"{path} already exists: replace it with --force, or choose another name with --plot")


def _require_tensorboard_folder(folder: Path, *, force: bool) -> None:
    require_extra("tensorboard", "tensorboard")
    if folder.exists() and not folder.is_dir():
        raise MnistcnnError(f"{folder} is a file: name a folder with --tensorboard")
    _require_writable_folder(folder / "train" if folder.is_dir() else folder)
    if _event_files(folder) and not force:
        raise MnistcnnError(
            f"{folder} holds another run's event files: replace them with --force, or choose another folder with "
            "--tensorboard"
        )


def _event_files(folder: Path | None) -> list[Path]:
    return sorted(folder.glob("*/events.out.tfevents.*")) if folder is not None else []


def _require_writable(path: Path) -> None:
    if path.is_dir():
        raise MnistcnnError(f"{path} is a folder: name a file in it, such as {path / 'mnistcnn.keras'}")
    _require_writable_folder(path)


def _require_writable_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise MnistcnnError(f"the folder {path.parent} does not exist: make it, or name another place than {path}")
    if not os.access(path.parent, os.W_OK):
        raise MnistcnnError(f"the folder {path.parent} cannot be written: name another place than {path}")


def _require_nothing_lost(outputs: Outputs) -> None:
    if outputs.resume and outputs.has_checkpoints:
        return
    if outputs.model.exists():
        raise MnistcnnError(
            f"{outputs.model} already exists: continue its run with --resume, replace it with --force, "
            "or choose another name with --model"
        )
    if outputs.has_checkpoints:
        raise MnistcnnError(
            f"{outputs.checkpoints} holds an unfinished run: continue it with --resume, start anew with --force, "
            "or choose another name with --model"
        )
    if outputs.log is not None and outputs.log.exists():
        raise MnistcnnError(
            f"{outputs.log} already exists: replace it with --force, or choose another name with --log-file"
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(exist_ok=True)
        lock = FileLock(folder / "lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise MnistcnnError(f"another run is writing {folder}: wait for it, or choose another --model") from error
    except OSError as error:
        raise MnistcnnError(f"{folder} cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # a run that left no checkpoint leaves no folder either
            if not any(folder.glob("step-*.npz")):
                (folder / "lock").unlink(missing_ok=True)
                folder.rmdir()
