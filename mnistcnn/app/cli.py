"""The command line: Typer's commands, and the door at which errors become one line and an exit status.

Options go in; each command makes its values of them and calls one function of `commands`.
"""

import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from mnistcnn.app import options
from mnistcnn.app.help import Command, Commands, examples
from mnistcnn.config import HYPERPARAMETERS, OWN_MODEL, config_from_recipe, default_recipe
from mnistcnn.errors import LostProcessError, MnistcnnError

SAMPLES = "samples"  # folder: where the command that `train` names saves images

# What only a command needs is imported as it runs, so that help comes at once.

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a bug keeps its own traceback
    rich_markup_mode=None,  # usage errors are plain lines; help decides for itself
)


@contextmanager
def user_errors() -> Iterator[None]:
    """Turn an error that the user can fix into one line and an exit status; a bug keeps its traceback."""
    from mnistcnn.report import console as report

    # Pillow warns of odd metadata in pictures that it reads all the same. The filter is not put around each picture:
    # pictures are read in a thread, and `warnings.catch_warnings` changes the whole process.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        yield
        sys.stdout.flush()
    except LostProcessError as error:  # which says so itself, after what JAX's threads still have to say
        raise typer.Exit(error.exit_status) from error
    except MnistcnnError as error:
        report.say_error(error.spelled(_option))
        raise typer.Exit(error.exit_status) from error
    except KeyboardInterrupt as stop:
        raise typer.Exit(getattr(stop, "exit_status", 130)) from None
    except BrokenPipeError:  # the reader of the output has seen enough
        _drop_output()
    except OSError as error:  # nothing more helpful is known to say, as of a full disk under standard output
        _drop_output()
        report.say_error(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error))
        raise typer.Exit(1) from error


def _option(name: str, value: str | None) -> str:
    """Spell a parameter of an error's message as an option: `--batch-size`, `--force`, `--data nowhere`."""
    option = f"--{name.replace('_', '-')}"
    return option if value in (None, "True") else f"{option} {value}"


def _command_to_resume() -> str:
    """Return the command that goes on with the run that this process was started for."""
    program = Path(sys.argv[0])
    words = [Path(sys.executable).name, "-m", "mnistcnn"] if program.name == "__main__.py" else [program.name]
    return shlex.join([*words, *(word for word in sys.argv[1:] if word not in ("--resume", "--force")), "--resume"])


def _next_command(data: str | None, model: Path) -> str:
    """Return what to type after training: a command that saves images to look at, and one that reads them."""
    reading = ["mnistcnn", "predict", SAMPLES, *([] if model == Path(OWN_MODEL) else ["-m", str(model)])]
    if Path(SAMPLES).exists():
        return shlex.join(reading)
    saving = ["mnistcnn", "samples", SAMPLES, *([] if data is None else ["--data", data])]
    return f"{shlex.join(saving)} && {shlex.join(reading)}"


def _drop_output() -> None:
    """Keep Python's own flush at exit from failing too."""
    with suppress(OSError):  # standard output is not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_versions(wanted: bool) -> None:
    """Print the versions of mnistcnn, Python, Keras and the backend found, and end."""
    if wanted:
        with user_errors():
            from mnistcnn.report import console as report
            from mnistcnn.runtime.backend import chosen_backend, installed_versions

            report.show_versions(installed_versions(chosen_backend()))
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_versions, is_eager=True, help="Print versions and exit."),
    ] = False,
) -> None:
    """Train, measure and use the TensorFlow tutorial's handwritten-digit network, on Keras 3."""


@app.command(
    cls=Command,
    epilog=examples(
        "mnistcnn train --recipe fast --model fast.keras",
        "mnistcnn train --steps 2000 --log-file log.jsonl --plot sheet.svg",
    ),
)
def train(
    context: typer.Context,
    model: options.Model = Path(OWN_MODEL),
    recipe: options.Recipe = None,
    init: options.Init = None,
    steps: options.Steps = None,
    batch_size: options.BatchSize = None,
    learning_rate: options.LearningRate = None,
    optimizer: options.Optimizer = None,
    dropout: options.Dropout = None,
    seed: options.Seed = None,
    data: options.Data = None,
    log_file: options.LogFile = None,
    plot: options.Plot = None,
    tensorboard: options.TensorBoard = None,
    resume: options.Resume = False,
    force: options.ReplaceRun = False,
    log_every: options.LogEvery = None,
    checkpoint_every: options.CheckpointEvery = None,
    validate_every: options.ValidateEvery = None,
    patience: options.Patience = None,
    quiet: options.Quiet = False,
    backend: options.TrainingBackend = None,
    device: options.Device = None,
    precision: options.Precision = None,
    processes: options.ProcessCount = None,
    process_id: options.ProcessId = 0,
    coordinator: options.Coordinator = None,
) -> None:
    """Train the network and save it as a .keras file."""
    changes = {name: value for name, value in context.params.items() if name in HYPERPARAMETERS}
    status = 0
    with user_errors():
        from mnistcnn.app import commands
        from mnistcnn.app.training_run import Run
        from mnistcnn.runtime.outputs import Outputs
        from mnistcnn.runtime.team import team_of

        config = config_from_recipe(recipe or default_recipe(init), **changes)
        outputs = Outputs(model=model, log=log_file, plot=plot, tensorboard=tensorboard, resume=resume)
        team = team_of(processes, process_id, coordinator)
        run = Run(config=config, data=data, init=init, outputs=outputs, force=force, quiet=quiet, team=team)
        process = commands.CommandProcess(backend, device)
        status = commands.train(run, process, _command_to_resume(), _next_command(data, model))
    raise typer.Exit(status)


