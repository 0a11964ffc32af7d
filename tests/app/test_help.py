"""Help, usage errors and shell completion, in a terminal and without one."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from conftest import Run
from helpers import COLUMNS, in_terminal
from typer.core import TyperGroup
from typer.testing import CliRunner

from mnistcnn.app.cli import app
from mnistcnn.config import BACKENDS, HYPERPARAMETERS, OPTIMIZERS, PRECISIONS, RECIPES, SPLITS, TRAINING_BACKENDS

COLOR = r"\x1b\[[\d;]*m"
COMMANDS = ("train", "evaluate", "predict", "explain", "serve", "info")
PANELS = {
    "train": ["Options", "Recipe", "Data", "Output", "While it runs", "Machine"],
    "evaluate": ["Options", "Data", "Output", "Machine"],
    "predict": ["Arguments", "Options", "Pictures", "Output", "Machine"],
    "explain": ["Arguments", "Options", "Pictures", "Output", "Machine"],
    "serve": ["Options", "Server", "Machine"],
    "info": ["Arguments", "Options"],
}


def words_of(text: str) -> list[str]:
    """Return the words of a help text without colours, boxes and line ends."""
    return re.sub("[╭╮╰╯│─]", " ", re.sub(COLOR, "", text)).split()


def group() -> TyperGroup:
    """Return the program as Typer has built it."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_in_a_terminal_stands_in_coloured_panels(tmp_path: Path, terminal: dict[str, str], command: str) -> None:
    """Help in a terminal has a panel for each group of options and fits into 80 columns."""
    status, shown = in_terminal(command, "--help", folder=tmp_path, environment=terminal)
    assert status == 0
    assert "\x1b[1;36m" in shown
    lines = re.sub(COLOR, "", shown).splitlines()
    assert [line.strip("╭─╮ ") for line in lines if line.startswith("╭")] == PANELS[command]
    assert max(map(len, lines)) == COLUMNS


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_the_same_with_and_without_a_terminal(
    mnistcnn: Run, tmp_path: Path, terminal: dict[str, str], command: str
) -> None:
    """Every sentence of the options, the command and the examples is in both helps: none of them is lost as markup."""
    plain = words_of(mnistcnn(command, "--help").stdout)
    _, shown = in_terminal(command, "--help", folder=tmp_path, environment=terminal | {"COLUMNS": "300"})
    panels = " ".join(words_of(shown))
    built = group().commands[command]
    texts = [built.help, built.epilog, *(getattr(parameter, "help", "") for parameter in built.params)]
    for text in texts:
        expected = " ".join(words_of((text or "").replace("\b", "")))
        assert expected in " ".join(plain)
        assert expected in panels


@pytest.mark.parametrize("arguments", [["--help"], *([command, "--help"] for command in COMMANDS)])
def test_help_is_plain_text_where_panels_cannot_be_drawn(
    mnistcnn: Run, tmp_path: Path, environment: dict[str, str], arguments: list[str]
) -> None:
    """In a pipe and in a dumb terminal, help is ASCII text without boxes and colours, and fits into 80 columns."""
    piped = mnistcnn(*arguments)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert piped.stdout.isascii()
    assert "\x1b" not in piped.stdout
    assert max(map(len, piped.stdout.splitlines())) <= COLUMNS
    assert in_terminal(*arguments, folder=tmp_path, environment=environment) == (0, piped.stdout)


def test_the_program_alone_shows_its_help(mnistcnn: Run) -> None:
    """Without any argument, `mnistcnn` shows the help that --help shows, as wrong usage."""
    done = mnistcnn()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == mnistcnn("--help").stdout


def test_examples_in_help_can_be_run() -> None:
    """Every command line that help shows as an example is one that its command can parse."""
    for name in COMMANDS:
        command = group().commands[name]
        heading, *lines = (command.epilog or "").removeprefix("\b\n").splitlines()
        assert heading == "Examples:"
        for line in lines:
            program, called, *arguments = shlex.split(line)
            assert (program, called) == ("mnistcnn", name)
            with command.make_context(name, arguments):
                pass


