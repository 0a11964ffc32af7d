"""Put the backends side by side: what they answer, or how fast they train. Prints the tables of docs/machines.md.

python tests/benchmarks/backends.py answers --model mnistcnn.keras --data FOLDER
python tests/benchmarks/backends.py speed --data FOLDER
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from mnistcnn.config import BACKENDS, TRAINING_BACKENDS
from mnistcnn.runtime.backend import installed_versions, start_backend, start_keras

STEPS = 20  # that are timed at once
TRIALS = 5


def in_own_process(task: str, backend: str, *arguments: object) -> str:
    """Run one of the tasks below on a backend, in a process of its own, and return the last line it printed."""
    command = [sys.executable, __file__, task, "--worker", backend, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1] if done.stdout else ""


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
            in_own_process("answers", backend, "--model", model, "--data", data, "--place", place)
            answers[backend] = np.load(place)
    print(f"| {len(answers[backends[0]]):,} test images | largest difference of a probability | classes that differ |")
    print("|---|---|---|")
    for first, second in combinations(backends, 2):
        difference = np.abs(answers[first] - answers[second]).max()
        classes = (answers[first].argmax(axis=1) != answers[second].argmax(axis=1)).sum()
        print(f"| {first}, {second} | {difference:.1e} | {classes} |")


def measure_speed(backend: str, data: str) -> None:
    """Print as JSON the steps/s of this program's training and of Keras's plain `fit`, in turns, compiling left out."""
    start_keras(backend, to_train=True)
    from mnistcnn.data.dataset import Dataset
    from mnistcnn.data.sources import load_dataset
    from mnistcnn.runtime.devices import chosen_precision, current_device

    source = load_dataset(data)
    train, test = source.split("train"), source.split("test")[:10]
    dataset = Dataset(name="", readers={"train": lambda: train, "test": lambda: test})
    precision = chosen_precision("auto", backend, current_device(backend))
    rates: dict[str, list[float]] = {"float32": [], "auto": [], "keras": []}
    for _ in range(TRIALS):
        rates["keras"].append(plain_rate(train))
        rates["float32"].append(own_rate(dataset, "float32"))
        if precision != "float32":
            rates["auto"].append(own_rate(dataset, precision))
    print(json.dumps({"precision": precision, **rates}))


def own_rate(dataset: Any, precision: str) -> float:
    """Return the steps/s of this program's training once it is compiled."""
    from mnistcnn.config import TrainConfig
    from mnistcnn.events import TrainingEvent, TrainingRecord
    from mnistcnn.training.run import train

    rates: list[float] = []

    def listen(event: TrainingEvent) -> None:
        if isinstance(event, TrainingRecord):
            rates.append(event.steps_per_second)

    config = TrainConfig(steps=2 * STEPS, log_every=STEPS, checkpoint_every=0, precision=precision)
    train(config, dataset, listeners=[listen])
    return rates[-1]


def plain_rate(split: Any) -> float:
    """Return the steps/s of the same network under `compile` and `fit` with nothing said, once it is compiled."""
    import keras

    from mnistcnn.model.inputs import model_inputs
    from mnistcnn.model.network import build_model, logits_model

    model = logits_model(build_model())
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.001), loss, metrics=["accuracy"])
    images = STEPS * 100
    inputs, labels = model_inputs(split.images[:images]), np.eye(10, dtype="float32")[split.labels[:images]]
    model.fit(inputs, labels, batch_size=100, verbose=0)
    began = time.perf_counter()
    model.fit(inputs, labels, batch_size=100, verbose=0)
    return STEPS / (time.perf_counter() - began)


def compare_speed(data: str, backends: list[str]) -> None:
    """Print the median rates of each backend, and this program's rate over that of `fit` in the same minute."""
    print("| backend | `fit` as it is | float32 | ratio | `--precision auto` | ratio |")
    print("|---|---|---|---|---|---|")
    for backend in backends:
        found = json.loads(in_own_process("speed", backend, "--data", data))
        cells = [f"{statistics.median(found['keras']):.1f}"]
        for name in ("float32", "auto"):
            rates = found[name] or found["float32"]
            ratio = statistics.median(ours / theirs for ours, theirs in zip(rates, found["keras"], strict=True))
            shown = f"{statistics.median(rates):.1f}" + (f" ({found['precision']})" if name == "auto" else "")
            cells += [shown, f"{ratio:.2f}"]
        print(f"| {backend} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Run the benchmark named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["answers", "speed"])
    parser.add_argument("--model", type=Path, default=Path("mnistcnn.keras"))
    parser.add_argument("--data", default="mnist", help="as for mnistcnn train")
    parser.add_argument("--worker", metavar="BACKEND", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker and options.task == "answers":
        write_answers(options.worker, options.model, options.data, options.place)
    elif options.worker:
        measure_speed(options.worker, options.data)
    else:
        wanted = BACKENDS if options.task == "answers" else TRAINING_BACKENDS
        backends = [name for name in wanted if find_spec(name) is not None]
        versions = {name: version for backend in backends for name, version in installed_versions(backend).items()}
        shown = ", ".join(f"{name} {version}" for name, version in versions.items())
        print(f"{shown}; {platform.machine()}, {os.cpu_count()} cores\n")
        if options.task == "answers":
            compare_answers(options.model, options.data, backends)
        else:
            print(f"steps/s at batch 100, the median of {TRIALS} trials of {STEPS} steps in turns\n")
            compare_speed(options.data, backends)


if __name__ == "__main__":
    main()
