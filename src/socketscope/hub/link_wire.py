"""A connection whose server gives access to its transport."""

from __future__ import annotations

from typing import Any

from socketscope.hub.link import Link, State
from socketscope.hub.outbox import Lane
from socketscope.hub.outgoing import Outgoing
from socketscope.hub.wire import Wire


class WireLink(Link):
    """Frames are written to the transport; it tells when its buffer is full, and when it is not any more."""

    def __init__(self, wire: Wire, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wire = wire
        self.transport = wire.transport
        self._left = 0
        """Bytes in the transport's buffer when somebody looked last."""
        wire.on_pause = self._paused
        wire.on_resume = self._resumed
        wire.on_closing = self.owner.lost

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
        """Let go of the connection."""
        super().end(reason)
        self.wire.on_pause = self.wire.on_resume = self.wire.on_closing = self.wire.on_shutdown = None

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
