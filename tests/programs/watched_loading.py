"""Load model files under watch, in a process of its own; the tests of hostile files run this as a script.

    python watched_loading.py GOOD FOLDER CANARIES

loads every file of FOLDER and prints one JSON object: by file name, what came of it, what Python's audit
hooks saw happen meanwhile, and which files in CANARIES were opened by whatever means. GOOD is a good model,
loaded first so that all imports are done. Under the name "controls" come attacks that are let happen, to show
that the watch would see them.
"""

import contextlib
import ctypes
import functools
import gc
import json
import os
import resource
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras

from mnistcnn.errors import MnistcnnError
from mnistcnn.model.model_file import load_model

_WATCHED = (
    *("code.", "compile", "ctypes.", "exec", "import", "marshal.", "open", "os.", "pickle.", "shutil."),
    *("socket.", "subprocess.", "tempfile.", "urllib."),
)
_IN_OPEN = 0x20
_MEMORY = 512 << 20  # bytes that a file may take beyond what the process has after a good one


class Watch:
    """What happens in the process: Python's own account of it, and Linux's of the canary files."""

    def __init__(self, canaries: Path) -> None:
        self._events: list[str] | None = None
        self._inotify = _watch_folder(canaries)
        sys.addaudithook(self._record)

    def _record(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._events is not None and event.startswith(_WATCHED):
            self._events.append(f"{event} {arguments[0] if arguments else ''}"[:200])

    def during(self, action: Callable[[], object]) -> dict[str, object]:
        """Run an action and say what came of it and what happened meanwhile."""
        events: list[str] = []
        self._events = events
        try:
            action()
            outcome, message = "loaded", ""
        except MnistcnnError as error:
            outcome, message = "refused", str(error)
        except Exception as error:  # noqa: BLE001 a crash is a finding, to be reported like the others
            outcome, message = "crashed", f"{type(error).__name__}: {error}"
        self._events = None
        gc.collect()  # Keras models are cycles of references
        return {
            "outcome": outcome,
            "message": message,
            "events": events,
            "canaries": _opened(self._inotify),
        }


def _watch_folder(folder: Path) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, bytes(folder), _IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    return int(descriptor)


def _opened(descriptor: int) -> list[str]:
    names: list[str] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            data, position = os.read(descriptor, 1 << 16), 0
            while position < len(data):
                *_, length = struct.unpack_from("iIII", data, position)
                names.append(data[position + 16 : position + 16 + length].rstrip(b"\0").decode())
                position += 16 + length
    return names


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _let_happen(watch: Watch, folder: Path) -> dict[str, dict[str, object]]:
    """Let some attacks through, as a trusting program would."""
    controls = {
        name: watch.during(functools.partial(_read_first_array, folder / name))
        for name in ("external-link.keras", "external-storage.keras", "virtual-dataset.keras")
    }
    trusting = functools.partial(keras.saving.load_model, folder / "lambda.keras", safe_mode=False)
    return controls | {"lambda.keras": watch.during(trusting)}


def _read_first_array(path: Path) -> None:
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        weights = archive.extract("model.weights.h5", folder)
        with h5py.File(weights) as file:
            file["layers/conv2d/vars/0"][()]


def main(good: Path, folder: Path, canaries: Path) -> None:
    """Load every file and print what happened."""
    sys.path.insert(0, str(canaries))
    load_model(good)
    gc.freeze()  # what is there now needs no looking through after every file
    watch = Watch(canaries)
    hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    _limit_memory()
    report: dict[str, object] = {}
    for path in sorted(folder.iterdir()):
        report[path.name] = watch.during(functools.partial(load_model, path))
    resource.setrlimit(resource.RLIMIT_AS, hard_limit)
    if (folder / "lambda.keras").exists():
        report["controls"] = _let_happen(watch, folder)
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
