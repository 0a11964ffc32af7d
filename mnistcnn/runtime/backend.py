"""The choice and the start of the backend that computes: Keras on TensorFlow or another engine, or NumPy alone.

Names of backends and devices go in; the name of the started backend comes out. Keras takes a backend only while it is
imported, so this module sets it and then imports Keras.
"""

import gc
import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnistcnn.config import BACKENDS, TRAINING_BACKENDS
from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.runtime.devices import keep_tensorflow_on_cpu, use_device
from mnistcnn.runtime.streams import STDERR, silenced

# pictures: up to so many, `predict` ends sooner in NumPy than on TensorFlow, which takes seconds to start (28×28 PNG
# files, 2 cores, three turns: 4,000 take 3.0 to 4.6 s and 7.1 to 8.8 s; 10,000 take 6.7 to 12.4 s and 8.1 to 12.8 s)
MAX_NUMPY_PICTURES = 4_000
# modules: those that Keras imports if it finds them, and uses only for what this program never asks of it
UNUSED_BY_KERAS = ("matplotlib", "sklearn")


def quickest_backend(pictures: int) -> str:
    """Return the name of the backend that reads so many pictures in the shortest time, its start included."""
    return "numpy" if pictures <= MAX_NUMPY_PICTURES else "tensorflow"


def chosen_backend(option: str | None = None, default: str = "tensorflow") -> str:
    """Return the name of the backend, in Keras's own order: the option, KERAS_BACKEND, keras.json, the default.

    Raises UsageError for a name that is not a backend's, MnistcnnError if the backend is not installed.
    """
    backend = option or _named_backend() or default
    if backend not in BACKENDS:
        raise UsageError("backend", f"one of {', '.join(BACKENDS)}", backend)
    if importlib.util.find_spec(backend) is None:
        raise MnistcnnError(f"the backend {backend} is not installed: pip install 'mnistcnn[{backend}]'")
    return backend


def chosen_backend_name() -> str:
    """Return the backend that is used if no option names one, whether it is installed or not."""
    return _named_backend() or "tensorflow"


def _named_backend() -> str | None:
    """Return the backend that the environment or the user's settings name; None if they name none."""
    configured = _configured_backend()
    # Keras writes a keras.json that says "tensorflow" wherever it finds none, so that name is nobody's choice.
    return os.environ.get("KERAS_BACKEND") or (configured if configured != "tensorflow" else None)


def _configured_backend() -> str | None:
    try:
        return str(json.loads((keras_home() / "keras.json").read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keras_home() -> Path:
    """Return the folder where Keras keeps settings and datasets, without importing Keras: KERAS_HOME or ~/.keras."""
    if folder := os.environ.get("KERAS_HOME"):
        return Path(folder)
    try:
        return Path.home() / ".keras"
    except RuntimeError:  # no home folder, as in containers: Keras takes this one then
        return Path("/tmp/.keras")


def start_backend(option: str | None = None, device: str | None = None, *, default: str = "tensorflow") -> str:
    """Start the backend that computes answers, and return its name, which `model_file.load_model` takes.

    `option` and `default` are those of `chosen_backend`; no `device` is the one that the backend prefers. The backend
    "numpy" imports neither Keras nor TensorFlow, and computes fastest if NumPy is imported only after this call. Raises
    as `chosen_backend`, `use_device` and `start_keras` do.
    """
    backend = chosen_backend(option, default)
    if backend != "numpy":
        return start_keras(backend, device)
    if device is not None:
        use_device(backend, device)
    # `numpy_network` has a thread for each core. If NumPy is not imported yet, its products start no more threads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return backend


def start_keras(option: str | None = None, device: str | None = None, *, to_train: bool = False) -> str:
    """Import Keras on a backend and a device, quietly and with this project's settings; return the backend's name.

    `option` is that of `chosen_backend`; no `device` is the one that the backend prefers. Raises UsageError for a name
    that is not a backend's or a device's and, if it is `to_train`, for a backend that cannot train. Raises
    MnistcnnError for a missing backend or device, or if Keras already runs on another backend in this process.
    """
    backend = chosen_backend(option)
    if to_train and backend not in TRAINING_BACKENDS:
        raise UsageError("backend", f"one of {', '.join(TRAINING_BACKENDS)} to train", backend)
    if backend == "numpy":
        raise UsageError("backend", "one that Keras computes on here", backend)
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of five networks in one process
    # TensorFlow's default is to use oneDNN's kernels only on CPUs that multiply small numbers with AVX-512 or AMX.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # The gradient of a convolution is set up once instead of at every step, which keeps its scratch memory.
    os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")
    # OpenVINO computes in bfloat16 if the CPU can, and Keras passes no precision on; this hides that the CPU can.
    os.environ.setdefault("OV_CPU_MAX_ISA", "AVX512_CORE")
    with silenced(STDERR), _without_garbage_collection():
        if device is not None:
            os.environ.update(use_device(backend, device))
        # TensorFlow feeds training on every backend, and Keras imports it to describe a network.
        importlib.import_module("tensorflow")
        if to_train and backend != "tensorflow":
            keep_tensorflow_on_cpu()
        import keras

    if keras.backend.backend() != backend:
        raise MnistcnnError(
            f"Keras already runs on {keras.backend.backend()} in this process: start a new one for {backend}"
        )
    # A user's keras.json chooses the backend and nothing else.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    return backend


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Import modules within the block faster: the collector would go through their objects again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def without_unused_modules() -> Iterator[None]:
    """Keep Keras from importing scikit-learn and matplotlib within the block, which takes longer than a second.

    It is for a process that is this program's own: Keras's wrappers for scikit-learn and its galleries of pictures do
    not work in it. Other code can import both modules after the block.
    """
    hidden = [name for name in UNUSED_BY_KERAS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None makes an import fail
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def installed_versions(backend: str) -> dict[str, str]:
    """Return the versions of mnistcnn, Python, Keras and a backend by name, without importing any of them."""
    versions = {"mnistcnn": _version("mnistcnn"), "python": platform.python_version()}
    return versions | {name: _version(name) for name in ("keras", backend)}


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
