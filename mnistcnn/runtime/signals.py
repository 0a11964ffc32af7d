"""The answer to Ctrl-C, SIGTERM and SIGHUP: a command is interrupted, a training run may save first.

The first signal interrupts the main thread; half a second later it ends the process if the interruption has not. A run
that has something to save defers the interruption: it finds the request between two steps, and a second signal ends it
at once. A signal that was ignored when the process began stays ignored, as `nohup` and a script's `&` expect.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

# The signals that ask a program to end; Windows has no SIGHUP.
STOP_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
# seconds: how long an interrupted command may clean up (half of the second within which it has to end)
CLEAN_UP_SECONDS = 0.5


class Stopped(KeyboardInterrupt):
    """A stop signal arrived when there was nothing to finish or save."""

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
        """From now on record a stop signal and call `acknowledge`, instead of raising Stopped."""
        self.acknowledge = acknowledge

    @property
    def exit_status(self) -> int:
        """The status that a shell reports for a process which the signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal_number or 0)


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first stop signal within the block into Stopped or, once that is deferred, into a request.

    A thread receives the signals as they arrive. Python's own handlers run in the main thread, which may be inside
    TensorFlow for long, and two signals have become one by then; besides, a signal that arrives just before the main
    thread waits for a lock does not interrupt it.
    """
    request = StopRequest()
    reading, writing = socket.socketpair()  # not a pipe: Windows can set only a socket to non-blocking
    writing.setblocking(False)
    is_interrupted = False

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        nonlocal is_interrupted
        if request.acknowledge is None and not is_interrupted:
            is_interrupted = True
            request.signal_number = signal_number
            sys.unraisablehook = lambda unraisable: None  # a destructor under way would report Stopped and go on
            raise Stopped(signal_number)

    terminals = [descriptor for descriptor in (1, 2) if os.isatty(descriptor)]
    watcher = threading.Thread(target=_watch, args=(reading, request, terminals), daemon=True)
    watcher.start()
    wakeup_before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        with _handled_by(interrupt):
            yield request
    finally:
        signal.set_wakeup_fd(wakeup_before)
        if is_interrupted:
            writing.detach()  # stays open: the watcher still has to see to it that the process ends
        else:
            writing.close()
            watcher.join()
            reading.close()


@contextmanager
def stop_on_interrupt() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C within the block into a request, once that is deferred; the process lives on.

    This is for a notebook's kernel, whose "interrupt" button is a Ctrl-C. The second one, or the first if nothing is to
    be saved yet, raises KeyboardInterrupt, without the frames that it went through.
    """
    request = StopRequest()

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        if request.acknowledge is None or request():
            raise KeyboardInterrupt
        request.signal_number = signal_number
        request.acknowledge()

    if threading.current_thread() is not threading.main_thread():  # which alone is interrupted
        yield request
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield request
    except KeyboardInterrupt:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let the system itself end the process at a stop signal within the block, which has nothing to clean up.

    For the import of large libraries: they keep every other thread of Python waiting, for seconds on a busy machine.
    """
    with _handled_by(signal.SIG_DFL):
        yield


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> Iterator[None]:
    """Give the stop signals a handler within the block, unless they are ignored."""
    before = {each: signal.getsignal(each) for each in STOP_SIGNALS}
    handled = [each for each in STOP_SIGNALS if before[each] is not signal.SIG_IGN]
    for each in handled:
        signal.signal(each, handler)
    try:
        yield
    finally:
        for each in handled:
            signal.signal(each, before[each])


def _watch(signals: socket.socket, request: StopRequest, terminals: list[int]) -> None:
    """Record the first signal, and end the process at the second or when an interruption takes too long.

    Everything printed is flushed line by line, so an end without Python's clean-up leaves whole lines.
    """
    first = int.from_bytes(signals.recv(1))
    if not first:  # the block has ended
        return
    request.signal_number = first
    if _is_hangup(first):
        _turn_away(terminals)
    if request.acknowledge is None:
        signals.settimeout(CLEAN_UP_SECONDS)
    else:
        with suppress(OSError, SystemExit):  # nobody reads standard error
            request.acknowledge()
    try:
        # A shell that loses its terminal passes the hangup on, and so does the system.
        while _is_hangup(number := int.from_bytes(signals.recv(1))):
            pass
    except TimeoutError:
        number = first
    if number:
        os._exit(128 + number)


def _is_hangup(signal_number: int) -> bool:
    """Tell whether a signal says that the process has lost its terminal."""
    return signal_number == getattr(signal, "SIGHUP", None)


def _turn_away(terminals: list[int]) -> None:
    """Send what is printed from now on nowhere: writing to a terminal that is gone fails."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in terminals:
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
