"""Measure how `predict --ray` reads many small pictures on two nodes of one core each, beside one process on one core.

    python tests/benchmarks/clusters.py [--pictures 20000] [--rounds 3] [--names 200000]

The nodes are on this machine, each bound to a core of its own, and so is the one process. All answers must have the
same bytes, also after a node is killed in the middle. Rates and CPU times are those of the middle half of the answers,
when all processes have started. Beside other programs two cores are not twice one core, so two processes that read half
of the pictures each, with nothing between them, are measured too. With --names the driver's memory is measured for so
many names. Only Linux counts CPU times so.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from table import Row, ratio, setting, table

sys.path.append(str(Path(__file__).parents[1]))
from ray_nodes import Node, Nodes, ray_nodes

from mnistcnn.data.sources import load_dataset

FEW = 10_000  # names: what the driver's memory for many is compared with
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
    rate: float  # pictures a second, in the middle half of them
    work: float  # CPU milliseconds of a picture there: those of its own process
    work_of_nodes: float  # and those of the nodes


def worked(session: int) -> float:
    """Return the CPU milliseconds of the processes in a process session."""
    ticks = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # the process has ended
            _, _, numbers = file.read_text().rpartition(") ")
            fields = numbers.split()
            ticks += sum(map(int, fields[11:13])) if int(fields[3]) == session else 0  # proc(5): session, utime, stime
    return 1e3 * ticks / os.sysconf("SC_CLK_TCK")


def answers(
    names: str, count: int, *options: str, cores: set[int] | None = None, nodes: Sequence[Node] = (), kill: bool = False
) -> Answers:
    """Run `predict`, and kill the last of the nodes half-way if that is wanted."""
    command = [sys.executable, "-m", "mnistcnn", "predict", names, "-m", "pretrained", "--format", "jsonl", *options]
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores),
    )
    assert process.stdout is not None
    lines, marks = [], []
    for number, line in enumerate(process.stdout, start=1):
        lines.append(line)
        if number in (count // 4, count - count // 4):
            marks.append((time.perf_counter(), worked(process.pid), sum(worked(node.session) for node in nodes)))
        if number == count // 2 and kill:
            nodes[-1].kill()
    seconds = time.perf_counter() - started
    assert (process.wait(), len(lines)) == (0, count)
    process.stdout.close()
    took, work, work_of_nodes = (after - before for before, after in zip(*marks, strict=True))
    read = count - 2 * (count // 4)
    return Answers(b"".join(lines), seconds, read / took, work / read, work_of_nodes / read)


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
    half = write_names(folder, count // 2)
    one_of_two = partial(answers, half, count // 2, "--backend", backend)
    ones, pairs, twos = [], [], []
    for number in range(1, options.rounds + 1):
        ones.append(answers(names, count, "--backend", backend, cores={cores[0]}))
        with ThreadPoolExecutor(2) as threads:
            pairs.append(list(threads.map(lambda core: one_of_two(cores={core}), cores)))
        twos.append(answers(names, count, *on_cluster, nodes=nodes.all))
        assert ones[-1].printed == twos[-1].printed
        rates = f"{ones[-1].rate:.0f}, {sum(each.rate for each in pairs[-1]):.0f}, {twos[-1].rate:.0f}"
        print(f"round {number}: {rates} pictures/s; load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    one, two = ([each.rate for each in found] for found in (ones, twos))
    by_hand = [sum(each.rate for each in pair) for pair in pairs]
    whole_one, whole_two = ([count / each.seconds for each in found] for found in (ones, twos))
    work, work_of_driver = ([each.work for each in found] for found in (ones, twos))
    work_by_hand = [sum(each.work for each in pair) / 2 for pair in pairs]
    work_of_all = [each.work + each.work_of_nodes for each in twos]
    gain = f"{ratio(two, one):.2f} × one core, {ratio(two, by_hand):.2f} × by hand"
    more_work = f"{ratio(work_of_all, work_by_hand):.2f} × by hand"
    rows = [
        Row("one process on one core", "pictures/s", one),
        Row("two processes by hand", "pictures/s", by_hand, f"{ratio(by_hand, one):.2f} × one core"),
        Row("two nodes of one core", "pictures/s", two, gain),
        Row("one process, start included", "pictures/s", whole_one),
        Row("two nodes, start included", "pictures/s", whole_two, f"{ratio(whole_two, whole_one):.2f} × one core"),
        Row("one process", "CPU ms a picture", work),
        Row("two processes by hand", "CPU ms a picture", work_by_hand),
        Row("two nodes and the driver", "CPU ms a picture", work_of_all, more_work),
        Row("the driver alone", "CPU ms a picture", work_of_driver),
    ]
    if options.names:
        few = megabytes(write_names(folder, FEW), *on_cluster)
        many = megabytes(write_names(folder, options.names), *on_cluster)
        rows.append(Row(f"memory of the driver, {FEW:,} names", "MB", [few]))
        rows.append(Row(f"memory of the driver, {options.names:,} names", "MB", [many], f"{many / few:.2f}"))
    found = answers(names, count, *on_cluster, nodes=nodes.all, kill=True)
    assert found.printed == ones[0].printed
    rows.append(Row("a node killed half-way, the same answers", "s", [found.seconds]))
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
