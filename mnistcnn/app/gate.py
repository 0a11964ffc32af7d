"""What a request must pass before it is answered: the right host, origin and token; and the headers of every answer.

It knows nothing of pictures and models.
"""

import re
from hmac import compare_digest
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address may hold the token
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
# A Host header: an address or a name, and a port. Nothing more, as the rest of an address is made of what follows it.
_HOST = re.compile(r"(?P<name>[\w.-]+|\[[\da-f:.]+\])(:\d+)?", re.ASCII)
# addresses: those that need no token, because they tell nothing
OPEN = ("/healthz",)


class Gate:
    """An ASGI application in front of another.

    Args:
        app: the application that answers what passes.
        host: the name or address that the server was told to listen on.
        token: what every request must show, in the address, a cookie or an Authorization header; None asks for nothing.

    """

    def __init__(self, app: ASGIApp, *, host: str, token: str | None = None) -> None:
        self._app, self._host, self._token = app, host, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application answer it."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._refusal(Request(scope)) or self._app
        await app(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that does not pass."""
        host = request.headers.get("host", "")
        if not self._is_ours(host):
            # A web page whose name was pointed at this machine shows here by the name (DNS rebinding).
            return _error(421, f"this server does not answer for the host {host!r}: open the address that it printed")
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return _error(403, f"requests from pages of {origin!r} are refused: send them from a program, or this page")
        if self._token is None or request.scope["path"] in OPEN:
            return None
        return self._refusal_without_token(request, self._token)

    def _is_ours(self, host: str) -> bool:
        """Tell whether a Host header names this server: by any address, as localhost, or as it was told to listen."""
        parts = _HOST.fullmatch(host.lower())
        if parts is None:
            return False
        name = parts["name"].strip("[]")
        try:
            return name in ("localhost", self._host.lower()) or bool(ip_address(name))
        except ValueError:
            return False

    def _refusal_without_token(self, request: Request, token: str) -> Response | None:
        name = f"mnistcnn-{(request.scope.get('server') or ('', 0))[1]}"  # cookies know hosts, and no ports
        if _equal(request.query_params.get("token", ""), token):
            if request.scope["path"] != "/":
                return None
            welcome = RedirectResponse("/", status_code=303)
            # Not "strict", under which a link in another page, such as a chat, would not open this one.
            welcome.set_cookie(name, token, httponly=True, samesite="lax")
            return welcome
        shown = (request.headers.get("authorization", "").removeprefix("Bearer "), _cookie(request, name))
        if any(_equal(each, token) for each in shown):
            return None
        return _error(401, "the token is missing: open the whole address that `mnistcnn serve` printed")


def _equal(shown: str, token: str) -> bool:
    return compare_digest(shown.encode(), token.encode())


def _cookie(request: Request, name: str) -> str:
    try:
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if cookie is None else cookie.value


def _error(status: int, sentence: str) -> Response:
    return JSONResponse({"error": sentence}, status)
