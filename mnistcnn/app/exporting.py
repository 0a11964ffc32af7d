"""The call that the library and the command share to write a model for other programs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mnistcnn.app.wiring import Process, load_models
from mnistcnn.results import Export

if TYPE_CHECKING:
    from mnistcnn.app.wiring import AnyModel

TRIED_IMAGES = 1_000  # images of the sample: what each file is tried on
CALIBRATION_IMAGES = 500  # images of the sample, others: what int8 is calibrated on


def export_files(
    model: "AnyModel", files: Sequence[Path], *, int8: bool, force: bool, process: Process
) -> Iterator[Export]:
    """Write a model for other programs, file by file, and yield how each reads images.

    The process must compute on TensorFlow, whatever trained the model. Raises MnistcnnError before anything is written
    if the model cannot be read or a file cannot be its name's format, and later if a file reads too differently.
    """
    from mnistcnn.model.export_formats import require_exportable

    for file in files:
        require_exportable(file, int8=int8, force=force)
    process.start()
    [given] = load_models([model], process)
    from mnistcnn.data.sources import bundled_sample
    from mnistcnn.model.export import export_model
    from mnistcnn.model.model_file import on_keras

    trained, sample = on_keras(given), bundled_sample()
    training = sample.training_images().images
    tried, calibration = training[:TRIED_IMAGES], training[TRIED_IMAGES:][:CALIBRATION_IMAGES]
    for file in files:
        yield export_model(trained, file, tried, calibration if int8 else None)
