"""Measure how `predict --ray` reads many small pictures on two nodes of one core each, beside one process on one core.

    python tests/benchmarks/clusters.py [--pictures 20000] [--rounds 3] [--names 200000]

The nodes are on this machine, each bound to a core of its own, and so is the one process. All answers must have the
same bytes, also after a node is killed in the middle. The rate is that of the answers after the first quarter, when all
processes have started. The CPU time of a picture is that of a process beyond what it needs for the first few, and does
not depend on what else runs. With --names the driver's memory is measured for so many names too. Linux only.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from table import Row, ratio, setting, table

sys.path.append(str(Path(__file__).parents[1]))
from ray_nodes import Nodes, ray_nodes

from mnistcnn.data.sources import load_dataset

FEW = 10_000  # names: what the driver's memory for many is compared with
START = 85  # pictures: in the first four batches, whose CPU time is that of the start
DRAWN = 5_000  # pictures: how many differ


def write_names(folder: Path, count: int) -> str:
    """Write a list of so many names, and return its argument."""
    (folder / f"{count}.txt").write_text("".join(f"{folder}/{number % DRAWN}.png\n" for number in range(count)))
    return f"@{folder}/{count}.txt"


def draw_pictures(folder: Path) -> None:
    """Write the images of the sample as PNG files."""
    splits = [load_dataset("sample").split(name) for name in ("train", "validation", "test")]
    for number, image in enumerate(np.concatenate([split.images for split in splits])[:DRAWN]):
        Image.fromarray(image).save(folder / f"{number}.png")


@dataclass(frozen=True)
class Answers:
    """What `predict` printed, and what that took."""

    printed: bytes
    seconds: float
    rate: float  # pictures a second after the first quarter
    work: float  # CPU seconds of its process


def answers(
    names: str, count: int, *options: str, cores: set[int] | None = None, half_way: Callable[[], None] | None = None
) -> Answers:
    """Run `predict`; `half_way` is called once half of the answers have come."""
    command = [sys.executable, "-m", "mnistcnn", "predict", names, "-m", "pretrained", "--format", "jsonl", *options]
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores),
    )
    assert process.stdout is not None
    lines, quarter = [], started
    for number, line in enumerate(process.stdout, start=1):
        lines.append(line)
        if number == count // 4:
            quarter = time.perf_counter()
        if number == count // 2 and half_way is not None:
            half_way()
    ended = time.perf_counter()
    _, status, usage = os.wait4(process.pid, 0)
    process.stdout.close()
    assert (status, len(lines)) == (0, count)
    rate = (count - count // 4) / (ended - quarter)
    return Answers(b"".join(lines), ended - started, rate, usage.ru_utime + usage.ru_stime)


def megabytes(names: str, *options: str) -> float:
    """Run `predict` and return the memory that its own process needed at most."""
    command = [sys.executable, "-m", "mnistcnn", "predict", names, "-m", "pretrained", "--format", "jsonl", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_maxrss / 1e3 * 1.024


def measure(folder: Path, nodes: Nodes, backend: str, options: argparse.Namespace, cores: list[int]) -> list[Row]:
    """Read the pictures in turns, once more with a node that dies, and many names if that is wanted."""
    names, count = write_names(folder, options.pictures), options.pictures
    on_cluster = ("--ray", nodes.address, "--backend", backend)
    start = answers(write_names(folder, START), START, "--backend", backend, cores={cores[0]}).work
    start_of_driver = answers(write_names(folder, START), START, *on_cluster).work
    one, two, whole_one, whole_two, work, work_of_driver = [], [], [], [], [], []
    for number in range(1, options.rounds + 1):
        expected = answers(names, count, "--backend", backend, cores={cores[0]})
        found = answers(names, count, *on_cluster)
        assert found.printed == expected.printed
        one.append(expected.rate)
        two.append(found.rate)
        whole_one.append(count / expected.seconds)
        whole_two.append(count / found.seconds)
        work.append(1e3 * (expected.work - start) / (count - START))
        work_of_driver.append(1e3 * (found.work - start_of_driver) / (count - START))
        rates = f"{expected.rate:.0f}, {found.rate:.0f}"
        print(f"round {number}: {rates} pictures/s; load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    rows = [
        Row(f"{backend}: one process on one core", "pictures/s", one),
        Row(f"{backend}: two nodes of one core", "pictures/s", two, f"{ratio(two, one):.2f} × one core"),
        Row(f"{backend}: one process, its start included", "pictures/s", whole_one),
        Row(
            f"{backend}: two nodes, start included",
            "pictures/s",
            whole_two,
            f"{ratio(whole_two, whole_one):.2f} × one core",
        ),
        Row(f"{backend}: one process", "CPU ms a picture", work),
        Row(f"{backend}: the driver of two nodes", "CPU ms a picture", work_of_driver),
    ]
    if options.names:
        few = megabytes(write_names(folder, FEW), *on_cluster)
        many = megabytes(write_names(folder, options.names), *on_cluster)
        rows.append(Row(f"memory of the driver, {FEW:,} names", "MB", [few]))
        rows.append(Row(f"memory of the driver, {options.names:,} names", "MB", [many], f"{many / few:.2f}"))
    found = answers(names, count, *on_cluster, half_way=nodes.all[1].kill)
    assert found.printed == expected.printed
    rows.append(Row(f"{backend}: a node killed half-way, the same answers", "s", [found.seconds]))
    return rows


def main() -> None:
    """Start the nodes, measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--names", type=int, default=0)
    parser.add_argument("--backend", default="numpy")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    with TemporaryDirectory() as place, ray_nodes(os.environ, [{core} for core in cores]) as nodes:
        draw_pictures(Path(place))
        print(table(measure(Path(place), nodes, options.backend, options, cores)))
    print(f"\n{setting()}")


if __name__ == "__main__":
    main()
