"""The README's examples do what it says."""

import re
from pathlib import Path

from conftest import Run
from helpers import drawn_one
from PIL import Image

README = Path(__file__).parents[1] / "README.md"


def section(title: str) -> str:
    """The text under a heading of the second level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README.read_text(encoding="utf-8"), re.S | re.M)
    assert found
    return found[1]


def test_the_library_example_runs(python: Run, tmp_path: Path) -> None:
    """As it stands, beside a picture of a one."""
    Image.fromarray(drawn_one()).save(tmp_path / "one.png")
    [program] = re.findall(r"```python\n(.*?)```", section("As a library"), re.S)
    done = python(program)
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"step 100: \d+% of 500 test images", lines[0])
    assert re.fullmatch(r"between \d+% and \d+%; 3s found: \d+%", lines[1])
    assert all(re.fullmatch(r"image \d+ is a \d, read as \d", line) for line in lines[2:5])
    assert re.fullmatch(r"\d 0\.\d+", lines[5])
    assert len(lines) == 6
    assert done.stderr == ""


def test_the_pictures_are_there_and_small() -> None:
    """Each picture the README shows is in the repository, and lighter than 100 kB."""
    pictures = re.findall(r"!\[.*?\]\((.*?)\)", README.read_text(encoding="utf-8"))
    assert pictures
    for picture in pictures:
        assert (README.parent / picture).stat().st_size < 100_000


def test_documented_fields_are_those_that_are_written(command: Run, tmp_path: Path) -> None:
    """Every field of the log and of `evaluate --json` is in the README."""
    import json

    arguments = ("--data", "sample", "--steps", "4", "--log-every", "2", "--checkpoint-every", "0", "--batch-size", "4")
    assert command("train", *arguments, "--validate-every", "2", "--log-file", "run.jsonl", "-q").returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    evaluation = json.loads(command("evaluate", "--data", "sample", "--json").stdout)
    fields = {field for line in lines for field in line} | set(evaluation)
    for part in ("classes", "calibration", "worst_mistakes"):
        fields |= set(evaluation[part][0])
    documented = set(re.findall(r"\w+", README.read_text(encoding="utf-8")))
    assert fields <= documented
