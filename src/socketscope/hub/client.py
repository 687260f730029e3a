"""A connection in the hub: what it is sent, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from enum import Enum
from typing import TYPE_CHECKING, Any

from socketscope.errors import ClientGoneError
from socketscope.hub.asgi import Sender, begin
from socketscope.hub.message import Position
from socketscope.hub.options import Disconnect
from socketscope.hub.outbox import FULL, QUEUED, Lane, Outbox
from socketscope.hub.outgoing import Outgoing, payload
from socketscope.hub.sockets import Socket
from socketscope.hub.subscription import Subscription
from socketscope.hub.wire import wire_of
from socketscope.instrumentation import current
from socketscope.telemetry.ledger import CLOSED, FAILED, SLOW

if TYPE_CHECKING:
    from socketscope.hub.hub import Hub, Message

NORMAL = 1000
NO_STATUS = 1005
ABNORMAL = 1006
TOO_BIG = 1009
"""Close codes of RFC 6455, 7.4.1."""


class State(Enum):
    """`CLOSING`: what waits is still sent, nothing more is taken. `GONE`: nothing can be sent."""

    OPEN = "open"
    CLOSING = "closing"
    GONE = "gone"


class Client:
    """A connection between entering and leaving `hub.connect(...)`. It belongs to one event loop.

    `async for message in client` gives what the client says, `str` or `bytes`, until it leaves.
    """

    def __init__(self, hub: Hub, socket: Socket, user: str | None) -> None:
        self.hub = hub
        self.user = user
        self.subscriptions: dict[str, Subscription] = {}
        """Topic -> subscription; among them the user's own topic."""
        self.state = State.OPEN
        self.behind = False
        """Whether messages have to wait for this client."""
        self.progress_at = 0.0
        """When the client last took something while it was behind (the loop's clock, seconds)."""
        self.outbox = Outbox(hub.limits)
        self.wire = wire_of(socket.scope)
        watched = current.watched()
        self.reporter = watched[0] if watched is not None else None
        self.record = watched[1] if watched is not None else None
        self.id = self.record.id if self.record is not None else secrets.token_hex(8)
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._handler = asyncio.current_task()
        self._handler_cancelled = False
        self._end = (NO_STATUS, "")
        self._closing: tuple[int, str] | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self.sender = self._make_sender() if self.wire is None else None
        self._paused_at = 0
        if self.wire is not None:
            self.wire.on_pause = self._paused
            self.wire.on_resume = self._resumed
            self.wire.on_closing = self.lost
            self.wire.on_shutdown = hub.advice
            if self.wire.writing_paused:
                self._paused()

    # What applications call --------------------------------

    @property
    def channels(self) -> frozenset[str]:
        """The channels that it is in."""
        return frozenset(entry.channel.name for entry in self.subscriptions.values() if not entry.channel.hidden)

    async def subscribe(self, channel: str) -> Position:
        """Join a channel; returns where it stands. Twice is once.

        Raises `RefusedError`, `LimitExceededError`, `ClientGoneError`, `BrokerUnavailableError`, and ValueError for a
        name that can't be used.
        """
        return await self.hub.subscribe(self, channel)

    def unsubscribe(self, channel: str) -> None:
        """Leave a channel; messages that wait already are still sent."""
        self.hub.unsubscribe(self, channel)

    async def publish(self, channel: str, message: Message, *, key: str | None = None) -> Position:
        """Publish in the client's name; it need not be in the channel. Raises as `Hub.publish`, and `RefusedError`."""
        return await self.hub.publish(channel, message, key=key)

    def send(self, message: Message) -> bool:
        """Send to this client alone, after what waits for it; returns False where it was dropped."""
        data, kind = payload(message)
        outgoing = Outgoing(data, binary=kind == "binary")
        lane = Lane(Disconnect(), self.hub.direct)
        before = lane.ledger.counts
        if self.take(outgoing, lane):
            lane.ledger.delivered(1, outgoing.size)
        return sum(lane.ledger.counts.dropped) == sum(before.dropped)

    async def receive(self) -> str | bytes:
        """Give the client's next message; raises `ClientGoneError` once it has left or was cut off."""
        message = await self._socket.receive() if self.state is not State.GONE else None
        if message is None or message["type"] != "websocket.receive":
            if message is not None and self.state is not State.GONE:
                self._end = (int(message.get("code") or NO_STATUS), message.get("reason") or "")
                self.lost()
            raise ClientGoneError(*self._end)
        data = message.get("bytes")
        received: str | bytes = message["text"] if data is None else data
        return received

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except ClientGoneError:
            raise StopAsyncIteration from None

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close once what waits is sent; a client that does not take it within `limits.close_seconds` is cut off."""
        if self.state is not State.OPEN:
            return
        self.state = State.CLOSING
        self._closing = (code, reason)
        self._end = (code, reason)
        self.hub.leave_all(self)
        self._close_timer = self._loop.call_later(self.hub.limits.close_seconds, self.cut, code, reason)
        if not self.behind:
            self._send_close()

    def cut(self, code: int, reason: str) -> None:
        """Drop the connection and all that waits, at once: the client is sent nothing any more, not even a close.

        On a server with a wire the descriptor is freed in the next tick of the loop, and the handler gets a
        disconnect; elsewhere the handler's `async with` block is ended, and the server frees it after that.
        """
        if self.state is State.GONE:
            return
        self._end = (code, reason)
        if self.record is not None and self.reporter is not None:
            self.reporter.cut(self.record, code, reason)
        self._gone(SLOW)
        if self.wire is not None:
            self.wire.transport.abort()
        elif self._handler is not None and not self._handler.done():
            self._handler_cancelled = True
            self._handler.cancel()

    # What the hub calls --------------------------------

    @property
    def ended(self) -> tuple[int, str]:
        """Close code and reason, once it has ended."""
        return self._end

    def identify(self, user: str) -> None:
        """Tell telemetry whose connection it is."""
        if self.record is not None and self.reporter is not None:
            self.reporter.identify(self.record, user)

    def joined(self, channel: str) -> None:
        """Tell telemetry that it is in a channel."""
        if self.record is not None and self.reporter is not None:
            self.reporter.join(self.record, channel, counts_itself=True)

    def left(self, channel: str) -> None:
        """Tell telemetry that it is in a channel no more."""
        if self.record is not None and self.reporter is not None:
            self.reporter.leave(self.record, channel)

    def take(self, message: Outgoing, lane: Lane) -> bool:
        """Send a message, or queue it; returns True where it is sent, and not counted yet in the lane's ledger."""
        if self.state is not State.OPEN or (self.wire is not None and not self.wire.is_open()):
            lane.ledger.refused(CLOSED)
            return False
        if self.behind:
            self._queue(message, lane)
            return False
        if self.sender is None:
            self._write(message)
            return True
        if self.sender.busy:  # a middleware publishes while it sends
            self._queue(message, lane)
            self._fall_behind()
            self.sender.go_on()
            return False
        left = begin(((self, self.sender),), message.asgi)
        for _, error in left:
            self.began(message, lane, error)
        return not left

    def lost(self) -> None:
        """Note that the connection has ended."""
        self._gone(CLOSED)

    def release(self) -> bool:
        """Let go of everything, at the end of the handler's block; returns whether a cancellation in it was ours."""
        self._gone(CLOSED)
        if self.wire is not None:
            self.wire.on_pause = self.wire.on_resume = self.wire.on_closing = self.wire.on_shutdown = None
        return self._handler_cancelled

    def _queue(self, message: Outgoing, lane: Lane) -> None:
        outcome = self.outbox.put(message, lane)
        if outcome == QUEUED:
            lane.ledger.queued()
            self.hub.queued(self.outbox.bytes)
        elif outcome == FULL:
            lane.ledger.refused(SLOW)
            policy = lane.policy
            if isinstance(policy, Disconnect):
                self.cut(policy.code, policy.reason)
        else:
            lane.ledger.refused(outcome)

    # With a wire --------------------------------

    def _write(self, message: Outgoing) -> None:
        if self.wire is not None:
            self.wire.transport.write(message.frame)
        if self.record is not None:
            now = self.hub.clock.monotonic()
            self.record.sent_directly(message.size, message.cell, now, binary=message.binary)

    def _paused(self) -> None:
        if self.state is State.GONE:
            return
        self._paused_at = self.hub.clock.monotonic()
        self._fall_behind()

    def _resumed(self) -> None:
        if self.state is State.GONE:
            return
        if self.record is not None:
            self.record.waited(self.hub.clock.monotonic() - self._paused_at)
        self.progress_at = self._loop.time()
        while self.wire is not None and not self.wire.writing_paused:
            message = self.outbox.begin()
            if message is None:
                self._caught_up()
                return
            self._write(message)
            self.outbox.done()

    # With plain ASGI --------------------------------

    def began(self, message: Outgoing, lane: Lane, error: Exception | None) -> None:
        """Note that a message was not sent at once: `send` raised `error`, or waits for the client."""
        if error is not None:
            lane.ledger.refused(FAILED)
            self.lost()
            return
        if self.state is State.GONE:  # cut off by what its own message set off
            lane.ledger.refused(CLOSED)
            if self.sender is not None:
                self.sender.stop()
            return
        lane.ledger.queued()
        self.outbox.sending = (message, lane)
        self.outbox.bytes += message.size
        self._fall_behind()

    def _next(self) -> dict[str, Any] | None:
        """Tell the sender what to send next; what it was sending before is done."""
        self.progress_at = self._loop.time()
        if self.outbox.sending is not None:
            self.outbox.done()
        message = self.outbox.begin()
        if message is not None:
            return message.asgi()
        if self._closing is not None:
            return self._close_message()
        self._caught_up()
        return None

    def _send_failed(self, _: Exception) -> None:
        if self.outbox.sending is not None:
            self.outbox.failed(FAILED)
        self.lost()

    # Both --------------------------------

    def _fall_behind(self) -> None:
        self.behind = True
        self.progress_at = self._loop.time()
        self.hub.moved(self)

    def _make_sender(self) -> Sender:
        return Sender(self._socket.send, next_message=self._next, failed=self._send_failed)

    def _caught_up(self) -> None:
        self.behind = False
        self.hub.moved(self)
        if self._closing is not None:
            self._send_close()

    def _send_close(self) -> None:
        message = self._close_message()
        if message is None:
            return
        if self.sender is None:  # a close goes through ASGI also where messages do not: the server has to know
            self.sender = self._make_sender()
        for _, error in begin(((self, self.sender),), lambda: message):
            if error is not None:  # the client left first
                self.lost()

    def _close_message(self) -> dict[str, Any] | None:
        closing, self._closing = self._closing, None
        if closing is None:
            return None
        return {"type": "websocket.close", "code": closing[0], "reason": closing[1]}

    def _gone(self, reason: int) -> None:
        if self.state is State.GONE:
            return
        self.state = State.GONE
        if self._close_timer is not None:
            self._close_timer.cancel()
        self.hub.leave_all(self)
        self.outbox.clear(reason)
        if self.sender is not None:
            self.sender.stop()
        self.behind = False
