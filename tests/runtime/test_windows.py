"""The commands without what Windows lacks."""

from pathlib import Path

import pytest
from conftest import SHORT, Run
from helpers import drawn_one
from PIL import Image


@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_commands_need_nothing_that_windows_lacks(python: Run, tmp_path: Path, trained: Path, command: str) -> None:
    """They run as elsewhere, and leave no half-written file."""
    Image.fromarray(drawn_one()).save(tmp_path / "one.png")
    arguments = {
        "train": [*SHORT, "--log-file", "run.jsonl", "--plot", "sheet.png", "--tensorboard", "board"],
        "evaluate": ["--data", "sample", "-m", str(trained)],
        "predict": ["one.png", "-m", "pretrained", "--save-inputs", "inputs"],
    }
    shown = {"train": "trained to step 20 ", "evaluate": "sample, 500 images of the test split", "predict": "one.png "}
    done = python("without_posix.py", command, *arguments[command])
    assert done.stdout.startswith(shown[command])
    assert not list(tmp_path.rglob("*.unfinished"))
