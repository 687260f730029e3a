"""What a server may give beyond ASGI: the connection itself, to write frames to and to cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from socketscope import semconv


class Wire(Protocol):
    """A connection of a server that has such a thing (`hub/uvicorn.py`). The callbacks are whoever's it is to set."""

    transport: asyncio.Transport
    writing_paused: bool
    """Whether the transport's buffer is above its high-water mark."""
    on_pause: Callable[[], None] | None
    on_resume: Callable[[], None] | None
    on_closing: Callable[[], None] | None
    """Called once, as soon as no frame may be written any more: the closing handshake began, or the link is lost."""
    on_shutdown: Callable[[], str] | None
    """Called when the server shuts down; returns the reason for the close frame."""

    on_pong: Callable[[float], None] | None
    """Called with the seconds that a client took to answer a ping; the instrumentation's to set."""

    def is_open(self) -> bool:
        """Whether a frame that is written now may still arrive."""


def wire_of(scope: Mapping[str, Any]) -> Wire | None:
    """Give the wire of a connection, where its server has one."""
    wire: Wire | None = (scope.get("extensions") or {}).get(semconv.WIRE_KEY)
    return wire