def test_every_help_text_is_a_sentence() -> None:
    """The help of each option and argument begins with a capital letter and ends with a full stop."""
    for name in COMMANDS:
        for parameter in group().commands[name].params:
            assert re.fullmatch(r"[A-Z][^\[\]]*\.", getattr(parameter, "help", "")), parameter.name


def test_completion_in_zsh_keeps_apostrophes(command: Run, environment: dict[str, str]) -> None:
    """They are typographic ones: a plain one would end the word in which zsh gets the help."""
    request = {"_MNISTCNN_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "mnistcnn train --"}
    done = command(env=environment | request)
    assert done.stdout.count("'") == 2  # around all of it
    assert "Start from this model’s weights" in done.stdout
    assert "Needs the extra plot." in done.stdout


def test_every_hyperparameter_of_train_reaches_its_configuration() -> None:
    """The option of each hyperparameter is checked by TrainConfig, so that none is declared and then forgotten."""
    options = [parameter.opts[0] for parameter in group().commands["train"].params if parameter.name in HYPERPARAMETERS]
    assert len(options) == 11
    for option in options:
        result = CliRunner().invoke(app, ["train", f"{option}=-1"])
        assert result.exit_code == 2
        assert result.stderr.startswith(f"error: {option} must be ")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["train", "--nope"], "Error: No such option: --nope (Possible options: --force, --model)"),
        (["train", "--steps", "x"], "Error: Invalid value for '--steps': "),
        (["predict"], "Error: Missing argument 'IMAGE'."),
        (["predict", "a.png", "--digits", "three"], "Error: Invalid value for '--digits': "),
        (["trian"], "Error: No such command 'trian'. Did you mean 'train'?"),
    ],
)
def test_wrong_usage_is_one_line_below_the_usage(
    mnistcnn: Run, tmp_path: Path, terminal: dict[str, str], arguments: list[str], error: str
) -> None:
    """Typer's own errors are plain lines with exit status 2, in a terminal as well as without one."""
    done = mnistcnn(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    usage, hint, empty, line = done.stderr.splitlines()
    assert usage.startswith("Usage: mnistcnn ")
    assert re.fullmatch(r"Try 'mnistcnn.* --help' for help\.", hint)
    assert empty == ""
    assert line.startswith(error)
    assert in_terminal(*arguments, folder=tmp_path, environment=terminal) == (2, done.stderr)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["train", "--recipe", ""], list(RECIPES)),
        (["train", "--optimizer", ""], list(OPTIMIZERS)),
        (["train", "--precision", ""], list(PRECISIONS)),
        (["train", "--precision", "b"], ["bfloat16"]),
        (["train", "--backend", ""], list(TRAINING_BACKENDS)),
        (["predict", "--backend", ""], list(BACKENDS)),
        (["evaluate", "--split", ""], list(SPLITS)),
        (["evaluate", "--device", ""], ["cpu", "gpu", "tpu", "mps", "xpu"]),
        (["predict", "--format", ""], ["table", "text", "jsonl", "csv"]),
        (["predict", "--digits", ""], ["auto", "one", "many"]),
        (["predict", "--invert", ""], ["auto", "yes", "no"]),
        (["train", "--data", ""], ["mnist", "sample", "images", "mnist-files"]),
        (["train", "--data", "mn"], ["mnist", "mnist-files"]),
        (["train", "--data", "ima"], []),  # the shell completes files where nothing is offered
        (["train", "--model", ""], []),
        (["predict", ""], []),
        (["pre"], ["predict"]),
        (["train", "--pro"], ["--processes", "--process-id"]),
    ],
)
def test_completion_offers_the_values_of_every_choice(
    tmp_path: Path, command: Run, environment: dict[str, str], words: list[str], offered: list[str]
) -> None:
    """Bash gets the values that an option takes, as its completion script asks for them."""
    (tmp_path / "images").mkdir()
    (tmp_path / "mnist-files").mkdir()
    request = {
        "_MNISTCNN_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(["mnistcnn", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = command(env=environment | request)
    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in done.stdout.split() if name != "keras-home"] == offered
