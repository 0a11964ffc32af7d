"""What can be said on the command line: each option and argument, its type, its help."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from mnistcnn.config import BACKENDS, OPTIMIZERS, PRECISIONS, RECIPES

DEFAULT_MODEL = Path("mnistcnn.keras")


class Format(StrEnum):
    """How `predict` prints."""

    table = "table"
    jsonl = "jsonl"
    csv = "csv"


class Digits(StrEnum):
    """How many digits `predict` looks for in a picture."""

    one = "one"
    many = "many"


class Invert(StrEnum):
    """Whether strokes are dark on light."""

    auto = "auto"
    yes = "yes"
    no = "no"


Model = Annotated[Path, typer.Option("-m", "--model", help="The model file.", metavar="FILE")]
Data = Annotated[
    str | None,
    typer.Option(
        envvar="MNISTCNN_DATA",
        metavar="mnist|digits|PATH",
        help="The images: MNIST; the bundled UCI digits; or a folder of IDX files, an .npz file, or a folder with one "
        "folder of pictures per class. By default MNIST, or the digits where it is out of reach.",
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(metavar="FILE.png|svg|pdf", help="Draw what was learned on a sheet. (mnistcnn[plot])"),
]
Backend = Annotated[
    str | None,
    typer.Option(
        envvar="KERAS_BACKEND",
        metavar="|".join(BACKENDS),
        help="What Keras computes on. By default what keras.json says, or tensorflow.",
    ),
]

Device = Annotated[
    str | None,
    typer.Option(metavar="cpu|gpu|gpu:1|tpu|…", help="What the backend computes on. By default what it prefers."),
]

# What `train` takes in place of the recipe's own values.
HYPERPARAMETERS = frozenset(
    [
        "steps",
        "batch_size",
        "learning_rate",
        "optimizer",
        "dropout",
        "seed",
        "log_every",
        "checkpoint_every",
        "validate_every",
        "patience",
        "precision",
    ]
)


def _hyperparameter(name: str, help_text: str) -> Any:
    """Declare an option of `train` whose default is the recipe's; help shows it, for each where they differ."""
    values = {recipe: getattr(config, name) for recipe, config in RECIPES.items()}
    same = len(set(values.values())) == 1
    shown = values["tutorial"] if same else ", ".join(f"{recipe}: {value}" for recipe, value in values.items())
    return typer.Option(help=f"{help_text} ({shown})")


Recipe = Annotated[
    str,
    typer.Option(
        metavar="|".join(RECIPES),
        help="Where the defaults below come from. tutorial: as it was, 97 % of the test images right; fast: 99 % in "
        "300 steps; best: 99.68 %, the most of real pictures, and letters told from digits, in 18,000 steps.",
    ),
]
Steps = Annotated[int | None, _hyperparameter("steps", "Batches to train on.")]
BatchSize = Annotated[int | None, _hyperparameter("batch_size", "Images in a batch.")]
LearningRate = Annotated[float | None, _hyperparameter("learning_rate", "The optimizer's rate.")]
Optimizer = Annotated[str | None, _hyperparameter("optimizer", f"One of {', '.join(OPTIMIZERS)}.")]
Dropout = Annotated[float | None, _hyperparameter("dropout", "Share of dense units dropped.")]
Seed = Annotated[int | None, _hyperparameter("seed", "Of weights, batches and dropout.")]
LogEvery = Annotated[int | None, _hyperparameter("log_every", "Steps between records; 0 logs none.")]
LogFile = Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="Where whole records go.")]
CheckpointEvery = Annotated[
    int | None, _hyperparameter("checkpoint_every", "Steps between checkpoints; 0 keeps the last only.")
]
ValidateEvery = Annotated[
    int | None, _hyperparameter("validate_every", "Steps between validations; 0 never validates.")
]
Patience = Annotated[
    int | None,
    _hyperparameter("patience", "Validations without a lower loss that end the run, keeping the best; 0 keeps on."),
]
Precision = Annotated[str | None, _hyperparameter("precision", f"One of {', '.join(PRECISIONS)}.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")]
ReplaceRun = Annotated[bool, typer.Option("--force", help="Replace what an earlier run left.")]
TensorBoard = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where TensorBoard's event files go. (mnistcnn[tensorboard])")
]
ProcessCount = Annotated[
    int | None,
    typer.Option(envvar="KERAS_DISTRIBUTION_NUM_PROCESSES", help="Processes that train together, on JAX. (Default: 1)"),
]
ProcessId = Annotated[
    int, typer.Option(envvar="KERAS_DISTRIBUTION_PROCESS_ID", help="Which of them this is, from 0 on.")
]
Coordinator = Annotated[
    str | None,
    typer.Option(
        envvar="KERAS_DISTRIBUTION_JOB_ADDRESSES",
        metavar="HOST:PORT",
        help="Where process 0 is reached by all of them.",
    ),
]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Show the result alone.")]

Models = Annotated[
    list[Path] | None,
    typer.Option("-m", "--model", metavar="FILE", help="The model file; several are put side by side."),
]
SplitName = Annotated[
    str | None, typer.Option(help="train, validation or test. By default test, or every picture of class folders.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ReplacePlot = Annotated[bool, typer.Option("--force", help="Replace a plot that is there.")]

Images = Annotated[
    list[str], typer.Argument(metavar="IMAGE...", help="Pictures, folders, glob patterns, or - for standard input.")
]
FormatName = Annotated[Format, typer.Option("--format", help="How to print.")]
TopK = Annotated[
    int | None, typer.Option(min=1, max=10, help="Digits to name for each picture, in the table. (Default: 3)")
]
Show = Annotated[bool, typer.Option("--show", help="Draw each picture and what the network saw of it, in the table.")]
DigitCount = Annotated[Digits, typer.Option(help="Read one digit in each picture, or a number in one line.")]
Inverted = Annotated[Invert, typer.Option(help="Whether strokes are dark on light, and so are to be inverted.")]
SaveInputs = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Save what the network saw as 28×28 PNG files.")
]
ReplaceInputs = Annotated[bool, typer.Option("--force", help="Let --save-inputs replace files.")]

ModelToTellOf = Annotated[Path | None, typer.Argument(metavar="[MODEL]", help="A model file to tell of too.")]
