"""The commands: each calls the library's wiring with what a person typed, and reports the result.

Values go in, checked by their types; text goes to standard output and error, and an exit status comes back.
"""

import gc
import hashlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from mnistcnn.app.address import Address
from mnistcnn.app.explaining import Sheet, draw_filters, explain_picture
from mnistcnn.app.exporting import export_files
from mnistcnn.app.reading import Reading, read_pictures
from mnistcnn.app.training_run import Run, run_training
from mnistcnn.app.wiring import Process, compare_models, load_named_models, sample_images
from mnistcnn.config import OutputFormat
from mnistcnn.errors import MnistcnnError, UsageError, parameter, printable
from mnistcnn.files import is_csv
from mnistcnn.model.pretrained import model_file
from mnistcnn.report import console, live_view
from mnistcnn.report import evaluation as evaluation_report
from mnistcnn.report import export as export_report
from mnistcnn.report import info as info_report
from mnistcnn.report import prediction as prediction_report
from mnistcnn.report import training as training_report
from mnistcnn.report.input_folder import InputFolder
from mnistcnn.runtime.backend import without_unused_modules
from mnistcnn.runtime.outputs import require_extra
from mnistcnn.runtime.parts import Done, PartFile, written_in_parts
from mnistcnn.runtime.signals import ended_by_signals, stop_on_signals
from mnistcnn.wording import counted

# models: the most that one page shows side by side
MAX_SERVED = 4


class CommandProcess(Process):
    """The process of a command, which ends with it. What it warns of is a line on standard error."""

    def start(self, pictures: int | None = None) -> str:
        """Start what computes answers, and return the backend's name."""
        with ended_by_signals(), without_unused_modules():
            backend = super().start(pictures)
        _keep_what_is_loaded()
        return backend

    def start_training(self, device: str | None) -> None:
        """Start Keras on a backend that trains, on a device."""
        with without_unused_modules():
            super().start_training(device)
        _keep_what_is_loaded()

    def warn(self, notice: str) -> None:
        """Print a warning."""
        console.warn(notice)


def _keep_what_is_loaded() -> None:
    """Leave what is loaded so far to the end of the process, without looking for garbage in it.

    The collector would go through it again and again, and once more at the end: a quarter of the time of `evaluate`.
    """
    gc.freeze()


@dataclass(frozen=True, kw_only=True)
class Printing:
    """How `predict` shows what it reads: in which format, and for the table how many digits, and drawings.

    Raises UsageError for values that do not fit together.
    """

    form: OutputFormat = "table"
    top_k: int | None = None  # digits to name for each picture, 1 to 10; None is up to 3
    show: bool = False
    output: Path | None = None  # the file to write to, in parts; None is standard output
    save_inputs: Path | None = None  # the folder for what the network saw
    force: bool = False  # whether that file, and files in that folder, may be replaced

    def __post_init__(self) -> None:
        if self.form != "table" and (self.show or self.top_k is not None):
            expected = f"table with {parameter('show')} or {parameter('top_k')}, which shape the table"
            raise UsageError("format", expected, self.form)
        if self.output is not None and self.save_inputs is not None:
            expected = f"left out with {parameter('output')}: what goes on later does not number files anew"
            raise UsageError("save_inputs", expected, str(self.save_inputs))


def train(run: Run, process: Process, command_to_resume: str, next_command: str) -> int:
    """Train the network, save it, and return the exit status: other than 0 if a signal ended the run.

    `command_to_resume` is what a person types to go on with a run that was stopped.
    """
    with stop_on_signals() as stop:
        result = run_training(run, process, stop)
        if run.team.is_first and run.outputs is not None:
            training_report.show_training_result(
                result, run.outputs.model, run.outputs.checkpoints, command_to_resume, next_command
            )
        return stop.exit_status if stop() else 0


def evaluate(
    models: Sequence[Path | None],
    data: str | None,
    split: str | None,
    process: Process,
    *,
    as_json: bool,
    plot: Path | None,
    force: bool,
) -> None:
    """Measure models on labelled images, and print or draw the measures."""
    _require_different(models, len(evaluation_report.LETTERS))
    comparison = compare_models(models, data, split, process, plot=plot, force=force)
    evaluation_report.show_comparison(comparison, as_json=as_json)


