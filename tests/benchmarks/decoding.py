"""Measure how much faster `predict` reads large photos on all cores than on one, in turns.

    python tests/benchmarks/decoding.py [--photos 48] [--rounds 3]

The photos are drawn: JPEG files of 12 megapixels, a digit on noisy paper, eight of them under many names. Beside other
programs one process may get no more time for two threads than for one, so that the gain is not to be seen. Two figures
hardly depend on them: the CPU time of a photo, and the mean number of threads that had a core or waited for one, of the
busiest, one for each core. A thread that waits for another, as for Python's lock, is not among them, so the gain on
cores that are idle otherwise is about that number. Only Linux tells it, and binds a process to cores.
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image
from table import Row, ratio, setting, table

DRAWN = 8  # photos: how many differ


def draw_photos(folder: Path, count: int) -> None:
    """Draw so many photos of 4,000×3,000 pixels."""
    generator = np.random.RandomState(0)
    noise = generator.normal(0, 4, (3000, 4000, 1)).astype(np.float32)
    for number in range(count):
        if number >= DRAWN:
            os.link(folder / f"{number % DRAWN}.jpg", folder / f"{number}.jpg")
            continue
        coarse = cv2.resize(generator.normal(0, 6, (750, 1000, 3)).astype(np.float32), (4000, 3000))
        paper = np.array([215, 225, 235], np.float32) + coarse + np.roll(noise, 97 * number, (0, 1))
        photo = np.ascontiguousarray(np.clip(paper, 0, 255).astype(np.uint8))
        cv2.putText(photo, str(number % 10), (1500, 2000), cv2.FONT_HERSHEY_SIMPLEX, 40, (60, 30, 20), 90, cv2.LINE_AA)
        Image.fromarray(photo).save(folder / f"{number}.jpg", quality=90)


@dataclass(frozen=True)
class Reading:
    """What reading the photos took."""

    rate: float  # photos a second, the start of `predict` included
    work: float  # CPU seconds of a photo
    threads: float  # the mean number of threads that had a core or waited for one


def thread_times(process: int) -> dict[str, float]:
    """Return for each thread of a process how many seconds it has had a core or waited for one."""
    times = {}
    for file in Path(f"/proc/{process}/task").glob("*/schedstat"):
        with suppress(OSError):  # it has ended
            times[file.parent.name] = sum(map(int, file.read_text().split()[:2])) / 1e9
    return times


def read_photos(folder: Path, count: int, cores: set[int]) -> Reading:
    """Let `predict`, bound to cores, read the photos."""
    command = [sys.executable, "-m", "mnistcnn", "predict", str(folder), "-m", "pretrained", "--format", "jsonl"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    times: dict[str, float] = {}
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        times |= thread_times(process.pid)
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    assert status == 0
    busiest = sorted(times.values())[-len(cores) :]
    return Reading(count / seconds, (usage.ru_utime + usage.ru_stime) / count, sum(busiest) / seconds)


def main() -> None:
    """Draw the photos, read them in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    every = os.sched_getaffinity(0)
    ones, alls = [], []
    with TemporaryDirectory() as place:
        draw_photos(Path(place), options.photos)
        for _ in range(options.rounds):
            ones.append(read_photos(Path(place), options.photos, {min(every)}))
            alls.append(read_photos(Path(place), options.photos, every))
    one, all_of_them = ([each.rate for each in found] for found in (ones, alls))
    work, work_of_all = ([each.work for each in found] for found in (ones, alls))
    rows = [
        Row("one core", "photos/s", one),
        Row(f"{len(every)} cores", "photos/s", all_of_them, f"{ratio(all_of_them, one):.2f} × one core"),
        Row("one core", "CPU s a photo", work),
        Row(f"{len(every)} cores", "CPU s a photo", work_of_all, f"{ratio(work_of_all, work):.2f} × one core"),
        Row(f"{len(every)} cores", "threads at work or waiting for a core", [each.threads for each in alls]),
    ]
    print(table(rows))
    print(f"\n{setting()}")


if __name__ == "__main__":
    main()
