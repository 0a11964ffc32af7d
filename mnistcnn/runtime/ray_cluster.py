"""The Ray cluster that a command works on: joined, checked, left again. It does not know what is computed there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from mnistcnn.errors import MnistcnnError, UsageError
from mnistcnn.runtime.backend import installed_versions
from mnistcnn.runtime.outputs import require_extra
from mnistcnn.runtime.signals import ended_by_signals

# seconds: a cluster that has not let a process in by then is not there (Ray itself tries for two minutes)
JOIN_SECONDS = 10
# seconds: each node must say by then what is installed on it
ANSWER_SECONDS = 60
# variables: a process of the cluster computes on one core, whatever its machine has (NumPy, TensorFlow)
ONE_CORE = {"OPENBLAS_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
# a program: join the cluster at an address, or print why not on one line
_JOIN = """
import sys, ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
except Exception as error:
    sys.exit(print(" ".join(str(error).split())) or 1)
"""


def require_ray(address: str) -> None:
    """Raise UsageError for what is not a cluster's address, MnistcnnError if Ray is not installed."""
    if address != "auto" and not re.fullmatch(r"[^\s/]+:[0-9]{1,5}", address):
        raise UsageError("ray", "auto or HOST:PORT", address)
    require_extra("ray", "ray")


@contextmanager
def joined_cluster(address: str, backend: str) -> Iterator[None]:
    """Work on the Ray cluster at an address, "auto" being that of this machine, for the length of the block.

    What is printed through `sys.stdout` in the block is lost. Raises MnistcnnError if the cluster cannot be found, or
    if a node has other versions of Python, this package or the backend.
    """
    _require_cluster(address)
    import ray

    # When a node dies, Ray prints pages of its log as if they were answers.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        with ended_by_signals():  # Ray takes SIGTERM for itself, and leaves it so
            ray.init(address=address, log_to_driver=False, configure_logging=False, runtime_env={"env_vars": ONE_CORE})
        try:
            _require_same_versions(backend)
            yield
        finally:
            ray.shutdown()


def _require_cluster(address: str) -> None:
    """Raise MnistcnnError if no cluster can be joined. Another process tries: Ray's own attempt cannot be ended."""
    try:
        tried = subprocess.run(
            [sys.executable, "-P", "-c", _JOIN, address], capture_output=True, text=True, timeout=JOIN_SECONDS
        )
    except subprocess.TimeoutExpired:
        reason = "no answer"
    else:
        if tried.returncode == 0:
            return
        reason = tried.stdout.strip() or tried.stderr.strip().split("\n")[-1]
    raise MnistcnnError(
        f"no Ray cluster can be joined at {address}, of which this machine must be a part: `ray start --head` begins "
        f"one, `ray start --address HOST:PORT` adds a machine ({reason})"
    )


def _require_same_versions(backend: str) -> None:
    """Raise MnistcnnError if a node's versions differ from those here."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    def versions() -> dict[str, str]:  # defined here, Ray sends its code: the package may not be there
        try:
            from mnistcnn.runtime import backend as there
        except ImportError:
            return {"mnistcnn": "missing"}
        return there.installed_versions(backend)

    ask = ray.remote(num_cpus=0)(versions)
    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    asked = {
        ask.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(): name
        for node, name in nodes.items()
    }
    answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_SECONDS)
    if silent:
        raise MnistcnnError(f"the Ray node {asked[silent[0]]} starts nothing: look at `ray status`")
    here = installed_versions(backend)
    for answer in answered:
        try:
            there = ray.get(answer)
        except ray.exceptions.TaskUnschedulableError:  # the node has left since it was listed
            continue
        for name, version in there.items():
            if version != here[name]:
                raise MnistcnnError(
                    f"the Ray node {asked[answer]} has {name} {version}, this machine {here[name]}: install the same"
                )