def predict(
    images: Sequence[str],
    model: Path | None,
    reading: Reading,
    printing: Printing,
    process: Process,
    *,
    cluster: str | None = None,
) -> int:
    """Read pictures, print the predictions as they come, and return the exit status: 1 if a picture had an error.

    `cluster` is the address of a Ray cluster that reads them, or "auto"; without one this process does.
    """
    if printing.form == "csv" and len(images) > 1 and any(map(is_csv, images)):
        raise UsageError("format", "jsonl, text or table for a CSV file beside other pictures", printing.form)
    with nullcontext() if printing.output is None else _parts(printing, model, reading) as parts:
        done, file = (Done(), None) if parts is None else (parts.done, parts.text)
        report = prediction_report.PredictionReport(
            printing.form,
            top_k=printing.top_k,
            show=printing.show,
            file=file,
            tally=done.tally if done.pictures else None,
        )
        count, batches = read_pictures(model, images, reading, process, stdin=_stdin(), cluster=cluster, done=done)
        folder = None if printing.save_inputs is None else InputFolder(printing.save_inputs, force=printing.force)
        if done.pictures:
            console.say(f"going on after the {done.pictures:,} pictures that were answered before")
        with live_view.prediction_view(count, to_file=file is not None) as advance, closing(batches):
            advance(done.pictures)
            for batch in batches:
                for predictions in batch:
                    report(predictions)
                    if folder is not None:
                        folder(predictions)
                    advance()
                if parts is not None:
                    done = done.after((predictions[0].name for predictions in batch), report.tally)
                    parts.keep(done)
        report.finish()
    return int(report.tally.failed > 0)


@contextmanager
def _parts(printing: Printing, model: Path | None, reading: Reading) -> Iterator[PartFile]:
    """Yield the file of `printing`, whose parts belong to the settings of a command."""
    assert printing.output is not None
    settings = {name: str(getattr(printing, name)) for name in ("form", "top_k", "show")} | asdict(reading)
    with suppress(OSError):  # whoever loads the model says what is wrong with its file
        settings["model"] = hashlib.sha256(model_file(model).read_bytes()).hexdigest()[:16]
    with written_in_parts(printing.output, settings, force=printing.force) as parts:
        yield parts


def explain(image: str | None, model: Path | None, reading: Reading, process: Process, sheet: Sheet) -> None:
    """Draw what a model makes of a picture and print its answer; without a picture, draw the model's filters."""
    if image is None:
        draw_filters(model, process, sheet)
    else:
        explanation = explain_picture(model, image, reading, process, sheet, stdin=_stdin())
        prediction_report.PredictionReport("table", top_k=3)([explanation.prediction])
    console.say(f"sheet drawn: {printable(str(sheet.plot))}")


def serve(models: Sequence[Path | None], address: Address, process: Process) -> int:
    """Answer requests on an address until a signal ends that, and return the exit status."""
    _require_different(models, MAX_SERVED)
    for module in ("starlette", "uvicorn", "python_multipart", "segno"):
        require_extra(module, "serve")
    with address.listen() as listening, stop_on_signals() as stop:
        trained = load_named_models(models, process, pictures=1)  # before NumPy is imported, which it sets up
        from mnistcnn.app.page import Answers
        from mnistcnn.app.server import run

        run(Answers(trained), listening, address, stop)
        return stop.exit_status


def save_samples(
    folder: Path,
    data: str | None,
    split: str | None,
    process: Process,
    *,
    count: int,
    misread: bool,
    model: Path | None,
    force: bool,
) -> None:
    """Save images of a dataset as PNG files in class folders: its first, or those that a model reads wrong."""
    images = list(sample_images(data, split, count, model_file(model) if misread else None, process))
    if not images:
        raise MnistcnnError("there is no such image: the model reads all of them right")
    save = InputFolder(folder, force=force, named="folder")
    for image in images:
        save([image])
    console.say(f"{counted(len(images), 'image')} saved in {printable(str(folder))}")


def export(model: Path | None, files: Sequence[Path], *, int8: bool, force: bool) -> None:
    """Write a model for other programs, and print how each file reads images."""
    for found in export_files(model, files, int8=int8, force=force, process=CommandProcess("tensorflow")):
        export_report.show_export(found)


def info(model: Path | None) -> None:
    """Print what is installed on this machine, and what a model file holds: by default the one that `predict` uses."""
    from mnistcnn.model.model_file import model_info
    from mnistcnn.runtime.system_info import system_info

    found = model_info(model_file(model))  # first: a file that is not a model is the only thing to say then
    info_report.show_system(system_info())
    info_report.show_model(found)


def _stdin() -> BinaryIO | None:
    """Return standard input, or None if it is closed."""
    return sys.stdin.buffer if sys.stdin else None


def _require_different(models: Sequence[Path | None], most: int) -> None:
    """Raise UsageError for too many models, and for one that is named twice."""
    if len(models) > most or len(set(models)) < len(models):
        raise UsageError("model", f"different files, at most {most}", ", ".join(map(str, models)))
