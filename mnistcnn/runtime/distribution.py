"""Joining the processes of one training run, on one machine or more, through JAX and Keras's distribution API.

A Team goes in. When one process ends, the others end too. What the processes tell each other is in `team`.
"""

import atexit
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mnistcnn.errors import LostProcessError, MnistcnnError, SharedError, UsageError, parameter
from mnistcnn.runtime.devices import parse_device
from mnistcnn.runtime.streams import STDOUT, c_library, silenced
from mnistcnn.runtime.team import Team

# error: what a process says when it has lost the others
GONE = (
    "another process of this run has ended or cannot be reached: start all of them again and resume from the last "
    "checkpoint"
)
# words: one of them is in the message of every error of JAX, Gloo or NCCL that means a lost process
NETWORK_WORDS = ("Gloo", "NCCL", "connection", "Connection", "DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "heartbeat")


@contextmanager
def joined_team(team: Team, device: str | None, batch_size: int) -> Iterator[None]:
    """Train within the block together with the other processes of a team.

    Keras must be imported, and must not have computed anything. `device` is a kind of device, all devices of which are
    used. Raises UsageError if the backend, device or batch size does not allow it, MnistcnnError if the others cannot
    be reached or if one of them ends.
    """
    if team.count == 1:
        yield
        return
    import keras

    if keras.backend.backend() != "jax":
        raise UsageError("backend", f"jax with {parameter('processes')}", keras.backend.backend())
    kind = _kind(device)
    _prepare(team, kind)
    try:
        with silenced(STDOUT):  # Gloo reports its connections there
            keras.distribution.initialize(team.coordinator, team.count, team.index)
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))  # JAX took it for itself
        devices = keras.distribution.list_devices(kind)
        if batch_size % len(devices):
            raise UsageError("batch_size", f"a multiple of the {len(devices)} devices of all processes", batch_size)
        parallel = keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        keras.distribution.set_distribution(parallel)
        yield
    except SharedError:
        raise
    except BaseException as error:
        is_lost = isinstance(error, (RuntimeError, ValueError)) and any(word in str(error) for word in NETWORK_WORDS)
        # At its end JAX would wait for all the others, which may be waiting for this process.
        atexit.register(_leave, getattr(error, "exit_status", 1), is_lost=is_lost)
        if is_lost:
            raise LostProcessError(GONE) from error
        raise


def _kind(device: str | None) -> str | None:
    if device is None:
        return None
    kind, _ = parse_device(device)
    if ":" in device:
        raise UsageError("device", f"a kind, such as {kind}, with {parameter('processes')}", device)
    return kind


def _prepare(team: Team, kind: str | None) -> None:
    """Make JAX speak to no one but the other processes, without a proxy, and end with this program's error."""
    import jax

    assert team.coordinator is not None
    host, _, _ = team.coordinator.rpartition(":")
    if host in ("127.0.0.1", "localhost"):  # otherwise JAX listens to the whole network
        os.environ.setdefault("JAX_COORDINATOR_BIND_ADDRESS", team.coordinator)
    os.environ["no_grpc_proxy"] = host  # noqa: SIM112 - gRPC reads it in lower case only
    jax.config.update("jax_check_proxy_envs", False)
    if kind == "cpu":
        jax.config.update("jax_platforms", "cpu")
    c_library().signal(signal.SIGABRT, _END)


def _leave(status: int, *, is_lost: bool) -> None:
    """End the process now, with what it has printed so far and, if another process is lost, with that as its last line.

    JAX's threads write pages about a lost process, at any time until this one ends.
    """
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        if is_lost:
            _end(0)
        os._exit(status)


def _end(number: int) -> None:
    """Say that another process is lost, and end; JAX's threads come here by abort() if process 0 is gone."""
    os.write(2, f"error: {GONE}\n".encode())
    os._exit(MnistcnnError.exit_status)


_END = ctypes.CFUNCTYPE(None, ctypes.c_int)(_end)  # a name keeps it alive: the C library holds no reference
