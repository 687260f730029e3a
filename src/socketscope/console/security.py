"""By which names the console may be called, and what its page may do."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from socketscope.console.problems import problem, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from socketscope.console.options import ConsoleOptions

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names in the `Host` header. A name of anybody's domain that resolves to 127.0.0.1 is not among them: that would
let its pages read the API (DNS rebinding)."""

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""Headers of every HTTP answer that does not set them itself."""

_AUTHORITY: Final = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[^\[\]:/@\s]+))(?::\d{1,5})?")


class HostNames:
    """ASGI middleware: refuses what was sent to another name than the console's.

    Besides the names of this machine those are the address it listens on and `allowed_hosts`; where it listens on all
    addresses, any literal address, since no domain of somebody else's can look like one.
    """

    def __init__(self, app: ASGIApp, options: ConsoleOptions) -> None:
        self.app = app
        self._names = LOOPBACK_NAMES | {name.lower().strip("[]") for name in (options.host, *options.allowed_hosts)}
        self._any_address = _is_wildcard(options.host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward what was sent to the console; answer the rest with 400."""
        if scope["type"] in ("http", "websocket"):
            given = Headers(scope=scope).get("host", "")
            if not self._is_ours(given):
                answer = problem(400, f"The console is not called {given!r}: see the setting `console.allowed_hosts`.")
                await refuse(answer, scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _is_ours(self, authority: str) -> bool:
        found = _AUTHORITY.fullmatch(authority)
        if found is None:
            return False
        name = (found["v6"] or found["name"]).lower()
        return name in self._names or (self._any_address and _is_address(name))


class SecurityHeaders:
    """ASGI middleware: adds `HEADERS` to every HTTP answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward everything; complete the start of an answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_wildcard(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_unspecified
