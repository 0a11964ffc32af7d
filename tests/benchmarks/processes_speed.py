"""Whole processes: how long commands take to start and to answer, what memory they need, and prediction in bulk."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

from PIL import Image
from table import Row, ratio

Command = Sequence[object]

MNISTCNN = Path(sys.executable).with_name("mnistcnn")
LIGHT = [sys.executable, "-c", "import typer, rich"]
KERAS = [sys.executable, "-c", "import keras"]
MANY, FEW = 10_000, 1_000  # pictures


def run(command: Command) -> tuple[float, float]:
    """Run a command to its end and return its seconds and the MB of memory that it needed at most."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("KERAS_BACKEND", None)  # a backend that is named is used for one picture, too
    began = perf_counter()
    process = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit status {process.returncode} of {' '.join(map(str, command))}")
    return seconds, usage.ru_maxrss / 1e3 * 1.024


def in_turns(commands: Mapping[str, Command], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Run commands in turns, once more than counts, to warm up; return the seconds and MB of each."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            measured = run(command)
            if number > 0:
                found[name].append(measured)
                print(f"{name}: {measured[0]:.2f} s, {measured[1]:.0f} MB", file=sys.stderr, flush=True)
    return found


def start_up(model: Path, data: Path, rounds: int) -> list[Row]:
    """Return the seconds of short commands against what they cannot do without, and the memory of training."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder, "picture.png")
        Image.open(_pictures(data, Path(folder, "one"), 1)).save(picture)
        commands: dict[str, Command] = {
            "`import typer, rich`": LIGHT,
            "`import keras`": KERAS,
            "`mnistcnn --help`": [MNISTCNN, "--help"],
            "`mnistcnn train --help`": [MNISTCNN, "train", "--help"],
            "`mnistcnn predict picture.png`": [MNISTCNN, "predict", picture, "-m", model],
            "`mnistcnn evaluate`, 10,000 images": [MNISTCNN, "evaluate", "-m", model, "--data", data],
            "`mnistcnn train`, 200 steps": [
                *(MNISTCNN, "train", "--data", data, "--steps", 200, "--checkpoint-every", 100),
                *("-m", Path(folder, "m.keras"), "--force"),
            ],
        }
        found = in_turns(commands, rounds)
    seconds = {name: [pair[0] for pair in pairs] for name, pairs in found.items()}
    memory = {name: [pair[1] for pair in pairs] for name, pairs in found.items()}
    light, keras, *ours, train = commands
    rows = [Row(name, "s", seconds[name]) for name in (light, keras)]
    for name in ours:
        base = light if "help" in name else keras
        rows.append(Row(name, "s", seconds[name], f"{ratio(seconds[name], seconds[base]):.2f} of {base}"))
    rows.append(Row("memory of `import keras`", "MB", memory[keras]))
    share = f"{ratio(memory[train], memory[keras]):.2f} of `import keras`"
    return [*rows, Row("memory of `mnistcnn train`", "MB", memory[train], share)]


def bulk(model: Path, data: Path, rounds: int) -> list[Row]:
    """Return the seconds for 10,000 pictures in a folder, start-up apart, against a bare loop over the same network."""
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, FEW, MANY):
            _pictures(data, Path(folder, str(count)), count)
        commands: dict[str, Command] = {}
        for count in (1, FEW, MANY):
            pictures = Path(folder, str(count))
            # Few pictures would be read in NumPy: what starts is to be the same for one as for many.
            engine = ["--backend", "tensorflow", "-m", model, "--format", "jsonl"]
            commands[f"predict {count}"] = [MNISTCNN, "predict", pictures, *engine]
            if count != FEW:
                commands[f"bare {count}"] = [sys.executable, __file__, model, pictures]
        found = in_turns(commands, rounds)

    def beyond_start_up(name: str) -> list[float]:
        start = median(seconds for seconds, _ in found[f"{name} 1"])
        return [seconds - start for seconds, _ in found[f"{name} {MANY}"]]

    ours, bare = beyond_start_up("predict"), beyond_start_up("bare")
    memory = {count: [megabytes for _, megabytes in found[f"predict {count}"]] for count in (FEW, MANY)}
    return [
        Row(f"`mnistcnn predict` on {MANY:,} PNG files, start-up apart", "s", ours, f"{ratio(ours, bare):.2f} of bare"),
        Row("a bare loop: Pillow, then the network in batches", "s", bare),
        Row(f"memory of `predict` on {FEW:,} files", "MB", memory[FEW]),
        Row(f"memory of `predict` on {MANY:,} files", "MB", memory[MANY], f"{ratio(memory[MANY], memory[FEW]):.2f}"),
    ]


def _pictures(data: Path, folder: Path, count: int) -> Path:
    """Write test images as PNG files and return the first."""
    from mnistcnn.data.sources import load_dataset

    folder.mkdir()
    for number, image in enumerate(load_dataset(str(data)).split("test").images[:count]):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder / "0.png"


def bare_prediction(model: Path, folder: Path) -> None:
    """Decode the pictures of a folder and run the network over them in batches, as a few plain lines do it."""
    import keras
    import numpy as np

    network = keras.saving.load_model(model)
    paths = sorted(folder.iterdir())
    for first in range(0, len(paths), 250):
        images = [np.asarray(Image.open(path).convert("L")) for path in paths[first : first + 250]]
        inputs = np.stack(images)[..., None] / np.float32(255)
        for path, probabilities in zip(paths[first : first + 250], network.predict_on_batch(inputs), strict=True):
            print(path, probabilities.argmax(), probabilities)


if __name__ == "__main__":
    bare_prediction(Path(sys.argv[1]), Path(sys.argv[2]))
