"""The formats for other programs: how a file's name says which, and what must be there to write one. No Keras here."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from mnistcnn.errors import MnistcnnError, UsageError, parameter
from mnistcnn.runtime.outputs import require_extra, require_writable


@dataclass(frozen=True)
class Format:
    """A format: what Keras calls it, the distribution that reads it, and the extra that brings what it needs."""

    keras_name: str
    distribution: str
    modules: tuple[str, ...] = ()
    extra: str = ""
    has_int8: bool = False

    @property
    def runtime(self) -> str:
        """The name and version of the distribution that reads it."""
        return f"{self.distribution} {metadata.version(self.distribution)}"


# formats: by the suffix of a file's name; a folder's has none
FORMATS = {
    ".onnx": Format("onnx", "onnxruntime", ("onnx", "onnxruntime", "tf2onnx"), "onnx", has_int8=True),
    ".tflite": Format("litert", "ai-edge-litert", ("ai_edge_litert",), "litert", has_int8=True),
    ".xml": Format("openvino", "openvino", ("openvino",), "openvino"),
    "": Format("tf_saved_model", "tensorflow"),
}
SAVED_MODEL = "saved_model.pb"  # file: in the folder of every SavedModel


def format_of(path: Path) -> Format:
    """Return the format that a file's name asks for. Raises MnistcnnError for a name that asks for none."""
    if path.suffix not in FORMATS:
        raise MnistcnnError(
            f"{path}: the suffix must be .onnx, .tflite or, for OpenVINO, .xml; a folder for a SavedModel has none"
        )
    return FORMATS[path.suffix]


def require_exportable(path: Path, *, int8: bool, force: bool) -> None:
    """Raise MnistcnnError if a file cannot be written: no such format, packages missing, something in its place."""
    form = format_of(path)
    if int8 and not form.has_int8:
        raise UsageError("int8", "left out but for .onnx and .tflite files", str(path))
    for module in form.modules:
        require_extra(module, form.extra)
    is_folder = not path.suffix
    require_writable(path / SAVED_MODEL if is_folder and path.is_dir() else path, f"digits{path.suffix}")
    for place in [path, *([path.with_suffix(".bin")] if path.suffix == ".xml" else [])]:
        if place.exists() and not force:
            raise MnistcnnError(
                f"{place} already exists: replace it with {parameter('force', True)}, or name another place"
            )
    if is_folder and path.exists() and not _is_saved_model(path):
        raise MnistcnnError(f"{path} is not a SavedModel, and is not replaced: name another place")


def _is_saved_model(path: Path) -> bool:
    return path.is_dir() and ((path / SAVED_MODEL).is_file() or not any(path.iterdir()))
