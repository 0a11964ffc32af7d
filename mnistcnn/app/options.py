"""The options and arguments of the commands, each declared once: its type, its help, its panel, its completion.

Rich reads square brackets in a help text as markup, so no text here holds one.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from mnistcnn import config
from mnistcnn.config import BACKENDS, OPTIMIZERS, PRECISIONS, RECIPES, SPLITS, TRAINING_BACKENDS

DATA_NAMES = ("mnist", "sample")
DEVICE_KINDS = ("cpu", "gpu", "tpu", "mps", "xpu")

# How to declare an option in each panel of the help.
_recipe = partial(typer.Option, rich_help_panel="Recipe")
_data = partial(typer.Option, rich_help_panel="Data")
_pictures = partial(typer.Option, rich_help_panel="Pictures")
_output = partial(typer.Option, rich_help_panel="Output")
_running = partial(typer.Option, rich_help_panel="While it runs")
_serving = partial(typer.Option, rich_help_panel="Server")
_machine = partial(typer.Option, rich_help_panel="Machine")


def _any_of(values: Iterable[str]) -> Callable[[], list[str]]:
    """Return a completion that offers these values."""
    return lambda: list(values)


def _names_and_files(incomplete: str) -> list[str]:
    """Offer the names of datasets that fit, and files beside them; if no name fits, the shell offers files itself."""
    names = [name for name in DATA_NAMES if name.startswith(incomplete)]
    return [*names, *sorted(map(str, Path().glob(f"{incomplete}*")))] if names else []


def _hyperparameter(option: Callable[..., Any], name: str, help_text: str, **settings: Any) -> Any:
    """Declare an option whose default is the recipe's; its help shows the tutorial's, and others that differ."""
    tutorial, *others = RECIPES.values()
    default = getattr(tutorial, name)
    differing = [f"{other.recipe}: {value}" for other in others if (value := getattr(other, name)) != default]
    return option(help=help_text, show_default="; ".join([str(default), *differing]), **settings)


def _backend(names: tuple[str, ...]) -> Any:
    """Declare the option that chooses one of these backends."""
    return _machine(
        metavar="NAME",
        help=f"Backend of Keras: {', '.join(names[:-1])} or {names[-1]}.",
        show_default="KERAS_BACKEND, else keras.json's, or tensorflow",
        autocompletion=_any_of(names),
    )


# What several commands take.
Model = Annotated[Path, typer.Option("-m", "--model", metavar="FILE", help="The model file, which ends in .keras.")]
ModelToUse = Annotated[
    Path | None,
    typer.Option(
        "-m",
        "--model",
        metavar="FILE",
        help="The model file, or pretrained for the model of the package.",
        show_default="mnistcnn.keras here, else pretrained",
    ),
]
Data = Annotated[
    str | None,
    _data(
        envvar="MNISTCNN_DATA",
        metavar="mnist|sample|PATH",
        help="Labelled images: MNIST, the sample of it in the package, IDX, .npz or CSV files, or a folder with one "
        "folder of pictures per class or a labels.csv.",
        show_default="mnist, or sample offline",
        autocompletion=_names_and_files,
    ),
]
Plot = Annotated[
    Path | None,
    _output(metavar="FILE", help="Draw the result on a sheet: a PNG, SVG or PDF file. Needs the extra plot."),
]
Device = Annotated[
    str | None,
    _machine(
        metavar="KIND",
        help="Device to compute on, such as cpu, gpu or gpu:1.",
        show_default="the backend's choice",
        autocompletion=_any_of(DEVICE_KINDS),
    ),
]

# What `train` takes.
Recipe = Annotated[
    str | None,
    _recipe(
        metavar="NAME",
        help="Recipe that the defaults come from: tutorial reads 97 % of MNIST's test images right, fast 99 % after "
        "300 steps, best 99.66 % after 18,000. Take best for photos and drawings.",
        show_default="tutorial; with --init finetune",
        autocompletion=_any_of(RECIPES),
    ),
]
Init = Annotated[
    Path | None,
    _recipe(metavar="FILE", help="Start from this model's weights, or from pretrained, to teach it your digits."),
]
Steps = Annotated[int | None, _hyperparameter(_recipe, "steps", "Number of training steps.")]
BatchSize = Annotated[int | None, _hyperparameter(_recipe, "batch_size", "Number of images in a batch.")]
LearningRate = Annotated[float | None, _hyperparameter(_recipe, "learning_rate", "Learning rate of the optimizer.")]
Optimizer = Annotated[
    str | None,
    _hyperparameter(
        _recipe,
        "optimizer",
        f"Optimizer: {' or '.join(OPTIMIZERS)}.",
        metavar="NAME",
        autocompletion=_any_of(OPTIMIZERS),
    ),
]
Dropout = Annotated[float | None, _hyperparameter(_recipe, "dropout", "Share of the dense layer's units to drop.")]
Seed = Annotated[int | None, _hyperparameter(_recipe, "seed", "Seed for weights, batch order and dropout.")]
LogFile = Annotated[Path | None, _output(metavar="FILE", help="Write every record to this file as JSON lines.")]
TensorBoard = Annotated[
    Path | None,
    _output(metavar="FOLDER", help="Write TensorBoard's event files to this folder. Needs the extra tensorboard."),
]
Resume = Annotated[bool, _output("--resume", help="Continue from the last checkpoint.")]
ReplaceRun = Annotated[bool, _output("--force", help="Replace the files of an earlier run.")]
LogEvery = Annotated[
    int | None, _hyperparameter(_running, "log_every", "Number of steps between records; 0 logs nothing.")
]
CheckpointEvery = Annotated[
    int | None,
    _hyperparameter(_running, "checkpoint_every", "Number of steps between checkpoints; 0 writes only the last."),
]
ValidateEvery = Annotated[
    int | None,
    _hyperparameter(_running, "validate_every", "Number of steps between validations; 0 never validates."),
]
Patience = Annotated[
    int | None,
    _hyperparameter(
        _running,
        "patience",
        "Number of validations without a lower loss that end the run, which then keeps its best step; 0 never ends it.",
    ),
]
Quiet = Annotated[bool, _running("-q", "--quiet", help="Show only the result.")]
TrainingBackend = Annotated[str | None, _backend(TRAINING_BACKENDS)]
Precision = Annotated[
    str | None,
    _hyperparameter(
        _machine,
        "precision",
        "Precision to compute in: auto, float32 or bfloat16; auto takes the faster one.",
        metavar="NAME",
        autocompletion=_any_of(PRECISIONS),
    ),
]
ProcessCount = Annotated[
    int | None,
    _machine(
        envvar="KERAS_DISTRIBUTION_NUM_PROCESSES",
        help="Number of processes that train together, on JAX.",
        show_default="1",
    ),
]
ProcessId = Annotated[int, _machine(envvar="KERAS_DISTRIBUTION_PROCESS_ID", help="Number of this process, from 0 on.")]
Coordinator = Annotated[
    str | None,
    _machine(
        envvar="KERAS_DISTRIBUTION_JOB_ADDRESSES",
        metavar="HOST:PORT",
        help="Address at which every process reaches process 0.",
    ),
]

# What `evaluate` takes.
Models = Annotated[
    list[Path] | None,
    typer.Option(
        "-m",
        "--model",
        metavar="FILE",
        help="The model file, or pretrained; repeat the option to compare several.",
        show_default="mnistcnn.keras here, else pretrained",
    ),
]
SplitName = Annotated[
    str | None,
    _data(
        metavar="NAME",
        help="Split to measure on: train, validation or test.",
        show_default="test, or all pictures of class folders",
        autocompletion=_any_of(SPLITS),
    ),
]
AsJson = Annotated[bool, _output("--json", help="Print one JSON object.")]
ReplacePlot = Annotated[bool, _output("--force", help="Replace the plot's file.")]
Backend = Annotated[str | None, _backend(BACKENDS)]

# What `predict` takes.
Images = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE",
        help="Pictures, folders, glob patterns, CSV files whose rows are images, @FILE for a file of names, or - for "
        "standard input.",
    ),
]
Digits = Annotated[config.Digits, _pictures(help="Read as many digits as a picture shows, or insist on one or many.")]
Invert = Annotated[
    config.Invert,
    _pictures(help="Invert the pictures: yes for dark strokes on light paper, no for light on dark, auto to find out."),
]
OutputFormat = Annotated[config.OutputFormat, _output("--format", help="Format of the answers.")]
TopK = Annotated[
    int | None,
    _output(
        metavar="N", min=1, max=10, help="Number of digits to name for each picture, in the table.", show_default="3"
    ),
]
Show = Annotated[bool, _output("--show", help="Draw each picture and what the network saw of it, in the table.")]
AnswerFile = Annotated[
    Path | None,
    _output(
        "--output",
        metavar="FILE",
        help="Write the answers to this file, whole: the same command goes on after a stop.",
        show_default="standard output",
    ),
]
SaveInputs = Annotated[
    Path | None,
    _output(metavar="FOLDER", help="Save what the network saw to this folder, as PNG files of 28x28 pixels."),
]
ReplaceAnswers = Annotated[bool, _output("--force", help="Replace what --output or --save-inputs wrote before.")]
Ray = Annotated[
    str | None,
    _machine(
        metavar="auto|HOST:PORT",
        help="Read the pictures on the Ray cluster at this address. Needs the extra ray.",
        show_default="this machine",
    ),
]

# What `explain` takes.
ImageToExplain = Annotated[
    str | None,
    typer.Argument(
        metavar="IMAGE", help="The picture of a digit, or - for standard input.", show_default="draw the filters"
    ),
]
WhyNot = Annotated[
    int | None,
    _output(
        metavar="DIGIT",
        min=0,
        max=9,
        help="Digit that the answer is compared with.",
        show_default="the second likeliest",
    ),
]
ExplanationPlot = Annotated[
    Path, _output("--plot", metavar="FILE", help="The PNG, SVG or PDF file to draw. Needs the extra plot.")
]

# What `serve` takes.
ModelsToServe = Annotated[
    list[Path] | None,
    typer.Option(
        "-m",
        "--model",
        metavar="FILE",
        help="The model file, or pretrained; repeat the option to see up to four side by side.",
        show_default="mnistcnn.keras here, else pretrained",
    ),
]
Host = Annotated[
    str,
    _serving(
        metavar="ADDRESS",
        help="Address to listen on; 0.0.0.0 is every address of this machine, and asks whoever opens the page for a "
        "token.",
    ),
]
Port = Annotated[int, _serving(metavar="N", min=0, max=65535, help="Port to listen on; 0 takes any that is free.")]
Open = Annotated[bool, _serving("--open/--no-open", help="Open the page in the browser of this desktop.")]

# What `info` takes.
ModelToDescribe = Annotated[
    Path | None,
    typer.Argument(
        metavar="MODEL",
        help="The model file to describe, or pretrained.",
        show_default="mnistcnn.keras here, else pretrained",
    ),
]

# What `export` takes.
ExportFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        help="What to write: FILE.onnx, FILE.tflite for LiteRT, FILE.xml for OpenVINO, a folder for a SavedModel.",
    ),
]
Int8 = Annotated[
    bool, _output("--int8", help="Compute in 8-bit whole numbers: a quarter of the size. For ONNX, LiteRT.")
]
ReplaceExports = Annotated[bool, _output("--force", help="Replace files that were exported before.")]

# What `samples` takes.
SampleFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder to save to; it must be new or empty.")]
SampleSplit = Annotated[
    str | None,
    _data(
        metavar="NAME",
        help="Split to take images of: train, validation or test.",
        show_default="test",
        autocompletion=_any_of(SPLITS),
    ),
]
SampleCount = Annotated[int, _output(metavar="N", min=1, help="Number of images to save.")]
Misread = Annotated[bool, _output("--misread", help="Save the images that the model reads wrong, the surest first.")]
ReplaceSamples = Annotated[bool, _output("--force", help="Replace files in the folder.")]
