"""Put what the backends answer side by side. Prints a table of docs/machines.md.

python tests/benchmarks/backends.py --model mnistcnn.keras --data FOLDER

How fast they train is in `python tests/benchmarks --data FOLDER backends`.
"""

import argparse
import os
import platform
import subprocess
import sys
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mnistcnn.config import BACKENDS
from mnistcnn.runtime.backend import installed_versions, start_backend


def write_answers(backend: str, model: Path, data: str, place: Path) -> None:
    """Save the probabilities (N, 10) that a backend gives the test images."""
    start_backend(backend)
    from mnistcnn.data.sources import load_dataset
    from mnistcnn.inference.measures import softmax
    from mnistcnn.model.model_file import load_model

    images = load_dataset(data).split("test").images
    np.save(place, softmax(load_model(model, backend).logits(images)))


def compare_answers(model: Path, data: str, backends: list[str]) -> None:
    """Print, for each pair of backends, how far apart their probabilities are and how many classes differ."""
    with TemporaryDirectory() as folder:
        answers = {}
        for backend in backends:
            place = Path(folder, f"{backend}.npy")
            command = [
                sys.executable,
                __file__,
                "--worker",
                backend,
                "--model",
                model,
                "--data",
                data,
                "--place",
                place,
            ]
            subprocess.run(list(map(str, command)), check=True)
            answers[backend] = np.load(place)
    print(f"| {len(answers[backends[0]]):,} test images | largest difference of a probability | classes that differ |")
    print("|---|---|---|")
    for first, second in combinations(backends, 2):
        difference = np.abs(answers[first] - answers[second]).max()
        classes = (answers[first].argmax(axis=1) != answers[second].argmax(axis=1)).sum()
        print(f"| {first}, {second} | {difference:.1e} | {classes} |")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("mnistcnn.keras"))
    parser.add_argument("--data", default="mnist", help="as for mnistcnn train")
    parser.add_argument("--worker", metavar="BACKEND", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        write_answers(options.worker, options.model, options.data, options.place)
        return
    backends = [name for name in BACKENDS if find_spec(name) is not None]
    versions = {name: version for backend in backends for name, version in installed_versions(backend).items()}
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    print(f"{shown}; {platform.machine()}, {os.cpu_count()} cores\n")
    compare_answers(options.model, options.data, backends)


if __name__ == "__main__":
    main()
