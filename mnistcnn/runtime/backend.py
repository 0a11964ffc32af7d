"""The process a command runs in: backend and precision, chosen before Keras is imported, and signals."""

import gc
import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnistcnn.config import BACKENDS, TRAINING_BACKENDS
from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.runtime.devices import keep_tensorflow_on_cpu, use_device

# pictures: up to so many, `predict` ends sooner in NumPy than on TensorFlow, which starts for seconds (28×28 PNG files,
# 2 cores, three turns: 4,000 take 3.0 to 4.6 s and 7.1 to 8.8 s; 10,000 take 6.7 to 12.4 s and 8.1 to 12.8 s)
MAX_NUMPY_PICTURES = 4_000


def quickest_backend(pictures: int) -> str:
    """Return the name of the backend that reads so many pictures soonest, the time to start it counted."""
    return "numpy" if pictures <= MAX_NUMPY_PICTURES else "tensorflow"


def chosen_backend(option: str | None = None, default: str = "tensorflow") -> str:
    """Return the backend's name in Keras's own order: the option, KERAS_BACKEND, keras.json, the default.

    Raises UsageError for a name that is none, MnistcnnError where the backend is not installed.
    """
    backend = option or _named_backend() or default
    if backend not in BACKENDS:
        raise UsageError("backend", f"one of {', '.join(BACKENDS)}", backend)
    if importlib.util.find_spec(backend) is None:
        raise MnistcnnError(f"the backend {backend} is not installed: pip install 'mnistcnn[{backend}]'")
    return backend


def chosen_backend_name() -> str:
    """Return the backend that is taken where no option names one, installed or not."""
    return _named_backend() or "tensorflow"


def _named_backend() -> str | None:
    """Return the backend that the environment or the user's settings name; None if they name none."""
    configured = _configured_backend()
    # Keras writes a keras.json that says "tensorflow" wherever it finds none, so that name is nobody's choice.
    return os.environ.get("KERAS_BACKEND") or (configured if configured != "tensorflow" else None)


def _configured_backend() -> str | None:
    home = os.environ.get("KERAS_HOME")
    path = (Path(home) if home else Path.home() / ".keras") / "keras.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def start_backend(option: str | None = None, device: str | None = None, *, default: str = "tensorflow") -> str:
    """Start what computes answers, and return the backend's name: "numpy", or the one that Keras runs on.

    NumPy needs neither Keras nor TensorFlow, and neither is imported. It computes fastest if it is imported after this.

    Args:
        option: the backend that the user names; None asks KERAS_BACKEND and keras.json.
        device: the device that the user names; None is the one that the backend prefers.
        default: the backend if none of them names one.

    Returns:
        The backend's name, which `model_file.load_model` takes.

    Raises:
        UsageError, MnistcnnError: as for `chosen_backend`, `use_device` and `start_keras`.

    """
    backend = chosen_backend(option, default)
    if backend != "numpy":
        return start_keras(backend, device)
    if device is not None:
        use_device(backend, device)
    # The network has a thread for each core. If NumPy is not imported yet, this keeps its products from starting more.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    return backend


def start_keras(option: str | None = None, device: str | None = None, *, to_train: bool = False) -> str:
    """Import Keras on the chosen backend and device, quietly, with this project's defaults; return the backend's name.

    Raises as `chosen_backend` and `use_device` do, where Keras already runs on another backend, and, `to_train`, for a
    backend that cannot.
    """
    backend = chosen_backend(option)
    if to_train and backend not in TRAINING_BACKENDS:
        raise UsageError("backend", f"one of {', '.join(TRAINING_BACKENDS)} to train", backend)
    if backend == "numpy":
        raise UsageError("backend", "one that Keras computes on here", backend)
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of five networks in one process
    # TensorFlow leaves these kernels out by itself where the CPU lacks AVX-512's or AMX's products of small numbers.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # A gradient of a convolution is set up once, not at every step, though that holds its scratch memory.
    os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")
    # OpenVINO takes bfloat16 where the CPU has it, and Keras hands it no precision; this hides those instructions.
    os.environ.setdefault("OV_CPU_MAX_ISA", "AVX512_CORE")
    with _quiet_stderr(), _without_garbage_collection():
        if device is not None:
            os.environ.update(use_device(backend, device))
        # It feeds training on every backend, and Keras loads it to describe a network. What it writes while it loads
        # is not for people.
        importlib.import_module("tensorflow")
        if to_train and backend != "tensorflow":
            keep_tensorflow_on_cpu()
        import keras

    if keras.backend.backend() != backend:
        raise MnistcnnError(
            f"Keras already runs on {keras.backend.backend()} in this process: start a new one for {backend}"
        )
    # A user's keras.json changes the backend and nothing else.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    return backend


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Load modules within the block: the collector would go through all that they hold again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep what the block writes to stderr from the terminal; show it after all where the block fails.

    TensorFlow 2.21's libraries write about oneDNN and CUDA while they load, before any setting of theirs is read,
    so only the file descriptor can be silenced.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except MnistcnnError:
            raise  # it says by itself what was wrong
        except Exception:
            written.seek(0)
            os.write(terminal, written.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def installed_versions(backend: str) -> dict[str, str]:
    """Return the versions of mnistcnn, Python, Keras and the backend, without importing any of them."""
    versions = {"mnistcnn": _version("mnistcnn"), "python": platform.python_version()}
    return versions | {name: _version(name) for name in ("keras", backend)}


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
