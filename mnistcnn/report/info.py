"""The text report of `mnistcnn info`: the installed backends and devices; a model file's layers and origin."""

import sys
from collections.abc import Mapping

from mnistcnn.config import TRAINING_BACKENDS
from mnistcnn.errors import printable
from mnistcnn.report.console import console_on
from mnistcnn.results import BackendInfo, ModelInfo, SystemInfo


def show_system(info: SystemInfo) -> None:
    """Print versions, the backend that is chosen by default, and a line for each backend on stdout."""
    out = console_on(sys.stdout)
    out.print(_versions(info.versions))
    out.print(f"backend by default: {printable(info.chosen)}\n")
    for backend in info.backends:
        out.print(backend_line(backend))


def backend_line(backend: BackendInfo) -> str:
    """Return one line on a backend: its version, devices and precision, or why it cannot be used."""
    if backend.version is None:
        return f"{backend.name:<10} not installed: pip install 'mnistcnn[{backend.name}]'"
    name = f"{backend.name:<10} {backend.version:<10}"
    if backend.error is not None:
        return f"{name} does not work: {printable(backend.error)}"
    devices = ", ".join(backend.devices)
    if backend.name not in TRAINING_BACKENDS:
        return f"{name} {devices}; evaluates and predicts only, in float32"
    return f"{name} {devices}; precision auto: {backend.precision}, because {printable(str(backend.reason))}"


def show_model(info: ModelInfo) -> None:
    """Print a model file's layers and where the model comes from on stdout."""
    out = console_on(sys.stdout)
    out.print(f"\n{printable(info.path)}\n")
    for layer in info.layers:
        shape = " × ".join(map(str, layer.shape[1:]))
        out.print(f"  {layer.name:<14} {layer.kind:<14} {shape:<14} {layer.parameters:>11,}")
    out.print(f"  {'parameters':<44} {info.parameters:>11,}\n")
    step = None if info.step is None else f"{info.step:,}"
    accuracy = None if info.accuracy is None else f"{100 * info.accuracy:.2f} % on the test split"
    temperature = None if info.calibration is None else f"{info.calibration:.3f}"
    rows = {
        "recipe": info.recipe,
        "step": step,
        "data": info.data,
        "accuracy": accuracy,
        "temperature": temperature,
        "evidence": None if info.evidence is None else f"{info.evidence:.3f} at least",
        "made with": _versions(info.versions) or None,
    }
    for name, value in rows.items():
        out.print(f"{name:<12} {'unknown' if value is None else printable(value)}")


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
