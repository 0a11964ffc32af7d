"""The devices that a backend computes on: which there are, putting the work on one, and the precision that suits it.

Names of backends and devices, such as "gpu:1", go in and come out.
"""

import re
from pathlib import Path
from typing import Any

from mnistcnn.config import TRAINING_BACKENDS
from mnistcnn.errors import MnistcnnError, UsageError, parameter

# compute capability: NVIDIA's first GPUs that multiply bfloat16 in hardware (CUDA C++ Programming Guide)
BFLOAT16_CAPABILITY = (8, 0)


def parse_device(option: str) -> tuple[str, int]:
    """Return the kind and the index of a device such as "gpu:1" or "cpu"; the index is 0 if none is given.

    Raises UsageError for anything else.
    """
    match = re.fullmatch(r"([a-z]+)(?::(\d{1,4}))?", option.lower())
    if match is None:
        raise UsageError("device", "a kind such as cpu, gpu or tpu, or one of them as gpu:1", option)
    return match[1], int(match[2] or 0)


def list_devices(backend: str) -> list[str]:
    """Return the devices of this machine that a backend sees, such as "gpu:0", the one it prefers first."""
    if backend == "tensorflow":
        import tensorflow as tf

        kinds = sorted((device.device_type.lower() for device in tf.config.list_physical_devices()), key="cpu".__eq__)
        return _numbered(kinds)
    if backend == "jax":
        import jax

        preferred = jax.local_devices()
        others = [] if preferred[0].platform == "cpu" else jax.local_devices(backend="cpu")
        return _numbered([device.platform.lower() for device in [*preferred, *others]])
    if backend == "torch":
        import torch

        kinds = ["gpu"] * torch.cuda.device_count() + ["mps"] * torch.backends.mps.is_available()
        return _numbered([*kinds, *["xpu"] * torch.xpu.device_count(), "cpu"])
    return ["cpu:0"]  # NumPy and Keras's OpenVINO backend compute nowhere else


def _numbered(kinds: list[str]) -> list[str]:
    return [f"{kind}:{kinds[:place].count(kind)}" for place, kind in enumerate(kinds)]


def use_device(backend: str, option: str) -> dict[str, str]:
    """Make a backend compute on a device from now on, and return the environment variables that Keras must find.

    Neither the backend nor Keras may have computed anything before. Raises MnistcnnError if the device does not exist.
    """
    kind, index = parse_device(option)
    if backend == "jax":
        import jax

        if (kind, index) == ("cpu", 0):
            jax.config.update("jax_platforms", "cpu")  # otherwise JAX takes most of a GPU's memory without using it
    devices = list_devices(backend)
    if f"{kind}:{index}" not in devices:
        named = parameter("device", option)
        raise MnistcnnError(f"{named}: there is no such device; {backend} sees {', '.join(devices)}")
    if backend == "tensorflow":
        _show_tensorflow_only(kind, index)
    elif backend == "jax":
        jax.config.update("jax_default_device", jax.local_devices(backend=kind)[index])
    elif backend == "torch":
        return {"KERAS_TORCH_DEVICE": "cpu" if kind == "cpu" else f"{'cuda' if kind == 'gpu' else kind}:{index}"}
    return {}


def keep_tensorflow_on_cpu() -> None:
    """Leave the accelerators and their memory to another backend, for which TensorFlow only feeds images."""
    _show_tensorflow_only("cpu", 0)


def _show_tensorflow_only(kind: str, index: int) -> None:
    """Hide all accelerators but one from TensorFlow, which takes the memory of all that it sees."""
    import tensorflow as tf

    for each in {device.device_type for device in tf.config.list_physical_devices()} - {"CPU"}:
        devices = tf.config.list_physical_devices(each)
        tf.config.set_visible_devices([devices[index]] if each.lower() == kind else [], each)


def current_device(backend: str) -> str:
    """Return the device that Keras computes on in this process, such as "gpu:0"."""
    import keras

    if backend == "openvino":
        return "cpu:0"
    tensor = keras.ops.zeros(())
    if backend == "tensorflow":
        *_, kind, _ = str(tensor.device).lower().split(":")
        import tensorflow as tf

        visible = tf.config.get_visible_devices(kind.upper())[0]
        return f"{kind}:{tf.config.list_physical_devices(kind.upper()).index(visible)}"
    if backend == "jax":
        import jax

        (device,) = tensor.devices()
        return f"{device.platform.lower()}:{jax.local_devices(backend=device.platform).index(device)}"
    kind = tensor.device.type.replace("cuda", "gpu")
    return f"{kind}:{tensor.device.index or 0}"


def chosen_precision(precision: str, backend: str, device: str) -> str:
    """Return "float32" or "bfloat16": the precision that was asked for, or the one that "auto" takes on a device.

    `backend` and `device` are those that Keras runs on. Raises UsageError if they do not compute in bfloat16.
    """
    if precision == "auto":
        return automatic_precision(backend, device)[0]
    if precision == "bfloat16" and not computes_in(precision):
        raise UsageError("precision", f"auto or float32, which is all that {backend} has on {device}", precision)
    return precision


def computes_in(dtype: str) -> bool:
    """Tell whether Keras computes a convolution in a dtype, such as "bfloat16", on this backend and device."""
    import keras

    try:
        ones = keras.ops.ones((1, 1, 1, 1), dtype)
        keras.ops.convert_to_numpy(keras.ops.cast(keras.ops.conv(ones, ones), "float32"))
    except (ArithmeticError, RuntimeError, TypeError, ValueError):
        return False
    return True


def automatic_precision(backend: str, device: str) -> tuple[str, str]:
    """Return the precision that "auto" takes on a device, and why: bfloat16 if it is known to be faster."""
    kind, index = parse_device(device)
    if backend not in TRAINING_BACKENDS:
        return "float32", f"{backend} does not train"
    if kind == "tpu":
        return "bfloat16", "a TPU multiplies bfloat16"
    if kind == "gpu":
        name, capability = _gpu(backend, index)
        if capability >= BFLOAT16_CAPABILITY:
            return "bfloat16", f"{name} multiplies bfloat16"
        return "float32", f"{name} is not known to multiply bfloat16"
    if kind == "cpu" and not cpu_multiplies_bfloat16():
        return "float32", "this CPU is not known to multiply bfloat16"
    if kind == "cpu" and backend in ("tensorflow", "torch"):
        return "bfloat16", "this CPU multiplies bfloat16"
    return "float32", f"{backend} is not known to be faster in bfloat16 on {kind}"


def _gpu(backend: str, index: int) -> tuple[str, tuple[int, ...]]:
    """Return a GPU's name and its compute capability, which is () if it has none."""
    if backend == "tensorflow":
        import tensorflow as tf

        details: dict[str, Any] = tf.config.experimental.get_device_details(
            tf.config.list_physical_devices("GPU")[index]
        )
        return details.get("device_name", "this GPU"), tuple(details.get("compute_capability", ()))
    if backend == "jax":
        import jax

        device = jax.local_devices(backend="gpu")[index]
        numbers = re.fullmatch(r"(\d+)\.(\d+)", str(getattr(device, "compute_capability", "")))
        return device.device_kind, tuple(map(int, numbers.groups())) if numbers else ()
    import torch

    return torch.cuda.get_device_name(index), () if torch.version.hip else torch.cuda.get_device_capability(index)


def cpu_multiplies_bfloat16() -> bool:
    """Tell whether this CPU has instructions that multiply bfloat16, as far as Linux lists them."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})
