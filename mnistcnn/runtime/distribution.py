"""One training run on several processes, of one machine or more: JAX, through Keras's distribution API.

Joining the processes, and ending when one of them does. What they agree on while they train is in `team`.
"""

import atexit
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mnistcnn.errors import MnistcnnError, SharedError, UsageError, parameter
from mnistcnn.runtime.devices import parse_device
from mnistcnn.runtime.team import Team

GONE = (
    "another process of this run has ended or cannot be reached: start all of them again and resume from the last "
    "checkpoint"
)
NETWORK_WORDS = ("Gloo", "NCCL", "connection", "Connection", "DEADLINE_EXCEEDED", "UNAVAILABLE", "ABORTED", "heartbeat")


@contextmanager
def joined_team(team: Team, device: str | None, batch_size: int) -> Iterator[None]:
    """Train within the block together with the other processes; Keras must run already, and have computed nothing.

    `device` is a kind of device, all of whose devices are used. Raises UsageError where backend, device or batch do
    not allow it, MnistcnnError where the others cannot be reached or, later, one of them ends.
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
        with _quiet_stdout():  # where Gloo tells of its connections
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
        # JAX's end, where it waits for all the others, would come next; they may be waiting for this process.
        atexit.register(_leave, getattr(error, "exit_status", 1))
        if isinstance(error, (RuntimeError, ValueError)) and any(word in str(error) for word in NETWORK_WORDS):
            raise MnistcnnError(GONE) from error
        raise


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Drop what libraries print among the results."""
    sys.stdout.flush()
    results, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # what the libraries still hold
        os.dup2(results, 1)
        os.close(results)


def _kind(device: str | None) -> str | None:
    if device is None:
        return None
    kind, _ = parse_device(device)
    if ":" in device:
        raise UsageError("device", f"a kind, such as {kind}, with {parameter('processes')}", device)
    return kind


def _prepare(team: Team, kind: str | None) -> None:
    """Bring JAX to speak to the other processes alone, directly, and to end as this program ends."""
    import jax

    assert team.coordinator is not None
    host, _, _ = team.coordinator.rpartition(":")
    if host in ("127.0.0.1", "localhost"):  # else it listens to the whole network
        os.environ.setdefault("JAX_COORDINATOR_BIND_ADDRESS", team.coordinator)
    os.environ["no_grpc_proxy"] = host  # noqa: SIM112 - gRPC knows it in small letters only
    jax.config.update("jax_check_proxy_envs", False)
    if kind == "cpu":
        jax.config.update("jax_platforms", "cpu")
    ctypes.CDLL(None).signal(signal.SIGABRT, _END)


def _leave(status: int) -> None:
    """End now, with what was written so far."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _end(number: int) -> None:
    """End in order where JAX calls abort(), as it does, from a thread of its own, when process 0 is gone."""
    os.write(2, f"error: {GONE}\n".encode())
    os._exit(MnistcnnError.exit_status)


_END = ctypes.CFUNCTYPE(None, ctypes.c_int)(_end)  # kept here: the C library holds no reference to it
