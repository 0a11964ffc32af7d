"""A Ray cluster on the loopback: nodes of one core each, which can be killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

STORE_BYTES = 100_000_000  # of each node: what it may hold of batches and answers


class Node:
    """A node that has started, and its processes."""

    def __init__(self, options: Sequence[str], environment: Mapping[str, str], cores: set[int] | None) -> None:
        ray = Path(sys.executable).with_name("ray")
        common = ["--num-cpus=1", f"--object-store-memory={STORE_BYTES}", "--disable-usage-stats", "--block"]
        self._process = subprocess.Popen(
            [str(ray), "start", *options, *common],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores),
        )
        self.session = self._process.pid  # that of all its processes
        assert self._process.stdout is not None
        printed = []
        for line in self._process.stdout:
            printed.append(line)
            if "Ray runtime started" in line:
                return
        raise AssertionError(f"the node did not start: {''.join(printed)}")

    def kill(self) -> None:
        """End the node's processes at once, as the loss of a machine does."""
        with suppress(ProcessLookupError):
            os.killpg(self.session, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Nodes:
    """A cluster: its `address`, and its nodes, the first of which is the one that commands join."""

    def __init__(self, folder: str, environment: Mapping[str, str], cores: Sequence[set[int] | None]) -> None:
        self._environment = dict(environment) | {"RAY_TMPDIR": folder}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.all: list[Node] = []
        head = ["--head", f"--port={port}", f"--temp-dir={folder}", "--include-dashboard=false"]
        self.all.append(Node(head, self._environment, cores[0]))
        for each in cores[1:]:
            self.add(each)

    def add(self, cores: set[int] | None = None, **changes: str) -> Node:
        """Add a node, with changes to its environment, and return it."""
        self.all.append(Node([f"--address={self.address}"], self._environment | changes, cores))
        return self.all[-1]


def others_with(path: Path) -> list[int]:
    """Return the ids of the other processes that have a file open."""
    found = []
    for link in Path("/proc").glob("[0-9]*/fd/[0-9]*"):
        with suppress(OSError):  # the process has ended
            if link.readlink() == path and int(link.parts[2]) != os.getpid():
                found.append(int(link.parts[2]))
    return found


@contextmanager
def ray_nodes(environment: Mapping[str, str], cores: Sequence[set[int] | None] = (None, None)) -> Iterator[Nodes]:
    """Start a cluster, with a node of one core for each entry of `cores`, which may bind it; it ends with the block."""
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # a socket's path is at most 107 bytes long
    nodes = None
    try:
        nodes = Nodes(folder, environment, cores)
        yield nodes
    finally:
        for node in nodes.all[::-1] if nodes else []:
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
