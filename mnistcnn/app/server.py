"""The process of `mnistcnn serve`: uvicorn on a socket, from the first line on standard output to the last count.

It knows neither what is asked nor what is answered.
"""

import asyncio
import io
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import segno
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mnistcnn.app.address import Address, new_token, url_of
from mnistcnn.app.gate import Gate
from mnistcnn.app.page import Answers, application
from mnistcnn.report import console
from mnistcnn.runtime.signals import StopRequest
from mnistcnn.wording import counted

# seconds: a connection that waits for its client for so long, and at most twice as long, is closed
PATIENCE_SECONDS = 40.0
# seconds: how long what is under way may take after the first signal
GRACE_SECONDS = 10
# connections: further ones are answered with status 503 before anything else
MAX_CONNECTIONS = 500


class _Connection(H11Protocol):
    """A connection that ends if its client is too slow, whatever it is slow in; uvicorn ends only idle ones."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Else the body of an answer waits 40 ms, until the client confirms its headers (Nagle's algorithm, RFC 896).
        # asyncio asks for it on sockets that were made with the protocol's number alone.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.loop.call_later(PATIENCE_SECONDS, self._watch, None)

    def _watch(self, last: Any) -> None:
        """End the connection if it has waited for its client since the last look; else look again."""
        if self.transport.is_closing():
            return
        if self.cycle is last and not self._is_computing():
            self.transport.abort()
        else:
            self.loop.call_later(PATIENCE_SECONDS, self._watch, self.cycle)

    def _is_computing(self) -> bool:
        """Tell whether a request has arrived whole and has no answer yet."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_started


class _Server(uvicorn.Server):
    """A server that leaves signals to `runtime.signals`."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(answers: Answers, listening: socket.socket, address: Address, stop: StopRequest) -> None:
    """Say where the page is, and answer requests until a stop signal; then finish what is under way."""
    token = new_token(listening)
    config = uvicorn.Config(
        Gate(application(answers), host=address.host, token=token),
        http=_Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",  # a bug's traceback, and nothing else
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)

    def finish() -> None:
        console.say("finishing what is under way; once more to stop at once")
        server.should_exit = True

    stop.defer(finish)
    _welcome(url_of(listening, token), address, has_token=token is not None)
    server.run(sockets=[listening])
    console.say(f"{counted(answers.counts['answered'], 'answer')}, {answers.counts['refused']:,} refused")


def _welcome(url: str, address: Address, *, has_token: bool) -> None:
    """Print the page's address, beyond this machine also as a code for phones, and open it in a browser."""
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()
    if has_token and sys.stderr.isatty():
        code = io.StringIO()
        segno.make(url, error="l").terminal(code, border=2, compact=True)
        console.say(code.getvalue())
    if address.opens and _has_desktop():
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _has_desktop() -> bool:
    """Tell whether a browser would open in a window; Python's webbrowser may start one in the terminal."""
    return sys.platform in ("win32", "darwin") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
