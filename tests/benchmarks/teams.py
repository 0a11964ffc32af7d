"""Training on several processes: how fast 1, 2 and 3 of them are on this machine, and from which network on more pay.

python tests/benchmarks/teams.py --data FOLDER [--steps N] [--rates MBIT...]

With `--rates` the processes run again over a loopback interface that carries so many Mbit/s, in a network of their own,
which takes Linux, root, and the commands `unshare`, `ip` and `tc`. The model of the cost is `exchange_seconds`.
"""

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from table import setting

GRADIENT_BYTES = 3_274_634 * 4  # of every step: a float32 a parameter
BATCH_SIZE = 120  # a multiple of 1, 2 and 3
LOG_EVERY = 10  # steps
COUNTS = (1, 2, 3)  # processes


def exchange_seconds(count: int, bytes_a_second: float, *, shared: bool = False) -> float:
    """Return the time of averaging the gradients of a step, for processes in a ring.

    Each process sends 2 (P - 1) / P of the gradients' bytes over its own link. If all are on one link, as on the
    loopback interface, it carries all that they send.
    """
    sent = 2 * (count - 1) / count * GRADIENT_BYTES
    return sent * (count if shared else 1) / bytes_a_second


def paying_rate(step_seconds: float) -> float:
    """Return the bytes a second of a link from which on machines as fast as this one gain from each other.

    P machines take T / P + 2 (P - 1) / P · S / B a step in place of T, for S bytes over links of B bytes a second. That
    is less if B is above 2 S / T, whatever P is.
    """
    return 2 * GRADIENT_BYTES / step_seconds


def train(count: int, data: Path, steps: int, mbit: float | None) -> float:
    """Train with so many processes, and return the seconds of a step."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        command = [sys.executable, __file__, "--worker", str(count), address, str(data), str(steps), folder]
        if mbit is not None:
            own = [f"ip address add {name}/32 dev lo" for name in {socket.gethostbyname(socket.gethostname())}]
            slow = f"tc qdisc add dev lo root tbf rate {mbit:.0f}mbit burst 256kb latency 200ms"
            setup = "; ".join(["ip link set lo up", *own, slow, 'exec "$@"'])
            command = ["unshare", "-n", "bash", "-c", setup, "bash", *command]
        subprocess.run(command, check=True)
        log = Path(folder, "run.jsonl").read_text(encoding="utf-8").splitlines()
        rates = [json.loads(line)["steps_per_second"] for line in log]
        return 1 / float(median(rates[1:]))  # the first compiles


def start_all(count: int, address: str, data: str, steps: str, folder: str) -> None:
    """Run the processes of one training, in the network that this process is in."""
    command = [sys.executable, "-m", "mnistcnn", "train", "--backend", "jax", "--device", "cpu", "--data", data]
    command += ["--batch-size", str(BATCH_SIZE), "--steps", steps, "--log-every", str(LOG_EVERY)]
    command += ["--checkpoint-every", "0", "-m", f"{folder}/m.keras", "--log-file", f"{folder}/run.jsonl", "-q"]
    processes = []
    for index in range(count):
        together = ["--processes", str(count), "--process-id", str(index), "--coordinator", address]
        whole = [*command, *(together if count > 1 else [])]
        processes.append(subprocess.Popen(whole, stdout=subprocess.DEVNULL))
    ended = [process.wait() for process in processes]
    if any(ended):
        raise SystemExit("a process failed")


def main() -> None:
    """Print what was measured, and what the model makes of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of MNIST's IDX files")
    parser.add_argument("--steps", type=int, default=100, help="of each run")
    parser.add_argument("--rates", type=float, nargs="*", default=[], metavar="MBIT", help="of the loopback interface")
    options = parser.parse_args()
    if options.rates and not all(map(shutil.which, ("unshare", "ip", "tc"))):
        parser.error("--rates needs unshare, ip and tc")
    print(f"{setting()} Batches of {BATCH_SIZE}, {GRADIENT_BYTES / 1e6:.1f} MB of gradients.\n")
    print("| processes | loopback, Mbit/s | steps/s | to one process | predicted steps/s |")
    print("|---|---|---|---|---|")
    free: dict[int, float] = {}
    for mbit in (None, *options.rates):
        for count in COUNTS if mbit is None else COUNTS[1:]:
            seconds = train(count, options.data, options.steps, mbit)
            if mbit is None:
                free[count], predicted = seconds, ""
            else:
                predicted = f"{1 / (free[count] + exchange_seconds(count, mbit / 8 * 1e6, shared=True)):.2f}"
            link = "as it is" if mbit is None else f"{mbit:.0f}"
            ratio = free[1] / seconds
            print(f"| {count} | {link} | {1 / seconds:.2f} | {ratio:.2f} | {predicted} |", flush=True)
    rate = paying_rate(free[1])
    print(f"\nMachines as fast as this one gain from each other over links of more than {rate * 8 / 1e6:,.0f} Mbit/s:")
    for mbit in (100, 1_000, 10_000):
        efficiency = [
            f"{count} {100 * free[1] / (free[1] + count * exchange_seconds(count, mbit / 8 * 1e6)):.0f} %"
            for count in COUNTS
        ]
        print(f"- at {mbit:,} Mbit/s the efficiency of machines is {', '.join(efficiency)}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        start_all(int(sys.argv[2]), *sys.argv[3:])
    else:
        main()