@app.command(
    cls=Command,
    epilog=examples(
        "mnistcnn evaluate",
        "mnistcnn evaluate -m mnistcnn.keras -m fast.keras --data sample --json",
    ),
)
def evaluate(
    models: options.Models = None,
    data: options.Data = None,
    split: options.SplitName = None,
    as_json: options.AsJson = False,
    plot: options.Plot = None,
    force: options.ReplacePlot = False,
    backend: options.Backend = None,
    device: options.Device = None,
) -> None:
    """Measure a model on labelled images, or several side by side."""
    with user_errors():
        from mnistcnn.app import commands

        process = commands.CommandProcess(backend, device)
        commands.evaluate(models or [None], data, split, process, as_json=as_json, plot=plot, force=force)


@app.command(
    cls=Command,
    epilog=examples(
        "mnistcnn predict seven.png photos/ --show",
        "mnistcnn predict 'page-*.jpg' --format text",
        "mnistcnn predict test.csv --format csv > submission.csv",
        "mnistcnn predict @names.txt --format jsonl --output answers.jsonl --ray auto",
    ),
)
def predict(
    images: options.Images,
    model: options.ModelToUse = None,
    digits: options.Digits = "auto",
    invert: options.Invert = "auto",
    form: options.OutputFormat = "table",
    top_k: options.TopK = None,
    show: options.Show = False,
    output: options.AnswerFile = None,
    save_inputs: options.SaveInputs = None,
    force: options.ReplaceAnswers = False,
    backend: options.Backend = None,
    device: options.Device = None,
    ray: options.Ray = None,
) -> None:
    """Read the digits in pictures.

    For pictures that are labelled, as in folders 0 to 9, also say how many were read right.
    """
    status = 0
    with user_errors():
        from mnistcnn.app import commands
        from mnistcnn.app.reading import Reading

        reading = Reading(digits=digits, invert=invert)
        printing = commands.Printing(
            form=form, top_k=top_k, show=show, output=output, save_inputs=save_inputs, force=force
        )
        process = commands.CommandProcess(backend, device)
        status = commands.predict(images, model, reading, printing, process, cluster=ray)
    raise typer.Exit(status)


@app.command(
    cls=Command,
    epilog=examples(
        "mnistcnn explain seven.png --plot seven.svg --why-not 1",
        "mnistcnn explain -m mnistcnn.keras --plot filters.pdf",
    ),
)
def explain(
    image: options.ImageToExplain = None,
    model: options.ModelToUse = None,
    invert: options.Invert = "auto",
    why_not: options.WhyNot = None,
    plot: options.ExplanationPlot = Path("explanation.png"),
    force: options.ReplacePlot = False,
    backend: options.Backend = None,
    device: options.Device = None,
) -> None:
    """Draw what the layers make of a digit, and what in it speaks for the answer.

    Without a picture, draw the filters of the model.
    """
    with user_errors():
        from mnistcnn.app import commands, explaining
        from mnistcnn.app.reading import Reading

        reading, process = Reading(digits="one", invert=invert), commands.CommandProcess(backend, device)
        sheet = explaining.Sheet(plot=plot, why_not=why_not, force=force)
        commands.explain(image, model, reading, process, sheet)


@app.command(
    cls=Command,
    epilog=examples(
        "mnistcnn serve",
        "mnistcnn serve -m mnistcnn.keras -m fast.keras --host 0.0.0.0",
    ),
)
def serve(
    models: options.ModelsToServe = None,
    host: options.Host = "127.0.0.1",
    port: options.Port = 8028,
    opens: options.Open = True,
    backend: options.Backend = None,
    device: options.Device = None,
) -> None:
    """Open a page to draw digits on, which shows what the network makes of them."""
    status = 0
    with user_errors():
        from mnistcnn.app import commands
        from mnistcnn.app.address import Address

        address = Address(host=host, port=port, opens=opens)
        status = commands.serve(models or [None], address, commands.CommandProcess(backend, device))
    raise typer.Exit(status)


@app.command(
    cls=Command,
    epilog=examples(
        "mnistcnn samples pictures --count 50",
        "mnistcnn samples mistakes --misread -m mnistcnn.keras",
    ),
)
def samples(
    folder: options.SampleFolder,
    model: options.ModelToUse = None,
    data: options.Data = None,
    split: options.SampleSplit = None,
    count: options.SampleCount = 20,
    misread: options.Misread = False,
    force: options.ReplaceSamples = False,
    backend: options.Backend = None,
    device: options.Device = None,
) -> None:
    """Save images of a dataset as PNG files, in a folder for each digit."""
    with user_errors():
        from mnistcnn.app import commands

        process = commands.CommandProcess(backend, device)
        commands.save_samples(folder, data, split, process, count=count, misread=misread, model=model, force=force)


@app.command(
    cls=Command,
    epilog=examples(
        "mnistcnn export digits.onnx digits.tflite",
        "mnistcnn export small.onnx --int8 -m mnistcnn.keras",
    ),
)
def export(
    files: options.ExportFiles,
    model: options.ModelToUse = None,
    int8: options.Int8 = False,
    force: options.ReplaceExports = False,
) -> None:
    """Write a model for other programs: ONNX, LiteRT, OpenVINO or SavedModel.

    A file is kept only if its own runtime reads 1,000 images as the model does.
    """
    with user_errors():
        from mnistcnn.app import commands

        commands.export(model, files, int8=int8, force=force)


@app.command(cls=Command, epilog=examples("mnistcnn info", "mnistcnn info mnistcnn.keras"))
def info(model: options.ModelToDescribe = None) -> None:
    """Show what is installed and what a model file holds."""
    with user_errors():
        from mnistcnn.app import commands

        commands.info(model)
