"""What every benchmark shares: what it ran on, a row of figures, and a page that holds what a command printed."""

import os
import platform
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("keras", "tensorflow", "torch", "jax", "numpy", "ray", "pillow", "opencv-python-headless")


@dataclass(frozen=True)
class Row:
    """What was measured, several times over, and how it stands to something else."""

    what: str
    unit: str
    values: Sequence[float]  # one for each round; none where it was skipped
    ratio: str = ""  # to what, and the median of the rounds' ratios; or why it was skipped

    def __str__(self) -> str:
        if not self.values:
            return f"| {self.what} | | | | {self.ratio} |"
        cells = (statistics.median(self.values), min(self.values), max(self.values))
        digits = 1 if cells[0] >= 10 else 2
        numbers = " | ".join(f"{value:.{digits}f}" for value in cells)
        return f"| {self.what}, {self.unit} | {numbers} | {self.ratio} |"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the ratios of what was measured in the same rounds, where the machine was equally busy."""
    return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))


def table(rows: Iterable[Row]) -> str:
    """Set rows as a Markdown table."""
    return "\n".join(["| what | median | min | max | ratio |", "|---|---|---|---|---|", *map(str, rows)])


def cpu_name() -> str:
    """Return the processor's name, as Linux has it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown processor")


def setting() -> str:
    """Return the line that belongs to every figure: processor and versions."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {cpu_name()}; {', '.join([python, *found])}."


def written_into(text: str, name: str, content: str) -> str:
    """Put content between a document's comments `<!-- benchmark NAME -->` and `<!-- end -->`."""
    pattern = re.compile(rf"(<!-- benchmark {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"there is no place <!-- benchmark {name} --> … <!-- end --> to write into")
    return pattern.sub(lambda match: f"{match[1]}\n{content}\n{match[2]}", text)
