"""A connection whose server gives access to its transport."""

from __future__ import annotations

import asyncio
from typing import Any

from socketscope.hub.link import Link, State
from socketscope.hub.options import Limits
from socketscope.hub.outbox import Lane
from socketscope.hub.outgoing import Outgoing
from socketscope.hub.sockets import TAKEN
from socketscope.hub.wire import Wire


class WireLink(Link):
    """Frames are written to the transport; it tells when its buffer is full, and when it is not any more.

    Raises RuntimeError where another hub has the connection.
    """

    def __init__(self, wire: Wire, *args: Any, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, limits=limits, **kwargs)
        if wire.on_closing is not None:
            raise RuntimeError(TAKEN)
        self._close_seconds = limits.close_seconds
        self.wire = wire
        self.transport = wire.transport
        self._left = 0
        """Bytes in the transport's buffer when somebody looked last."""
        wire.on_pause = self._paused
        wire.on_resume = self._resumed
        wire.on_closing = self.owner.lost
        if wire.writing_paused:  # by what the application sent before
            self.behind, self.progress_at = True, self._now()

    def is_open(self) -> bool:
        """Whether a frame that is written now may still arrive."""
        return self.wire.is_open()

    def abort(self) -> bool:
        """Drop the connection: its descriptor is freed in the next tick of the loop."""
        self.transport.abort()
        return True

    def stalled(self, nanoseconds: int) -> bool:
        """Whether it has taken nothing for so long; what the transport still holds tells that, too."""
        left = self.transport.get_write_buffer_size()
        if left != self._left:
            self._left, self.progress_at = left, self._now()
        return super().stalled(nanoseconds)

    def end(self, reason: int) -> None:
        """Let go of the connection; what the transport still holds has `Limits.close_seconds` to leave."""
        if self.state is State.GONE:
            return
        super().end(reason)
        self.wire.on_pause = self.wire.on_resume = self.wire.on_closing = self.wire.on_shutdown = None
        if self.transport.get_write_buffer_size():
            # Whoever closed the transport, the server or we, it waits for a client that may never read again.
            asyncio.get_running_loop().call_later(self._close_seconds, self.transport.abort)

    def _send(self, message: Outgoing, lane: Lane) -> bool:  # noqa: ARG002
        self._write(message)
        return True

    def _write(self, message: Outgoing) -> None:
        self.transport.write(message.frame)
        message.count((self.record,), self._now())

    def _paused(self) -> None:
        self._fall_behind()

    def _resumed(self) -> None:
        if self.record is not None:
            self.record.waited(self._now() - self.progress_at)
        self.progress_at = self._now()
        while not self.wire.writing_paused and self.state is not State.GONE:
            message = self.outbox.begin()
            if message is None:
                self._caught_up()
                self._send_close()
                return
            self._write(message)
            self.outbox.done()
