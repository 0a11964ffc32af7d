"""Measure how much faster `predict` reads large photos on all cores than on one, in turns.

    python tests/benchmarks/decoding.py [--photos 200] [--rounds 3]

The photos are drawn: JPEG files of 12 megapixels, a digit on noisy paper. Only Linux binds a process to cores.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image
from table import Row, ratio, setting, table


def draw_photos(folder: Path, count: int) -> None:
    """Draw so many photos of 4,000×3,000 pixels."""
    generator = np.random.RandomState(0)
    for number in range(count):
        coarse = cv2.resize(generator.normal(0, 6, (750, 1000, 3)), (4000, 3000))
        paper = np.array([215, 225, 235]) + coarse + generator.normal(0, 4, (3000, 4000, 1))
        photo = np.ascontiguousarray(np.clip(paper, 0, 255).astype(np.uint8))
        cv2.putText(photo, str(number % 10), (1500, 2000), cv2.FONT_HERSHEY_SIMPLEX, 40, (60, 30, 20), 90, cv2.LINE_AA)
        Image.fromarray(photo).save(folder / f"{number}.jpg", quality=90)


def photos_per_second(folder: Path, count: int, cores: set[int]) -> float:
    """Return the rate at which `predict`, bound to cores, reads the photos, its start included."""
    command = [sys.executable, "-m", "mnistcnn", "predict", str(folder), "-m", "pretrained", "--format", "jsonl"]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    return count / (time.perf_counter() - started)


def main() -> None:
    """Draw the photos, read them in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    every = os.sched_getaffinity(0)
    one, all_of_them = [], []
    with TemporaryDirectory() as place:
        draw_photos(Path(place), options.photos)
        for _ in range(options.rounds):
            one.append(photos_per_second(Path(place), options.photos, {min(every)}))
            all_of_them.append(photos_per_second(Path(place), options.photos, every))
    faster = f"{ratio(all_of_them, one):.2f} × one core"
    print(table([Row("one core", "photos/s", one), Row(f"{len(every)} cores", "photos/s", all_of_them, faster)]))
    print(f"\n{setting()}")


if __name__ == "__main__":
    main()
