"""How messages reach one client, and what becomes of those that have to wait."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, Protocol

from socketscope.hub.asgi import Batch, Carrier, Carriers, Send
from socketscope.hub.options import Disconnect, Limits
from socketscope.hub.outbox import FULL, QUEUED, Lane, Outbox
from socketscope.hub.outgoing import Outgoing
from socketscope.instrumentation.connection import Connection
from socketscope.telemetry.clock import Clock
from socketscope.telemetry.ledger import CLOSED, FAILED, SLOW


class State(Enum):
    """`CLOSING`: what waits is still sent, nothing more is taken. `GONE`: nothing can be sent."""

    OPEN = "open"
    CLOSING = "closing"
    GONE = "gone"


class Owner(Protocol):
    """Whose link it is: the client."""

    def moved(self) -> None:
        """Note that messages have to wait from now on, or no longer (`Link.behind`)."""

    def queued(self, size: int) -> None:
        """Note that `size` bytes wait, after one more message."""

    def lost(self) -> None:
        """Note that the connection has ended."""

    def cut(self, code: int, reason: str) -> None:
        """Drop the connection: it is too slow for the policy of a channel."""


class Link(ABC):
    """One client's connection, seen by the hub."""

    def __init__(
        self, owner: Owner, send: Send, record: Connection | None, carriers: Carriers, *, limits: Limits, clock: Clock
    ) -> None:
        self.owner = owner
        self.send_asgi = send
        self.record = record
        """On which the hub counts what it sends; None where the connection is not watched, or the middleware counts."""
        self.state = State.OPEN
        self.behind = False
        """Whether messages have to wait for this client."""
        self.outbox = Outbox(limits)
        self.progress_at = 0
        """When it last took something while it was behind (the monotonic clock, nanoseconds)."""
        self.closed = asyncio.Event()
        """Set once nothing more is sent: a close is on its way, or the connection has ended."""
        self._now = clock.monotonic
        self._carriers = carriers
        self._carrier: Carrier | None = None
        self._close: tuple[int, str] | None = None

    def take(self, message: Outgoing, lane: Lane) -> bool:
        """Send a message, or queue it; returns True where it is sent, and not counted yet in the lane's ledger."""
        if self.state is not State.OPEN or not self.is_open():
            lane.ledger.refused(CLOSED)
            return False
        if self.behind:
            self._queue(message, lane)
            return False
        return self._send(message, lane)

    def close(self, code: int, reason: str) -> None:
        """Take nothing more, and send a close after what waits."""
        self.state = State.CLOSING
        self._close = (code, reason)
        if not self.behind:
            self._send_close()

    def end(self, reason: int) -> None:
        """Send nothing any more; what waits is dropped for this reason (`telemetry.ledger.REASONS`)."""
        if self.state is State.GONE:
            return
        self.state = State.GONE
        self.behind = False
        self.outbox.clear(reason)
        carrier, self._carrier = self._carrier, None
        if carrier is not None:
            carrier.stop()
        self.closed.set()

    def stalled(self, nanoseconds: int) -> bool:
        """Whether something waits for it, and it has taken nothing for so long."""
        return self.behind and self._now() - self.progress_at > nanoseconds

    @abstractmethod
    def is_open(self) -> bool:
        """Whether what is sent now may still arrive, as far as the server tells."""

    @abstractmethod
    def abort(self) -> bool:
        """Drop the connection; returns False where the server gives no way to."""

    @abstractmethod
    def _send(self, message: Outgoing, lane: Lane) -> bool:
        """Send a message for which nothing has to wait; returns as `take`."""

    def _queue(self, message: Outgoing, lane: Lane) -> None:
        outcome = self.outbox.put(message, lane)
        if outcome == QUEUED:
            lane.ledger.queued()
            self.owner.queued(self.outbox.bytes)
        elif outcome == FULL:
            lane.ledger.refused(SLOW)
            policy = lane.policy
            if isinstance(policy, Disconnect):
                self.owner.cut(policy.code, policy.reason)
        else:
            lane.ledger.refused(outcome)

    def _fall_behind(self) -> None:
        self.behind = True
        self.progress_at = self._now()
        self.owner.moved()

    def _caught_up(self) -> None:
        self.behind = False
        self.owner.moved()

    # What a carrier asks and tells (`asgi.Waiting`) --------------------------------

    def next_message(self) -> dict[str, Any] | None:
        """Note that a send which had to wait is done, and tell what comes next."""
        self.progress_at = self._now()
        message = self._close_message()
        if message is None:
            self._carrier = None
            self._closed()
        return message

    def send_failed(self) -> None:
        """Note that a send which had to wait raised."""
        self._carrier = None
        self.owner.lost()

    # --------------------------------

    def _send_close(self) -> None:
        message = self._close_message()
        if message is None:
            return

        def waits(_: Link, carrier: Carrier) -> Link:
            self._carrier = carrier
            return self

        def failed(*_: object) -> None:  # the client left first
            self.owner.lost()

        if not self._carriers.begin(Batch((self,), lambda: message, waits=waits, failed=failed)).without:
            self._closed()

    def _closed(self) -> None:
        if self.state is State.CLOSING:
            self.closed.set()

    def _close_message(self) -> dict[str, Any] | None:
        close, self._close = self._close, None
        return {"type": "websocket.close", "code": close[0], "reason": close[1]} if close is not None else None


