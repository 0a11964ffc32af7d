"""A trained network in the files of other programs: ONNX, LiteRT, OpenVINO, and TensorFlow's SavedModel.

Keras's own exporters write them, on TensorFlow. A file is kept only if its own runtime reads images as the network
itself does.
"""

import dataclasses
import json
import shutil
import statistics
import time
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from mnistcnn.errors import MnistcnnError
from mnistcnn.files import UNFINISHED, replace_folder, written_whole
from mnistcnn.model.export_formats import Format, format_of
from mnistcnn.model.inputs import IMAGE_SHAPE, model_inputs
from mnistcnn.model.metadata import ModelMetadata
from mnistcnn.model.model_file import TrainedModel
from mnistcnn.model.runtimes import RUNTIMES
from mnistcnn.results import Export
from mnistcnn.runtime.streams import STDERR, silenced

METADATA_NAME = "mnistcnn.json"
# probability: the largest difference that a float32 file may make
MAX_DIFFERENCE = 1e-4
# share of the images: the most that an int8 file may read as another digit
MAX_OTHER_DIGITS = 0.005


def export_model(trained: TrainedModel, path: Path, images: np.ndarray, calibration: np.ndarray | None) -> Export:
    """Write a network for another program, try the file on images, and keep it if it reads them alike.

    Args:
        trained: the model; its network is a Keras model on TensorFlow.
        path: the file, or the folder of a SavedModel, that is written whole or not at all. Its name says the format.
        images: the images (N, 28, 28) uint8 to try it on.
        calibration: training images (N, 28, 28) uint8 that show which values an int8 network meets; None for float32.

    Returns:
        How its runtime reads the images.

    Raises:
        MnistcnnError: it reads them too differently, or cannot be written.

    """
    form = format_of(path)
    try:
        with TemporaryDirectory(
            dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED, ignore_cleanup_errors=True
        ) as folder:
            unfinished = Path(folder, path.name)
            with silenced(STDERR), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _write(trained, unfinished, form, calibration)
                found = _tried(trained, unfinished, path, form, images, int8=calibration is not None)
            _require_alike(found)
            _keep(unfinished, path)
    except OSError as error:
        raise MnistcnnError(f"{path} cannot be written: {error.strerror or error}") from error
    return found


def _write(trained: TrainedModel, path: Path, form: Format, calibration: np.ndarray | None) -> None:
    network = keras.Model(trained.model.input, {"probabilities": trained.model.output})  # the name that the file has
    settings: dict[str, Any] = {"format": form.keras_name, "verbose": False}
    signature = [keras.InputSpec(shape=(None, *IMAGE_SHAPE), dtype="float32", name="image")]
    metadata = _metadata_text(trained.metadata, int8=calibration is not None)
    match form.keras_name:
        case "onnx":
            network.export(path, input_signature=signature, **settings)
            if calibration is not None:
                _quantize_onnx(path, calibration)
            _describe_onnx(path, metadata)
        case "litert":
            network.export(path, **settings, **({} if calibration is None else _litert_quantization(calibration)))
            with zipfile.ZipFile(path, "a") as archive:  # as LiteRT's metadata has it: files in a zip behind the model
                archive.writestr(METADATA_NAME, metadata)
        case "openvino":
            first = path.with_name("keras.xml")
            network.export(str(first), **settings)
            _describe_openvino(first, path, metadata)
        case _:
            network.export(path, **settings)
            (path / "assets.extra").mkdir()  # the place that TensorFlow leaves to others
            (path / "assets.extra" / METADATA_NAME).write_text(metadata, encoding="utf-8")


def _metadata_text(metadata: ModelMetadata, *, int8: bool) -> str:
    """Return what is known of a model, as the JSON text that travels in its file."""
    described = {
        "input": "image: (N, 28, 28, 1) float32 from 0 to 1, light strokes on dark",
        "output": "probabilities: (N, 10) float32, by digit",
        "weights": "int8" if int8 else "float32",
    }
    return json.dumps(dataclasses.asdict(metadata) | described)


def _quantize_onnx(path: Path, calibration: np.ndarray) -> None:
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Images(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._remaining = iter(_one_by_one(calibration))

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self._remaining, None)
            return None if image is None else {"image": image}

    whole = path.with_name("float32.onnx")
    path.replace(whole)
    quantize_static(whole, path, Images())


def _litert_quantization(calibration: np.ndarray) -> dict[str, Any]:
    import tensorflow as tf

    return {
        "optimizations": [tf.lite.Optimize.DEFAULT],
        "representative_dataset": lambda: ([image] for image in _one_by_one(calibration)),
    }


def _describe_onnx(path: Path, metadata: str) -> None:
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"mnistcnn": metadata})
    onnx.save(model, path)


def _describe_openvino(first: Path, path: Path, metadata: str) -> None:
    import openvino

    model = openvino.Core().read_model(first)
    model.set_rt_info(metadata, ["mnistcnn"])
    openvino.save_model(model, path, compress_to_fp16=False)


def _one_by_one(images: np.ndarray) -> Iterator[np.ndarray]:
    """Yield images (N, 28, 28) uint8 as the network takes them: (1, 28, 28, 1) float32."""
    return (model_inputs(images[place : place + 1]) for place in range(len(images)))


def _tried(
    trained: TrainedModel, unfinished: Path, path: Path, form: Format, images: np.ndarray, *, int8: bool
) -> Export:
    """Read images with a file's runtime, one at a time, and with the network itself."""
    expected = np.asarray(trained.model(model_inputs(images)))
    answer = RUNTIMES[form.keras_name](unfinished)
    answers, seconds = [], []
    for image in _one_by_one(images):
        started = time.perf_counter()
        answers.append(answer(image))
        seconds.append(time.perf_counter() - started)
    found = np.concatenate(answers)
    return Export(
        file=str(path),
        runtime=form.runtime,
        int8=int8,
        size=sum(file.stat().st_size for file in _files_of(unfinished)),
        images=len(images),
        largest_difference=float(np.abs(found - expected).max()),
        other_digits=int((found.argmax(axis=1) != expected.argmax(axis=1)).sum()),
        milliseconds=1_000 * statistics.median(seconds),
    )


def _files_of(path: Path) -> list[Path]:
    """List the files of an exported network: one, OpenVINO's two, or those in a folder."""
    if path.is_dir():
        return [file for file in path.rglob("*") if file.is_file()]
    return [*([path.with_suffix(".bin")] if path.suffix == ".xml" else []), path]


def _require_alike(found: Export) -> None:
    """Raise MnistcnnError if a file's runtime does not read images as the network does."""
    if found.int8:
        limit = MAX_OTHER_DIGITS * found.images
        if found.other_digits > limit:
            raise MnistcnnError(
                f"{found.file} is not kept: in int8 {found.other_digits} of {found.images:,} images are read as "
                f"another digit; at most {limit:.0f} may be"
            )
    elif not found.largest_difference <= MAX_DIFFERENCE:
        raise MnistcnnError(
            f"{found.file} is not kept: the probabilities of {found.runtime} differ by {found.largest_difference:.1e}; "
            f"at most {MAX_DIFFERENCE:.0e} is allowed"
        )


def _keep(unfinished: Path, path: Path) -> None:
    if unfinished.is_dir():
        replace_folder(unfinished, path)
        return
    for file in _files_of(unfinished):
        with written_whole(path.with_name(file.name)) as kept, file.open("rb") as content:
            shutil.copyfileobj(content, kept)
