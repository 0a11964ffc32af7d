"""Measure how much faster `predict` reads large photos on all cores than on one, in turns.

    python tests/benchmarks/decoding.py [--photos 48] [--rounds 3]

The photos are drawn: JPEG files of 12 megapixels, a digit on noisy paper, eight of them under many names. Each round
says how much of the machine other programs took meanwhile: beside them a program with two threads may get no more time
than with one, and the gain is not to be seen. Only Linux binds a process to cores.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
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


def machine_seconds() -> float:
    """Return the CPU time that this machine has worked, in seconds."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def photos_per_second(folder: Path, count: int, cores: set[int]) -> tuple[float, float, float]:
    """Let `predict`, bound to cores, read the photos.

    Returns its rate, its start included, the CPU seconds of a photo, and the cores that other programs kept busy.
    """
    command = [sys.executable, "-m", "mnistcnn", "predict", str(folder), "-m", "pretrained", "--format", "jsonl"]
    started, machine, own = time.perf_counter(), machine_seconds(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - own.ru_utime - own.ru_stime
    return count / seconds, worked / count, max(0.0, machine_seconds() - machine - worked) / seconds


def main() -> None:
    """Draw the photos, read them in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    every = os.sched_getaffinity(0)
    one, all_of_them = [], []
    with TemporaryDirectory() as place:
        draw_photos(Path(place), options.photos)
        for number in range(1, options.rounds + 1):
            one.append(photos_per_second(Path(place), options.photos, {min(every)}))
            all_of_them.append(photos_per_second(Path(place), options.photos, every))
            took = ", ".join(f"{others:.1f}" for *_, others in (one[-1], all_of_them[-1]))
            print(f"round {number}: other programs kept {took} cores busy", file=sys.stderr)
    rates, rates_of_all = ([rate for rate, *_ in each] for each in (one, all_of_them))
    work, work_of_all = ([seconds for _, seconds, _ in each] for each in (one, all_of_them))
    rows = [
        Row("one core", "photos/s", rates),
        Row(f"{len(every)} cores", "photos/s", rates_of_all, f"{ratio(rates_of_all, rates):.2f} × one core"),
        Row("one core", "CPU s a photo", work),
        Row(f"{len(every)} cores", "CPU s a photo", work_of_all, f"{ratio(work_of_all, work):.2f} × one core"),
    ]
    print(table(rows))
    print(f"\n{setting()}")


if __name__ == "__main__":
    main()
