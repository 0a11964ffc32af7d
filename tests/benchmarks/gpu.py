"""What a GPU brings: train, evaluate, predict and serve on each backend, on the GPU and on the CPU, and what they take.

python tests/benchmarks/gpu.py --data FOLDER [--steps N] [--backends tensorflow jax torch] [--whole] [--device NAME]
                               [--parts commands plain variants]

Every command runs in a process of its own. `--whole` trains `best` to its end on the GPU. Then plain programs train in
turns with this one, and ways to take PyTorch's steps on a GPU are compared. A backend that sees no GPU is skipped, with
what it sees; without any the command ends there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import median
from time import perf_counter

import serving
from cuda_steps import measure_variants
from table import setting, table
from training_speed import measure_backends

from mnistcnn.config import RECIPES, TRAINING_BACKENDS
from mnistcnn.results import BackendInfo
from mnistcnn.runtime.system_info import system_info

MNISTCNN = [sys.executable, "-m", "mnistcnn"]
LOG_EVERY = 50  # steps
STEPS = 1_000  # of a recipe that is not trained to its end
CPU_SHARE = 0.1  # of those steps on the CPU
SERVING_SECONDS = 5.0
ROUNDS = 3  # of plain programs
PARTS = ("commands", "plain", "variants")
PRECISIONS = ("float32", "bfloat16")  # on a GPU; on the CPU what `auto` takes


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
        for precision in ("auto",) if device == "cpu" else PRECISIONS:
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
    """Yield rows of `evaluate` and `predict` on the 10,000 test images, and of `serve`."""
    on = ("--backend", backend, "--device", device)
    model = folder / "m.keras"
    taken = run("evaluate", *on, "-m", model, "--data", data)
    yield f"| {backend} on {device} | evaluate, 10,000 images | | {taken} |"
    taken = run("predict", *on, "-m", model, folder / "pictures", "--format", "jsonl")
    yield f"| {backend} on {device} | predict, 10,000 pictures | | {taken} |"
    drawings = serving.drawings()
    start = serving.start_seconds(drawings[0][0], *on)
    with serving.running(*on) as server:
        serving.latencies(server, drawings, 50)
        wait = median(serving.latencies(server, drawings, 100))
        rate = serving.answers_a_second(server, drawings, SERVING_SECONDS)
        cells = f"{start:.1f} | {server.megabytes:.0f} | {asked_of_gpu('memory.used').split(' ')[0]}"
    yield f"| {backend} on {device} | serve, to the first answer | {wait:.0f} ms, {rate:.0f} answers/s | {cells} |"


def main() -> None:
    """Print a table, or why there is none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of MNIST's IDX files")
    parser.add_argument("--steps", type=int, default=STEPS, help="of recipes that are not trained to their end")
    parser.add_argument("--backends", nargs="+", choices=TRAINING_BACKENDS, default=list(TRAINING_BACKENDS))
    parser.add_argument("--whole", action="store_true", help="train best to its end")
    parser.add_argument("--device", metavar="NAME", help="in place of the GPU and the CPU beside it")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    options = parser.parse_args()
    backends = [backend for backend in system_info().backends if backend.name in options.backends]
    able = [backend for backend in backends if options.device or gpu_of(backend)]
    for backend in backends:
        if backend not in able:
            found = backend.error or ("not installed" if backend.version is None else ", ".join(backend.devices))
            print(f"skipped {backend.name}: it sees no GPU ({found})")
    if not able:
        return
    print(f"{setting()} {asked_of_gpu('name,memory.total,driver_version')}\n", flush=True)
    if "variants" in options.parts and asked_of_gpu("name"):
        print(f"{table(measure_variants())}\n", flush=True)
    if "commands" in options.parts:
        measure_commands(able, options)
    if "plain" in options.parts and not options.device:
        print(f"\n{table(measure_backends(options.data, ROUNDS, [backend.name for backend in able]))}")


def measure_commands(backends: list[BackendInfo], options: argparse.Namespace) -> None:
    """Print a row for each command on each backend and device, as soon as it has ended."""
    print("| backend | what | rate | seconds | MB | MB of the GPU |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        run("samples", folder / "pictures", "--data", options.data, "--count", 10_000)
        for backend in backends:
            for device in devices_of(backend, options.device):
                steps = options.steps if device != "cpu" else round(CPU_SHARE * options.steps)
                whole = options.whole and device != "cpu"
                rows = chain(
                    training_rows(backend.name, device, options.data, folder, steps, whole=whole),
                    answering_rows(backend.name, device, options.data, folder),
                )
                for row in rows:
                    print(row, flush=True)


if __name__ == "__main__":
    main()
