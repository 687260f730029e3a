"""Who and where: the user and the channel of a connection, from its request."""

from __future__ import annotations

import hmac
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, get_args
from urllib.parse import parse_qsl

LONGEST = 256
"""Longest name of a user, channel or user agent that is kept, in characters: they are input of clients."""

Place = Literal["path", "query", "header", "scope"]
_PLACES: Final[Mapping[str, Place]] = {place: place for place in get_args(Place)}


@dataclass(frozen=True, slots=True)
class Source:
    """A place of the ASGI scope: a path or query parameter, a header, or a key of the scope itself."""

    place: Place
    name: str

    @classmethod
    def parse(cls, text: str) -> Source | None:
        """Read `path:NAME`, `query:NAME`, `header:NAME` or `scope:KEY`; None for anything else."""
        written, _, name = text.partition(":")
        place, name = _PLACES.get(written), name.strip()
        return cls(place, name) if place and name else None

    def read(self, scope: Mapping[str, Any]) -> str | None:
        """Give the value, at most `LONGEST` characters, or None where the request has none."""
        if self.place == "path":
            value = scope.get("path_params", {}).get(self.name)
        elif self.place == "query":
            value = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"))).get(self.name)
        elif self.place == "header":
            value = header(scope, self.name)
        else:
            value = scope.get(self.name)
        return None if value is None or value == "" else clean(value)


def clean(name: object) -> str:
    """Give a name as text that every encoder takes, at most `LONGEST` characters.

    Identifiers are numbers and UUIDs as well; a lone surrogate, which JSON may bring, becomes `?`.
    """
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
    text = text[:LONGEST]
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def header(scope: Mapping[str, Any], name: str) -> str | None:
    """Give the first value of a header, or None."""
    value = raw_header(scope, name.lower().encode("latin-1", "replace"))
    return None if value is None else value.decode("latin-1")


def raw_header(scope: Mapping[str, Any], name: bytes) -> bytes | None:
    """Give the first value of a header whose name is given in lower case, as ASGI has them all."""
    for key, value in scope.get("headers", ()):
        if key == name:
            return bytes(value)
    return None


_ids: list[str] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)


def connection_id() -> str:
    """Give 16 random hexadecimal digits; the system is asked for many at a time."""
    try:
        return _ids.pop()
    except IndexError:
        digits = secrets.token_hex(8 * 128)
        first, *rest = (digits[at : at + 16] for at in range(0, len(digits), 16))
        _ids.extend(rest)
        return first


_RANDOM_KEY = secrets.token_bytes(32)


class UserHash:
    """Keyed hash of user identifiers: equal on every replica that has the key, worthless without it.

    An empty key stands for the random one of this process.
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = hmac.new(key or _RANDOM_KEY, digestmod="sha256")
        self.key_id = self(b"\0key")[:8]
        """Fingerprint of the key: hashes are comparable only where it is the same."""

    def __call__(self, user: str | bytes) -> str:
        """Give 32 hexadecimal digits of HMAC-SHA-256."""
        message = user if isinstance(user, bytes) else user.encode("utf-8", "surrogatepass")
        # Not `hmac.digest`: it lets go of the interpreter's lock, and an exporter would have it for milliseconds.
        found = self._keyed.copy()
        found.update(message)
        return found.hexdigest()[:32]


@lru_cache(maxsize=1024)
def user_agent(value: bytes) -> str:
    """Give the text of a User-Agent header; connections of one browser share it."""
    return clean(value.decode("latin-1"))


@lru_cache(maxsize=1024)
def truncated_address(host: str | None) -> str | None:
    """Give the network of an address, /24 for IPv4 and /48 for IPv6; None for what is not an address."""
    if not host:
        return None
    # The system's own conversion: the module `ipaddress` takes ten times as long, and this is asked of every client.
    family, kept = (socket.AF_INET6, 6) if ":" in host else (socket.AF_INET, 3)
    try:
        address = socket.inet_pton(family, host.partition("%")[0])
    except (OSError, ValueError):
        return None
    return socket.inet_ntop(family, address[:kept] + bytes(len(address) - kept))
