"""Reading from the demo's programs over HTTP, on the loopback interface only."""

from __future__ import annotations

import urllib.error
import urllib.request

from socketscope.errors import SocketscopeError

# A proxy from the environment knows nothing of what listens here.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Unreachable(SocketscopeError):  # noqa: N818 - a state of a program that starts or stops, as often as an error
    """The program does not answer, or not with success; the message says how."""


def get(url: str, *, timeout: float = 5.0) -> bytes:
    """Get `url` (http://127.0.0.1:...); raises `Unreachable` for anything but 2xx within `timeout` seconds."""
    try:
        with _opener.open(url, timeout=timeout) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            detail = error.read(500).decode(errors="replace")
        raise Unreachable(f"GET {url} was answered with {error.code}: {detail}") from error
    except OSError as error:
        raise Unreachable(f"GET {url} was not answered: {error}") from error
