"""What a person sees in a real terminal, 80 columns wide: a pty, and the bytes that arrive there."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SHORT, Run
from helpers import COLUMNS, all_of_terminal, drawn_one, in_terminal
from PIL import Image

from mnistcnn.config import config_from_recipe
from mnistcnn.events import TrainingRecord, TrainingStarted
from mnistcnn.report.live_view import TrainingView
from mnistcnn.results import TrainingHistory

RECORD = TrainingRecord(
    step=50, loss=0.5, accuracy=0.9, steps_per_second=30, labels=[3], probabilities=[[0.1] * 10], first_image=drawn_one
)
STARTED = TrainingStarted(
    config=config_from_recipe("fast", steps=200, batch_size=10),
    data="sample",
    train_images=4050,
    backend="tensorflow",
    device="cpu:0",
    precision="float32",
    start_step=0,
    history=TrainingHistory(records=(), validations=()),
    layers=(),
)
COLOR = re.compile(r"\x1b\[[\d;]*\b(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:;[\d;]*)?m")


def shown_by(*arguments: str, folder: Path, environment: dict[str, str], results: Path | None = None) -> str:
    """Return what a command that ends well shows in a terminal."""
    status, shown = in_terminal(*arguments, folder=folder, environment=environment, results=results)
    assert status == 0, shown
    return shown


def lines_of(shown: str) -> list[str]:
    """The lines as they arrived, without what drives the terminal."""
    return [re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", line).split("\r")[-1] for line in shown.split("\n")]


TRAIN = ["train", *SHORT, "--steps", "40", "--validate-every", "20"]


def test_training_in_a_terminal_stays_calm(tmp_path: Path, terminal: dict[str, str]) -> None:
    """One picture is redrawn in place, at most once a second; in the end the log's last lines and the summary stand."""
    shown = shown_by(*TRAIN, folder=tmp_path, environment=terminal)
    assert "\x1b[?25l" in shown  # the cursor is hidden
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")  # and comes back
    lines = lines_of(shown)
    assert max(map(len, lines)) <= COLUMNS
    assert any(re.search(r"\d+ of 40 steps", line) for line in lines)
    assert any(re.fullmatch(r"the batch's first image, (a [0-79]|an 8), is read as", line) for line in lines)
    assert any(re.fullmatch(r"▀{28}   \d [█▉-▏ ]{28} +\d+\.\d % its label", line) for line in lines)
    assert sum("first image" in line for line in lines) < 20
    after = lines_of(shown[shown.rfind("\x1b[?25h") :])
    assert [line.split()[0] for line in after if line] == [
        *("step", "10", "20", "validation", "30", "40", "validation"),
        *("trained", "last", "loss", "validation", "sample,", "model", "checkpoint:", "next:"),
    ]  # fmt: skip


def test_a_window_that_shrinks_holds_no_stale_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal is cleared, and the heading and the picture are drawn anew, as narrow as it is now."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("JPY_PARENT_PID", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    ours, theirs = os.openpty()
    with open(theirs, "w", encoding="utf-8") as terminal:  # noqa: PTH123 - a descriptor has no path
        monkeypatch.setattr("sys.stderr", terminal)
        with TrainingView() as view:
            view(STARTED)
            view(RECORD)
            monkeypatch.setenv("COLUMNS", "60")  # which Rich reads each time, unless it was set before
            view(replace(RECORD, step=100))
    before, after = map(lines_of, all_of_terminal(ours).split("\x1b[H\x1b[2J"))
    assert any(line.endswith("its label") for line in before)
    assert after[0].startswith("fast recipe: 200 steps of 10 on ")
    assert max(map(len, after)) == 60


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, pytest.param({"TERM": "dumb"}, marks=pytest.mark.slow)])
def test_colours_are_left_out_where_they_are_not_wanted(
    tmp_path: Path, terminal: dict[str, str], variables: dict[str, str]
) -> None:
    """NO_COLOR keeps the live picture and drops its colours; a dumb terminal gets plain lines."""
    shown = shown_by(*TRAIN, folder=tmp_path, environment=terminal | variables)
    assert not COLOR.search(shown)
    assert ("\x1b" in shown) == ("NO_COLOR" in variables)


