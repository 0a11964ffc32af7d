"""Command lines of odd values, through Typer in this process, against outputs and data that are not there."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import typer
from mutations import Case
from typer.testing import CliRunner

from mnistcnn.app.cli import app
from mnistcnn.errors import MnistcnnError

VALUES = (
    *("", " ", "0", "-1", "-0", "1", "2", "50", "1.5", "nan", "inf", "-inf", "1e309", "1e-400", "0x10", "1_000", "١٢"),
    *(
        "9" * 10,
        "9" * 30,
        "9" * 5_000,
        "x" * 300,
        "x" * 100_000,
        "true",
        "None",
        "tutorial",
        "best",
        "adam",
        "bfloat16",
    ),
    *("torch", "gpu:99", "cpu", "localhost:1", ":", "m.keras", "nowhere/m.keras", "folder.keras", "log.jsonl", "p.png"),
    *("/dev/null", "/dev/full", "/dev/null/x", "/proc/self/mem", "-", "--", "--help", "$(reboot)", "%s%n", "{0}", "*"),
    *("~", "ünïcödé ☃", "a\nb", "\x1b[31mred", "\u202egnp", os.fsdecode(b"\xff\xfe.keras"), "١.keras"),
)
COMMANDS = ("train", "evaluate", "predict")


def option_cases(count: int, folder: Path) -> Iterator[Case]:
    """Up to five options or arguments at once of one command; data and models named last are never there."""
    (folder / "folder.keras").mkdir()
    for number in range(count):
        words = command_line(random.Random(number))
        yield f"{number}: {' '.join(word[:40] for word in words)!a}", lambda words=words: invoke(words)  # type: ignore[misc]


def command_line(randomness: random.Random) -> list[str]:
    """Choose a command and odd values for some of its parameters."""
    group = typer.main.get_command(app)
    name = randomness.choice(COMMANDS)
    parameters = group.commands[name].params  # type: ignore[attr-defined]
    words = [name]
    for parameter in randomness.sample(parameters, randomness.randint(1, 5)):
        if parameter.param_type_name == "option":
            words.append(randomness.choice(parameter.opts))
        if not getattr(parameter, "is_flag", False):
            words.append(randomness.choice(VALUES))
    return [*words, "-m", "nowhere/m.keras"] if name == "predict" else [*words, "--data", "nowhere"]


def invoke(words: list[str]) -> None:
    """Run a command line; MnistcnnError says that it ended in one clear line, AssertionError that it did not."""
    result = CliRunner().invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2), f"exit status {result.exit_code}"
    shown = result.stderr + result.stdout
    assert all(char.isprintable() or char == "\n" for char in shown), f"control characters: {shown[:300]!a}"
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    if result.exit_code == 0:
        assert not result.stderr
    elif "Usage: " in result.stderr:  # Typer's own, which is a few lines
        assert result.exit_code == 2
        raise MnistcnnError("a usage error that is Typer's own")
    else:
        assert len(errors) == len(result.stderr.splitlines()) == 1, f"not one line: {result.stderr[:500]!a}"
        raise MnistcnnError(errors[0][:500])
