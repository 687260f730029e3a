"""Which pages may open the live socket, and ask for changes."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_same_origin(connection: HTTPConnection) -> bool:
    """Whether a socket or a request comes from a page of this very service, or from a program that is no browser.

    Browsers let any page send these to any host and tell its `Origin`; programs send none. `Origin: null`
    (a sandboxed frame, a file) is foreign.
    """
    origin = connection.headers.get("origin")
    if origin is None:
        return True
    scheme = "https" if connection.url.scheme in ("https", "wss") else "http"
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"{scheme}://{connection.headers['host']}")
        return theirs.scheme == scheme and _address(theirs.hostname, theirs.port, scheme) == _address(
            ours.hostname, ours.port, scheme
        )
    except ValueError:  # a port that is no number
        return False


def _address(host: str | None, port: int | None, scheme: str) -> tuple[str | None, int]:
    return host, port or _DEFAULT_PORTS[scheme]