@pytest.mark.parametrize(
    "variables",
    [
        {"JPY_PARENT_PID": "1"},
        pytest.param({"COLAB_GPU": ""}, marks=pytest.mark.slow),
        pytest.param({"TTY_INTERACTIVE": "0"}, marks=pytest.mark.slow),
    ],
)
def test_a_terminal_that_shows_no_cursor_movements_gets_plain_lines(
    tmp_path: Path, terminal: dict[str, str], variables: dict[str, str]
) -> None:
    """A notebook's kernel gives its commands a terminal, and a person may call one not interactive."""
    shown = shown_by(*TRAIN, folder=tmp_path, environment=terminal | variables)
    assert not re.search(r"\x1b\[\??\d*[A-Zhl]", shown)
    assert [line.split()[0] for line in lines_of(shown)[1:9]] == [
        "step", "10", "20", "validation", "30", "40", "validation", "trained"
    ]  # fmt: skip


@pytest.mark.parametrize("variables", [{"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "0"}])
def test_a_file_gets_every_record_whatever_colours_are_asked_for(
    command: Run, environment: dict[str, str], variables: dict[str, str]
) -> None:
    """A log of CI has colours where they are forced, and nothing that is redrawn."""
    done = command(*TRAIN, env=environment | {"TERM": "xterm-256color"} | variables)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"\x1b\[\??\d*[A-Zhl]", done.stderr)
    assert [line.split()[0] for line in lines_of(done.stderr)[1:7]] == [
        "step", "10", "20", "validation", "30", "40"
    ]  # fmt: skip


def test_a_command_to_copy_has_no_line_end_in_it(tmp_path: Path, terminal: dict[str, str], trained: Path) -> None:
    """What a narrow terminal shows in two lines is sent as one, so that it can be copied."""
    long = f"{'a' * 100}.png"
    status, shown = in_terminal("predict", long, "-m", str(trained), folder=tmp_path, environment=terminal)
    assert status == 1
    assert f"{long}: no such file" in shown


def test_the_confusion_matrix_is_shaded(
    tmp_path: Path,
    terminal: dict[str, str],
    trained: Path,
) -> None:
    """By colours in a terminal; by characters under NO_COLOR; the counts are the same."""
    command = ["evaluate", "--data", "sample", "-m", str(trained), "--backend", "numpy"]
    colored, plain = (
        shown_by(*command, folder=tmp_path, environment=terminal),
        shown_by(*command, folder=tmp_path, environment=terminal | {"NO_COLOR": "1"}),
    )
    assert COLOR.search(colored)
    assert not COLOR.search(plain)
    rows = [[re.findall(r"\d+|·", line)[1:11] for line in lines_of(shown)[6:16]] for shown in (colored, plain)]
    assert rows[0] == rows[1]
    assert any(shade in plain for shade in "░▒▓█")
    assert not any(shade in colored for shade in "░▒▓█")
    assert max(map(len, [*lines_of(colored), *lines_of(plain)])) <= COLUMNS


def test_an_evaluation_in_a_pipe_is_plain_and_says_what_json_says(
    command: Run,
    trained: Path,
) -> None:
    """No control characters; the matrix, the measures and the worst mistakes are those of --json."""
    arguments = ("evaluate", "--data", "sample", "-m", str(trained))
    text, found = command(*arguments).stdout, json.loads(command(*arguments, "--json").stdout)
    assert all(char.isprintable() or char == "\n" for char in text)
    rows = [re.findall(r"[\d.]+|·", line) for line in text.splitlines()[6:16]]
    assert [[0 if cell == "·" else int(cell) for cell in row[1:11]] for row in rows] == found["confusion"]
    expected = [[100 * row[name] for name in ("precision", "recall", "f1")] for row in found["classes"]]
    np.testing.assert_allclose(np.array([row[11:] for row in rows], float), expected, atol=0.05 + 1e-9)
    captions = [
        f"{one['label']}→{one['digit']} {100 * one['probability']:.1f} %" for one in found["worst_mistakes"][:10]
    ]
    assert re.findall(r"\d→\d [\d.]+ %", text) == captions
    assert max(map(len, text.splitlines())) <= COLUMNS


def test_the_worst_mistakes_of_class_folders_are_called_by_their_files(
    command: Run, trained: Path, tmp_path: Path
) -> None:
    """In the table by the file's name, cut if it is long, and in JSON by its path."""
    (tmp_path / "pictures" / "7").mkdir(parents=True)
    for name in ("short.png", "a-name-that-is-long.png"):
        Image.fromarray(drawn_one()).save(tmp_path / "pictures" / "7" / name)
    arguments = ("evaluate", "--data", "pictures", "-m", str(trained))
    lines = command(*arguments).stdout.splitlines()
    assert lines[-1].split() == ["…t-is-long.png", "short.png"]
    found = json.loads(command(*arguments, "--json").stdout)
    assert [one["file"] for one in found["worst_mistakes"]] == [
        "pictures/7/a-name-that-is-long.png", "pictures/7/short.png"
    ]  # fmt: skip
    assert [row["precision"] for row in found["classes"]] == [None, 0.0, *[None] * 8]
    assert "–" in lines[6]


def test_models_are_put_side_by_side(
    command: Run,
    trained: Path,
    tmp_path: Path,
) -> None:
    """A line each, and drawings of the images on which they differ; --json has every one of them."""
    assert command("train", *SHORT, "-q", "-m", "other.keras").returncode == 0
    arguments = ("evaluate", "--data", "sample", "-m", str(trained), "-m", "other.keras")
    done, found = command(*arguments), json.loads(command(*arguments, "--json").stdout)
    lines = done.stdout.splitlines()
    assert [line[:2] for line in lines[3:5]] == ["A ", "B "]
    assert [model["model"] for model in found["models"]] == [str(trained), "other.keras"]
    assert f"{len(found['differences'])} images that they do not all read alike" in done.stdout
    shown = [*zip(re.findall(r"\d→\d \d", done.stdout), re.findall(r"image (\d+)", done.stdout), strict=True)]
    by_position = {one["position"]: one for one in found["differences"]}
    one_is_right = [one for one in found["differences"] if one["label"] in one["digits"]]
    assert len(shown) == 10 <= len(one_is_right)
    for text, position in shown:
        one = by_position[int(position)]
        assert text == f"{one['label']}→{one['digits'][0]} {one['digits'][1]}"
        assert one in one_is_right
    assert max(map(len, lines)) <= COLUMNS
    alone = json.loads(command("evaluate", "--data", "sample", "-m", "other.keras", "--json").stdout)
    assert found["models"][1] == {"model": "other.keras", **alone}


def test_many_pictures_have_a_progress_bar_beside_results_that_go_elsewhere(
    tmp_path: Path, terminal: dict[str, str], trained: Path
) -> None:
    """The bar comes and goes on stderr; the results, in natural order, hold nothing of it. In the terminal: no bar."""
    folder, results = tmp_path / "pictures", tmp_path / "results.jsonl"
    folder.mkdir()
    for number in range(120):
        Image.fromarray(drawn_one()).save(folder / f"{number}.png")
    command = ["predict", str(folder), "-m", str(trained), "--format", "jsonl"]
    shown = shown_by(*command, folder=tmp_path, environment=terminal, results=results)
    assert "120/120" in shown
    assert lines_of(shown)[-1] == ""
    names = [Path(json.loads(line)["file"]).name for line in results.read_text(encoding="utf-8").splitlines()]
    assert names == [f"{number}.png" for number in range(120)]
    assert "120/120" not in shown_by(*command, folder=tmp_path, environment=terminal)
