"""Where `mnistcnn serve` listens: a host and a port, and the addresses under which people find it."""

import os
import secrets
import socket
from contextlib import closing
from dataclasses import dataclass
from ipaddress import ip_address

from mnistcnn.errors import MnistcnnError, UsageError, parameter


@dataclass(frozen=True, kw_only=True)
class Address:
    """What a person asked `serve` for: a host, a port (0 is any), and whether the page opens in a browser."""

    host: str
    port: int
    opens: bool

    def listen(self) -> socket.socket:
        """Return a socket that listens there. Raises MnistcnnError if it cannot, UsageError for a host that is none."""
        try:
            family, *_, place = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
        except (OSError, UnicodeError) as error:
            raise UsageError("host", "an address or a name of this machine", self.host) from error
        try:
            return socket.create_server(place[:2], family=family, backlog=128)
        except OSError as error:
            raise MnistcnnError(
                f"cannot listen on port {self.port} of {self.host} ({os.strerror(error.errno or 0)}): "
                f"choose another with {parameter('port')}, or end the program that has it"
            ) from error


def new_token(listening: socket.socket) -> str | None:
    """Return what every request must show, drawn anew; nothing where only this machine's programs can send any."""
    return None if ip_address(_bound(listening)[0]).is_loopback else secrets.token_urlsafe(16)


def url_of(listening: socket.socket, token: str | None) -> str:
    """Return the page's address, as another machine in the room must type it if others may."""
    host, port = _bound(listening)
    if ip_address(host).is_unspecified:
        host = _own_address(listening.family)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}/" + ("" if token is None else f"?token={token}")


def _bound(listening: socket.socket) -> tuple[str, int]:
    host, port, *_ = listening.getsockname()
    return host, port


def _own_address(family: int) -> str:
    """Return the address from which this machine reaches others, or its name if it reaches none."""
    elsewhere = "2001:db8::1" if family == socket.AF_INET6 else "192.0.2.1"  # made for documentation: nothing is sent
    with closing(socket.socket(family, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect((elsewhere, 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
