"""uvicorn's WebSocket protocol with access to the connection itself: `uvicorn --ws socketscope.hub.uvicorn:Protocol`.

The hub makes a frame once for each message and writes it to the transport of every connection. Everything else is as
in uvicorn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

from socketscope import semconv
from socketscope.instrumentation.connection import SERVICE_RESTART


class Protocol(WebSocketsSansIOProtocol):
    """A `hub.wire.Wire`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.writing_paused = False
        self.on_pause: Callable[[], None] | None = None
        self.on_resume: Callable[[], None] | None = None
        self.on_closing: Callable[[], None] | None = None
        self.on_shutdown: Callable[[], str] | None = None
        self.on_pong: Callable[[float], None] | None = None

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

    def data_received(self, data: bytes) -> None:
        """Take what the client sent; it may be a close frame."""
        super().data_received(data)
        self._look()

    def send(self, message: Any) -> Any:
        """Send an ASGI message; it may be the last."""
        return super().send(message) if message["type"] != "websocket.close" else self._send_close(message)

    def shutdown(self) -> None:
        """Close, since the server is going down, with what the hub has to say about it."""
        if self.on_shutdown is not None and self.handshake_complete and self.is_open():
            reason = self.on_shutdown()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": SERVICE_RESTART, "reason": reason})
            self.conn.send_close(SERVICE_RESTART, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True  # what `super` would do is done
        super().shutdown()
        self._look()

    def handle_pong(self, event: Any) -> None:
        """Tell how long the answer to a ping took."""
        waiting = self.pending_ping_payload
        super().handle_pong(event)
        if waiting is not None and self.pending_ping_payload is None and self.on_pong is not None:
            self.on_pong(self.last_ping_rtt)

    def keepalive_timeout(self) -> None:
        """Close, since the client did not answer a ping in time."""
        super().keepalive_timeout()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection has ended."""
        super().connection_lost(exc)
        self._look()

    def is_open(self) -> bool:
        """Whether a frame may still be written: the closing handshake has not begun, and nobody closed the socket."""
        # Both: the protocol's state knows nothing of a transport that was closed, nor a transport of a close frame.
        return self.conn.state is OPEN and not self.transport.is_closing()

    async def _send_close(self, message: Any) -> None:
        try:
            await super().send(message)
        finally:
            self._look()

    def _look(self) -> None:
        # Called wherever the state may change, so that publishing need not ask each connection for it.
        if self.on_closing is not None and not self.is_open():
            told, self.on_closing = self.on_closing, None
            told()
