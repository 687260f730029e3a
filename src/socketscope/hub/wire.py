"""What a server may give beyond ASGI: the connection itself, to write frames to and to cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from socketscope import semconv

if TYPE_CHECKING:
    from socketscope.hub.outgoing import Outgoing
    from socketscope.hub.subscription import Subscription


class Wire(Protocol):
    """A connection of a server that has such a thing (`hub/uvicorn.py`)."""

    writing_paused: bool
    """Whether the transport's buffer is above its high-water mark."""
    on_pause: Callable[[], None] | None
    on_resume: Callable[[], None] | None
    on_lost: Callable[[], None] | None
    on_shutdown: Callable[[], str] | None
    """Called when the server shuts down; returns the reason for the close frame."""

    def is_open(self) -> bool:
        """Whether a frame that is written now may still arrive."""

    def write(self, message: Outgoing) -> None:
        """Write a message; it is buffered where it can't be sent at once."""

    def buffered(self) -> int:
        """Give how many bytes wait in the transport's buffer."""

    def abort(self) -> None:
        """Drop the connection and what waits for it; its descriptor is freed in the next tick of the loop."""

    @staticmethod
    def write_all(subscriptions: Sequence[Subscription], message: Outgoing) -> Sequence[Subscription]:
        """Write a message to the wire of each and count it there; gives those whose connection was not open."""


def wire_of(scope: Mapping[str, Any]) -> Wire | None:
    """Give the wire of a connection, where its server has one."""
    wire: Wire | None = (scope.get("extensions") or {}).get(semconv.WIRE_KEY)
    return wire
