"""Ctrl-C and SIGTERM: the first one asks for an orderly stop, the second ends the process."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Stopped(KeyboardInterrupt):
    """The process was asked to stop while nothing was under way that is worth an end in order."""

    def __init__(self, signal_number: int) -> None:
        super().__init__()
        self.exit_status = 128 + signal_number


@dataclass
class StopRequest:
    """Whether the person, or the system, has asked the process to stop."""

    signal_number: int | None = None
    acknowledge: Callable[[], None] | None = None

    def __call__(self) -> bool:
        """Tell whether a stop was asked for."""
        return self.signal_number is not None

    def defer(self, acknowledge: Callable[[], None]) -> None:
        """From now on keep a request until it is asked for, and acknowledge it at once; before, it raises Stopped."""
        self.acknowledge = acknowledge

    @property
    def exit_status(self) -> int:
        """The status a shell expects of a process that such a signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal_number or 0)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C or SIGTERM within the block into a request; the second ends the process at once.

    A thread takes them in as they arrive: Python's own handlers wait until TensorFlow has finished its steps, by
    when two signals have become one.
    """
    request = StopRequest()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def watch() -> None:
        while number := int.from_bytes(os.read(reading, 1)):
            if request():
                os._exit(128 + number)  # no clean-up: whatever the main thread is in may take long
            request.signal_number = number
            if request.acknowledge is not None:
                request.acknowledge()

    def handle(signal_number: int, frame: FrameType | None) -> None:
        if request.acknowledge is None:
            raise Stopped(signal_number)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    wakeup_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    handlers_before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for each, handler in handlers_before.items():
            signal.signal(each, handler)
        signal.set_wakeup_fd(wakeup_before)
        os.close(writing)  # which ends the thread
        watcher.join()
        os.close(reading)
