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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnistcnn.config import BACKENDS, TRAINING_BACKENDS
from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.files import expanded
from mnistcnn.runtime.devices import keep_tensorflow_on_cpu, use_device
from mnistcnn.runtime.memory import keep_freed_memory
from mnistcnn.runtime.streams import STDERR, silenced

# pictures: up to so many, `predict` ends sooner in NumPy than on TensorFlow, which takes seconds to start (28×28 PNG
# files, 2 cores, three turns: 4,000 take 3.0 to 4.6 s and 7.1 to 8.8 s; 10,000 take 6.7 to 12.4 s and 8.1 to 12.8 s)
MAX_NUMPY_PICTURES = 4_000
# modules: those that Keras imports if it finds them, and uses only for what this program never asks of it
UNUSED_BY_KERAS = ("matplotlib", "sklearn")
# what Keras takes in keras.json, by key
_FLOATS = ("float16", "float32", "float64")
_FORMATS = ("channels_last", "channels_first")
_VALID_SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "floatx": (lambda value: value in _FLOATS, f"one of {', '.join(_FLOATS)}"),
    "epsilon": (lambda value: isinstance(value, float), "a number with a decimal point"),
    "image_data_format": (lambda value: value in _FORMATS, f"one of {', '.join(_FORMATS)}"),
}
# variables: limits of Keras on every training, made for debugging
_LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")


def quickest_backend(pictures: int) -> str:
    """Return the name of the backend that reads so many pictures in the shortest time, its start included."""
    return "numpy" if pictures <= MAX_NUMPY_PICTURES else "tensorflow"


def chosen_backend(option: str | None = None, default: str = "tensorflow") -> str:
    """Return the name of the backend, in Keras's own order: the option, KERAS_BACKEND, keras.json, the default.

    Raises UsageError for an option that is not a backend's name, MnistcnnError for another such name, and if the
    backend is not installed.
    """
    return _checked_backend(option, default, BACKENDS, "")


def chosen_training_backend(option: str | None = None) -> str:
    """Return the name of the backend as `chosen_backend` does. Raises as well if the backend cannot train."""
    return _checked_backend(option, "tensorflow", TRAINING_BACKENDS, " to train")


def _checked_backend(option: str | None, default: str, allowed: tuple[str, ...], purpose: str) -> str:
    named, origin = (option, None) if option else _named_backend()
    backend = named or default
    if backend not in allowed:
        expected = f"one of {', '.join(allowed)}{purpose}"
        if origin is None:
            raise UsageError("backend", expected, backend)
        raise MnistcnnError(f"{origin} must be {expected}; received {backend!r}")
    spec = importlib.util.find_spec(backend)
    if spec is None or spec.origin is None:  # an empty folder of that name, which an uninstallation may leave
        which = f", which {origin} names," if origin else ""
        raise MnistcnnError(f"the backend {backend}{which} is not installed: pip install 'mnistcnn[{backend}]'")
    return backend


def chosen_backend_name() -> str:
    """Return the backend that is used if no option names one, whether it is installed or not."""
    named, _ = _named_backend()
    return named or "tensorflow"


def _named_backend() -> tuple[str | None, str | None]:
    """Return the backend that the environment or the user's settings name, and where; None if they name none."""
    if variable := os.environ.get("KERAS_BACKEND"):
        return variable, "KERAS_BACKEND"
    configured = _settings().get("backend", "tensorflow")
    # Keras writes a keras.json that says "tensorflow" wherever it finds none, so that name is nobody's choice.
    return (None, None) if configured == "tensorflow" else (str(configured), f"backend in {_settings_file()}")


def _settings_file() -> Path:
    return keras_home() / "keras.json"


def _settings() -> dict[str, Any]:
    """Return what the user's keras.json holds; like Keras, take a file that is not JSON for an empty one.

    Raises MnistcnnError for values that Keras ends at with a traceback.
    """
    path = _settings_file()
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(settings, dict):
        raise MnistcnnError(f"{path} must hold a JSON object; received {settings!r}: delete the file")
    for key, (is_valid, expected) in _VALID_SETTINGS.items():
        if key in settings and not is_valid(settings[key]):
            raise MnistcnnError(f"{key} in {path} must be {expected}; received {settings[key]!r}")
    return settings


def keras_home() -> Path:
    """Return the folder where Keras keeps settings and datasets, without importing Keras: KERAS_HOME or ~/.keras."""
    if folder := os.environ.get("KERAS_HOME"):
        return Path(expanded(folder))
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
    MnistcnnError for a backend that is missing or half installed, for a missing device, or if Keras already runs on
    another backend in this process.
    """
    backend = chosen_training_backend(option) if to_train else chosen_backend(option)
    _settings()  # whoever names the backend, Keras reads them all
    if backend == "numpy":
        raise UsageError("backend", "one that Keras computes on here", backend)
    os.environ["KERAS_BACKEND"] = backend
    for name in _LIMITS:
        os.environ.pop(name, None)
    os.environ["KERAS_NNX_ENABLED"] = "0"  # needs Flax, and trains in another way
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns of five networks in one process
    # TensorFlow's default is to use oneDNN's kernels only on CPUs that multiply small numbers with AVX-512 or AMX.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # The gradient of a convolution is set up once instead of at every step, which keeps its scratch memory.
    os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")
    # OpenVINO computes in bfloat16 if the CPU can, and Keras passes no precision on; this hides that the CPU can.
    os.environ.setdefault("OV_CPU_MAX_ISA", "AVX512_CORE")
    with silenced(STDERR), _without_garbage_collection():
        _import_whole(backend)
        if device is not None:
            os.environ.update(use_device(backend, device))
        # TensorFlow feeds training on every backend, and Keras imports it to describe a network.
        importlib.import_module("tensorflow")
        if to_train and backend != "tensorflow":
            keep_tensorflow_on_cpu()
            keep_freed_memory()
        import keras

    if keras.backend.backend() != backend:
        raise MnistcnnError(
            f"Keras already runs on {keras.backend.backend()} in this process: start a new one for {backend}"
        )
    # A user's keras.json chooses the backend and nothing else.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    return backend


def _import_whole(backend: str) -> None:
    """Import a backend's module. Raises MnistcnnError if what the module needs is missing or does not fit it."""
    try:
        importlib.import_module(backend)
    except (ImportError, OSError, RuntimeError) as error:  # no jaxlib; no libtorch.so; a jaxlib of another release
        said = str(error).strip().splitlines()
        raise MnistcnnError(
            f"the backend {backend} is installed only in part ({said[0] if said else type(error).__name__}): "
            f"pip install --force-reinstall 'mnistcnn[{backend}]'"
        ) from error


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
