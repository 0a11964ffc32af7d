"""Steps per second of training: this program, and what people would use instead.

All contestants are started, and then train in turns, so that a machine that is slow for a minute is slow for all.
"""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Collection, Iterable
from importlib.util import find_spec
from pathlib import Path

from contestants import BACKENDS, CONTESTANTS
from table import Row, ratio

STEPS = 200  # a turn
SLOW_STEPS = 50  # a turn of programs on JAX


class Opponent:
    """A contestant's process, which trains when it is told to."""

    def __init__(self, name: str, data: Path) -> None:
        self._terminal, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("contestants.py"), name, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
            env=os.environ | {"KERAS_BACKEND": "tensorflow", "TERM": "xterm-256color"},
        )
        os.close(terminal)
        self._said = bytearray()
        self._steps = SLOW_STEPS if "jax" in name.lower() else STEPS
        threading.Thread(target=self._listen, daemon=True).start()
        self._answer()

    def _listen(self) -> None:
        try:
            while said := os.read(self._terminal, 1 << 16):
                self._said = (self._said + said)[-5_000:]
        except OSError:  # its end of the terminal is closed
            return

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"a contestant ended: {self._said.decode(errors='replace')}")
        return answer

    def turn(self) -> float:
        """Let it train for a turn and return its steps per second."""
        assert self._process.stdin is not None
        print(self._steps, file=self._process.stdin, flush=True)
        return self._steps / float(self._answer())

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.communicate()


def in_turns(names: Iterable[str], data: Path, rounds: int) -> dict[str, list[float]]:
    """Let contestants train in turns, once more than counts, to warm up; return the steps per second of each round."""
    opponents = {name: Opponent(name, data) for name in names}
    rates: dict[str, list[float]] = {name: [] for name in opponents}
    for number in range(rounds + 1):
        for name, opponent in opponents.items():
            rate = opponent.turn()
            if number > 0:
                rates[name].append(rate)
                print(f"{name}: {rate:.1f} steps/s", file=sys.stderr, flush=True)
    for opponent in opponents.values():
        opponent.end()
    return rates


def measure(data: Path, rounds: int) -> list[Row]:
    """Return a row for each contestant; its ratio is that of this program's rate to its own."""
    missing = {
        name: module
        for name in CONTESTANTS
        for framework, module in (("PyTorch", "torch"), ("JAX", "jax"))
        if framework in name and find_spec(module) is None
    }
    rates = in_turns([name for name in CONTESTANTS if name not in missing], data, rounds)
    ours, ours32, *others = rates
    rows = [
        Row(ours, "steps/s", rates[ours]),
        Row(ours32, "steps/s", rates[ours32], f"{ratio(rates[ours], rates[ours32]):.2f}"),
    ]
    for name in others:
        both = [ratio(rates[own], rates[name]) for own in (ours, ours32)]
        rows.append(Row(name, "steps/s", rates[name], f"{both[0]:.2f}; float32 {both[1]:.2f}"))
    return rows + [Row(name, "steps/s", [], f"skipped: {module} is not installed") for name, module in missing.items()]


def measure_backends(data: Path, rounds: int, backends: Collection[str] = tuple(BACKENDS)) -> list[Row]:
    """Return rows of this program on JAX and PyTorch, as far as they are named, and of plain programs on them.

    The ratio of a plain program is that of this program's rate, on the same framework and recipe, to its own.
    """
    rows = []
    for backend in (name for name in BACKENDS if name in backends):
        for group in BACKENDS[backend].values():
            ours, *plain = group
            if find_spec(backend) is None:
                rows.append(Row(ours, "steps/s", [], f"skipped: {backend} is not installed"))
                continue
            rates = in_turns(group, data, rounds)
            rows.append(Row(ours, "steps/s", rates[ours]))
            rows += [Row(name, "steps/s", rates[name], f"{ratio(rates[ours], rates[name]):.2f}") for name in plain]
    return rows
