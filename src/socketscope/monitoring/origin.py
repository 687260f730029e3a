"""Which pages may open the live socket."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.websockets import WebSocket

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_same_origin(websocket: WebSocket) -> bool:
    """Whether a socket was opened by a page of this very service, or by a program that is no browser.

    Browsers let any page open a socket to any host and tell its `Origin`; programs send none. `Origin: null`
    (a sandboxed frame, a file) is foreign.
    """
    origin = websocket.headers.get("origin")
    if origin is None:
        return True
    scheme = "https" if websocket.url.scheme == "wss" else "http"
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"{scheme}://{websocket.headers['host']}")
        return theirs.scheme == scheme and _address(theirs.hostname, theirs.port, scheme) == _address(
            ours.hostname, ours.port, scheme
        )
    except ValueError:  # a port that is no number
        return False


def _address(host: str | None, port: int | None, scheme: str) -> tuple[str | None, int]:
    return host, port or _DEFAULT_PORTS[scheme]
