"""Which web pages may connect: browsers let any page open a WebSocket to any host, and tell where it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from socketscope.errors import ConfigurationError

_PORTS: Final = {"http": 80, "https": 443}
_ANY_LABELS: Final = "*."


class Origin(NamedTuple):
    """An origin of RFC 6454 with its port, whether it was written or not."""

    scheme: str
    host: str
    port: int


class Origins:
    """An allow-list of origins.

    Each is `scheme://host` or `scheme://host:port`, exactly; a host may begin with `*.`, which stands for one or more
    labels. `None` lets in who tells no origin (programs; browsers always tell one), `"null"` pages without one
    (sandboxed frames, files). Raises `ConfigurationError` for anything else.
    """

    def __init__(self, allowed: Iterable[str | None]) -> None:
        if isinstance(allowed, str) or not isinstance(allowed, Iterable):
            raise ConfigurationError("Access.origins", allowed, "a list of origins")
        self._allowed: set[Origin | str | None] = set()
        self._below: list[Origin] = []
        for entry in allowed:
            if entry is None or entry == "null":
                self._allowed.add(entry)
                continue
            found, mark = None, ""
            if isinstance(entry, str):
                scheme, mark, rest = entry.partition("://" + _ANY_LABELS)
                found = _parsed(f"{scheme}://{rest}" if mark else entry)
            if found is None or "*" in found.host:
                raise ConfigurationError(
                    "Access.origins",
                    entry,
                    'None, "null", or an origin such as https://example.com or https://*.example.com',
                )
            if mark:
                self._below.append(found)
            else:
                self._allowed.add(found)

    def allow(self, told: list[str]) -> bool:
        """Whether a handshake with these `Origin` headers may go on."""
        if not told:
            return None in self._allowed
        if len(told) > 1:
            return False
        if told[0] == "null":
            return "null" in self._allowed
        found = _parsed(told[0])
        if found is None:
            return False
        return found in self._allowed or any(
            (found.scheme, found.port) == (above.scheme, above.port) and found.host.endswith("." + above.host)
            for above in self._below
        )


def _parsed(text: str) -> Origin | None:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # a port that is no number, or brackets that do not match
        return None
    host, default = parts.hostname, _PORTS.get(parts.scheme)
    extra = parts.path or parts.query or parts.fragment or "@" in parts.netloc or text.endswith(("?", "#", ":"))
    if not parts.scheme or not host or extra or any(character.isspace() for character in text):
        return None
    if default is None and port is None:  # an application's own scheme (app://name)
        port = 0
    return Origin(parts.scheme, host, port if port is not None else default or 0)