class AsgiLink(Link):
    """A connection that the server gives no more of than ASGI."""

    def is_open(self) -> bool:
        """ASGI tells it by the exception that `send` raises."""
        return True

    def abort(self) -> bool:
        """ASGI knows nothing of the kind."""
        return False

    def waits(self, message: Outgoing, lane: Lane, carrier: Carrier) -> None:
        """Note that a message which is being sent has to wait for the client, and who sees to it."""
        self._carrier = carrier
        if self.state is State.GONE:  # cut off by what its own message set off
            lane.ledger.refused(CLOSED)
            self._carrier = None
            carrier.stop()
            return
        lane.ledger.queued()
        self.outbox.sending = (message, lane)
        self.outbox.bytes += message.size
        self.owner.queued(self.outbox.bytes)
        self._fall_behind()

    def failed(self, lane: Lane, message: dict[str, Any], error: Exception) -> None:
        """Note that `send` raised for a message."""
        lane.ledger.refused(FAILED)
        if self.record is not None:
            self.record.send_failed(message, error)
        self.owner.lost()

    def is_sending(self) -> bool:
        """Whether its `send` is being called just now: a middleware publishes while it sends."""
        return self.send_asgi in self._carriers.sending

    def next_message(self) -> dict[str, Any] | None:
        """Note that the message which had to wait is sent, and tell what comes next."""
        if self.outbox.sending is not None:
            sent, _ = self.outbox.done()
            if self.record is not None:
                now = self._now()
                self.record.waited(now - self.progress_at)
                sent.count((self.record,), now)
        message = self.outbox.begin()
        if message is not None:
            self.progress_at = self._now()
            return message.asgi()
        close = super().next_message()
        if close is None and self.behind:
            self._caught_up()
        return close

    def send_failed(self) -> None:
        """Note that the message which had to wait is not sent."""
        if self.outbox.sending is not None:
            self.outbox.failed(FAILED)
        super().send_failed()

    def _send(self, message: Outgoing, lane: Lane) -> bool:
        if self.is_sending():
            self._queue(message, lane)
            if self.state is State.OPEN:
                self._carrier = self._carriers.go_on(self)
                self._fall_behind()
            return False

        def waits(_: AsgiLink, carrier: Carrier) -> AsgiLink:
            self.waits(message, lane, carrier)
            return self

        def failed(_: AsgiLink, told: dict[str, Any], error: Exception) -> None:
            self.failed(lane, told, error)

        if self._carriers.begin(Batch((self,), message.asgi, waits=waits, failed=failed)).without:
            return False
        message.count((self.record,), self._now())
        return True
