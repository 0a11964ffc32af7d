"""The README and the pages of docs/ say what is true."""

import json
import re
from pathlib import Path

import pytest
from conftest import Run
from helpers import drawn_one
from PIL import Image

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TOUR = ROOT / "docs" / "tour.ipynb"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "tests" / "benchmarks" / "README.md"]


def section(title: str) -> str:
    """Return the README's text under a heading of the second level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", README.read_text(encoding="utf-8"), re.S | re.M)
    assert found
    return found[1]


def test_the_library_example_runs(python: Run, tmp_path: Path) -> None:
    """The README's example prints what its lines say, beside a picture of a one."""
    Image.fromarray(drawn_one()).save(tmp_path / "one.png")
    [program] = re.findall(r"```python\n(.*?)```", section("As a library"), re.S)
    (tmp_path / "example.py").write_text(program, encoding="utf-8")
    done = python(str(tmp_path / "example.py"))
    training, recall, digit = done.stdout.splitlines()
    assert re.fullmatch(r"step 100: \d+% of 500 test images", training)
    assert re.fullmatch(r"3s found: \d+%", recall)
    assert re.fullmatch(r"1 0\.\d+", digit)
    assert done.stderr == ""


@pytest.mark.slow
def test_the_tour_runs(python: Run, tmp_path: Path) -> None:
    """Every cell of docs/tour.ipynb runs: it shows the run in one display, the 7 is read, and the letter is unsure."""
    nbformat = pytest.importorskip("nbformat", reason="the extra `test` installs it")
    pytest.importorskip("nbclient", reason="the extra `test` installs it")
    python("run_notebook.py", str(TOUR), str(tmp_path / "tour.ipynb"))
    cells = nbformat.read(tmp_path / "tour.ipynb", as_version=4).cells
    outputs = [cell.outputs for cell in cells if cell.cell_type == "code"]
    assert [[output.output_type for output in each] for each in outputs] == [
        [], ["display_data"], ["execute_result"], ["stream"], ["execute_result"], ["execute_result"], ["stream"]
    ]  # fmt: skip
    assert "step 300 of 300; trained in" in outputs[1][0].data["text/html"]
    assert "<br>7</div>" in outputs[5][0].data["text/html"]
    assert "<br>unsure: " in outputs[5][0].data["text/html"]
    assert outputs[6][0].text == "7 True 7\n"


def test_the_tour_shows_its_outputs() -> None:
    """The notebook in docs/ has been run as it stands, so that whoever reads it on the web sees what it shows."""
    cells = [cell for cell in json.loads(TOUR.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert TOUR.stat().st_size < 100_000


def test_the_readme_fits_a_newcomer() -> None:
    """The README has at most 150 lines."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere_and_pictures_are_small(page: Path) -> None:
    """Every relative link of a page is a file in the repository, and every picture has less than 100 kB."""
    for place in re.findall(r"\]\((.*?)\)", page.read_text(encoding="utf-8")):
        if not place.startswith("http"):
            target = page.parent / place.partition("#")[0]
            assert target.exists(), place
            assert target.suffix == ".md" or target.is_dir() or target.stat().st_size < 100_000


def test_the_readme_shows_what_predict_prints(command: Run) -> None:
    """The README's pictures, of a digit and of a page, are read as it says by the model of the package."""
    text = README.read_text(encoding="utf-8")
    done = command("predict", str(ROOT / "docs" / "five.jpg"), "-m", "pretrained", "--backend", "numpy")
    [said] = re.findall(r"^docs/five.jpg (.*)$", text, re.M)
    assert done.stdout.split()[1:] == said.split()
    page = ("predict", str(ROOT / "docs" / "page.jpg"), "--format", "text")
    [said] = re.findall(r"^\$ mnistcnn predict docs/page.jpg --format text\n(.*?)```", text, re.M | re.S)
    assert command(*page, "-m", "pretrained", "--backend", "numpy").stdout == said


def test_documented_fields_are_those_that_are_written(command: Run, tmp_path: Path) -> None:
    """Every field of the log and of `evaluate --json` is in docs/formats.md."""
    arguments = ("--data", "sample", "--steps", "4", "--log-every", "2", "--checkpoint-every", "0", "--batch-size", "4")
    assert command("train", *arguments, "--validate-every", "2", "--log-file", "run.jsonl", "-q").returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    evaluation = json.loads(command("evaluate", "--data", "sample", "--json").stdout)
    fields = {field for line in lines for field in line} | set(evaluation)
    for part in ("classes", "calibration", "worst_mistakes"):
        fields |= set(evaluation[part][0])
    documented = set(re.findall(r"\w+", (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")))
    assert fields <= documented
