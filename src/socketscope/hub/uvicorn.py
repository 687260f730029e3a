"""uvicorn's WebSocket protocol with access to the connection itself: `uvicorn --ws socketscope.hub.uvicorn:Protocol`.

The hub makes a frame once for each message and writes it to every connection; a connection whose client reads too
slowly is seen by its transport, and one that reads nothing can be cut. Everything else is as in uvicorn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

from socketscope import semconv
from socketscope.hub.outgoing import Outgoing

if TYPE_CHECKING:
    from socketscope.hub.subscription import Subscription


class Protocol(WebSocketsSansIOProtocol):
    """A `hub.wire.Wire`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.writing_paused = False
        self.on_pause: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], str] | None = None

    async def run_asgi(self) -> None:
        """Put the wire within reach of the application."""
        extensions: dict[str, Any] = {**(self.scope["extensions"] or {}), semconv.WIRE_KEY: self}
        self.scope["extensions"] = extensions
        await super().run_asgi()

    def pause_writing(self) -> None:
        """Note that the client reads more slowly than it is written to."""
        super().pause_writing()
        self.writing_paused = True
        if self.on_pause is not None:
            self.on_pause()

    def resume_writing(self) -> None:
        """Note that the client caught up."""
        super().resume_writing()
        self.writing_paused = False
        if self.on_resume is not None:
            self.on_resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection has ended."""
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def is_open(self) -> bool:
        """Whether a frame may still be written: the closing handshake has not begun, and nobody closed the socket."""
        # Both: the protocol's state knows nothing of a transport that was closed, nor a transport of a close frame.
        return self.conn.state is OPEN and not self.transport.is_closing()

    def write(self, message: Outgoing) -> None:
        """Write a message as a frame that is not compressed, which is legal whatever was negotiated (RFC 7692, 6)."""
        self.transport.write(message.frame)

    def buffered(self) -> int:
        """Give how many bytes wait in the transport's buffer."""
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Drop the connection."""
        self.transport.abort()

    @staticmethod
    def write_all(subscriptions: Sequence[Subscription], message: Outgoing) -> Sequence[Subscription]:
        """Write a message to the connection of each, and count it there; gives those that were not open."""
        frame = message.frame
        size, cell, binary = message.size, message.cell, message.binary
        now = subscriptions[0].client.hub.clock.monotonic()
        gone = []
        for subscription in subscriptions:
            wire: Any = subscription.wire
            transport = wire.transport
            if wire.conn.state is not OPEN or transport.is_closing():
                gone.append(subscription)
                continue
            transport.write(frame)
            record = subscription.record
            if record is not None:
                record.sent_directly(size, cell, now, binary=binary)
        return gone
