"""What a GPU brings: train, evaluate and predict on each backend, on the GPU and on the CPU, and what they take.

python tests/benchmarks/gpu.py --data FOLDER [--steps N] [--backends tensorflow jax torch] [--whole] [--device NAME]

Every command runs in a process of its own. `--whole` trains `best` to its end on the GPU. A backend that sees no GPU is
skipped, with what it sees; without any the command ends there. Then plain programs train in turns with this one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

from table import setting, table
from training_speed import measure_backends

from mnistcnn.config import RECIPES, TRAINING_BACKENDS
from mnistcnn.results import BackendInfo
from mnistcnn.runtime.system_info import system_info

MNISTCNN = [sys.executable, "-m", "mnistcnn"]
LOG_EVERY = 50  # steps
STEPS = 1_000  # of a recipe that is not trained to its end
ROUNDS = 3  # of plain programs
PRECISIONS = ("float32", "bfloat16")


def run(*arguments: object) -> str:
    """Run `mnistcnn`, and return its seconds, its MB of memory and the GPU's as cells; ends if it fails."""
    began = perf_counter()
    process = subprocess.Popen(
        [*MNISTCNN, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    used = [0.0]
    is_over = threading.Event()
    watching = threading.Thread(target=_watch_gpu, args=(used, is_over))
    watching.start()
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    is_over.set()
    watching.join()
    if process.returncode:
        raise SystemExit(f"mnistcnn {' '.join(map(str, arguments))}: {said}")
    return f"{seconds:.1f} | {usage.ru_maxrss / 1e3 * 1.024:.0f} | {max(used):.0f}"


def _watch_gpu(used: list[float], is_over: threading.Event) -> None:
    """Note the MB that are taken on the first GPU, twice a second; TensorFlow and JAX take most of it at once."""
    while gpu := asked_of_gpu("memory.used"):
        used.append(float(gpu.splitlines()[0].split()[0]))
        if is_over.wait(0.5):
            return


def asked_of_gpu(fields: str) -> str:
    """Return what nvidia-smi says, a line a GPU; nothing where there is none."""
    try:
        command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def gpu_of(backend: BackendInfo) -> str | None:
    """Return a backend's first device that is a GPU or a TPU, or None."""
    return next((device for device in backend.devices if not device.startswith("cpu")), None)


def devices_of(backend: BackendInfo, named: str | None) -> list[str]:
    """Return the devices to measure: the one that is named, or the backend's GPU and the CPU beside it."""
    return [named] if named else [device for device in (gpu_of(backend), "cpu") if device]


def training_rows(backend: str, device: str, data: Path, folder: Path, steps: int, *, whole: bool) -> Iterator[str]:
    """Yield a row for each recipe and precision: the steps/s between records, once compiled, and what the run took."""
    for recipe in ("tutorial", "fast", "best"):
        for precision in PRECISIONS:
            log = folder / "run.jsonl"
            length = RECIPES[recipe].steps if whole and recipe == "best" else min(steps, RECIPES[recipe].steps)
            taken = run(
                *("train", "--backend", backend, "--device", device, "--data", data, "--recipe", recipe, "--force"),
                *("--steps", length, "--log-every", LOG_EVERY, "--checkpoint-every", 0, "--precision", precision),
                *("-m", folder / "m.keras", "--log-file", log, "-q"),
            )
            rates = [json.loads(line)["steps_per_second"] for line in log.read_text().splitlines()]
            rate = median(rates[1:] or rates)  # the first compiles
            what = f"train {recipe}, {length:,} steps, {precision}"
            yield f"| {backend} on {device} | {what} | {rate:.1f} steps/s | {taken} |"


def answering_rows(backend: str, device: str, data: Path, folder: Path) -> Iterator[str]:
    """Yield rows of `evaluate` and `predict` on the 10,000 test images."""
    on = ("--backend", backend, "--device", device)
    model = folder / "m.keras"
    taken = run("evaluate", *on, "-m", model, "--data", data)
    yield f"| {backend} on {device} | evaluate, 10,000 images | | {taken} |"
    taken = run("predict", *on, "-m", model, folder / "pictures", "--format", "jsonl")
    yield f"| {backend} on {device} | predict, 10,000 pictures | | {taken} |"


def main() -> None:
    """Print a table, or why there is none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of MNIST's IDX files")
    parser.add_argument("--steps", type=int, default=STEPS, help="of recipes that are not trained to their end")
    parser.add_argument("--backends", nargs="+", choices=TRAINING_BACKENDS, default=list(TRAINING_BACKENDS))
    parser.add_argument("--whole", action="store_true", help="train best to its end")
    parser.add_argument("--device", metavar="NAME", help="in place of the GPU and the CPU beside it")
    options = parser.parse_args()
    backends = [backend for backend in system_info().backends if backend.name in options.backends]
    able = [backend for backend in backends if options.device or gpu_of(backend)]
    for backend in backends:
        if backend not in able:
            found = backend.error or ("not installed" if backend.version is None else ", ".join(backend.devices))
            print(f"skipped {backend.name}: it sees no GPU ({found})")
    if not able:
        return
    print(f"{setting()} {asked_of_gpu('name,memory.total,driver_version')}\n")
    print("| backend | what | rate | seconds | MB | MB of the GPU |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run("samples", folder / "pictures", "--data", options.data, "--count", 10_000)
        for backend in able:
            for device in devices_of(backend, options.device):
                whole = options.whole and device != "cpu"
                for row in (
                    *training_rows(backend.name, device, options.data, folder, options.steps, whole=whole),
                    *answering_rows(backend.name, device, options.data, folder),
                ):
                    print(row, flush=True)
    plain = [backend.name for backend in able if not options.device]
    print(f"\n{table(measure_backends(options.data, ROUNDS, plain))}")


if __name__ == "__main__":
    main()
