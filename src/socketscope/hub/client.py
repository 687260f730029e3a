"""A connection in the hub: what it is sent, what it says, and how it ends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

from socketscope.errors import ClientGoneError, MessageTooLargeError
from socketscope.hub.access import Identity, checked_expiry
from socketscope.hub.admission import close_for, size_of
from socketscope.hub.block import Block
from socketscope.hub.closing import NORMAL, POLICY_VIOLATION, UNAUTHORIZED, UNSUPPORTED_DATA, checked_close
from socketscope.hub.link import AsgiLink, State
from socketscope.hub.link_wire import WireLink
from socketscope.hub.message import Position, checked_name, position_of
from socketscope.hub.options import Disconnect
from socketscope.hub.outbox import Lane
from socketscope.hub.outgoing import Outgoing
from socketscope.hub.quota import Rate, User
from socketscope.hub.resume import Joined
from socketscope.hub.sockets import Socket, gone
from socketscope.hub.subscription import Subscription
from socketscope.hub.wire import wire_of
from socketscope.instrumentation import current
from socketscope.instrumentation.connection import NO_STATUS
from socketscope.instrumentation.direct import server_send
from socketscope.telemetry.ledger import CLOSED, SLOW

if TYPE_CHECKING:
    from socketscope.hub.hub import Hub, Message

LOOK_AGAIN_SECONDS: Final = 60.0
"""Longest wait for a moment of the wall clock."""


class Client:
    """A connection between entering and leaving `hub.connect(...)`. It belongs to one event loop.

    `async for message in client` gives what the client says, `str` or `bytes`, until it leaves.
    """

    def __init__(self, hub: Hub, socket: Socket, identity: Identity) -> None:
        watched = current.watched()
        self.hub = hub
        self.identity = identity
        self.user = identity.user
        self.reporter = watched[0] if watched is not None else None
        self.record = watched[1] if watched is not None else None
        self.id = self.record.id if self.record is not None else secrets.token_hex(8)
        self.subscriptions: dict[str, Subscription] = {}
        """Topic -> subscription; among them the user's own topic."""
        self.joining = 0
        """Channels that it is about to be in."""
        self.quota: User | None = None
        """What its user has and says on all connections."""
        self._rate = Rate(hub.limits.rate)
        self._socket = socket
        self.block = Block()
        """What the application does with it."""
        self._ended = (NO_STATUS, "")
        self._close_timer: asyncio.TimerHandle | None = None
        self._expiry_timer: asyncio.TimerHandle | None = None
        options: Any = {"limits": hub.limits, "clock": hub.clock}
        if (wire := wire_of(socket.scope)) is not None:
            self.link: AsgiLink | WireLink = WireLink(wire, self, socket.send, self.record, hub.carriers, **options)
            wire.on_shutdown = hub.advice
        elif (send := server_send(self.record, socket.send)) is not None:
            self.link = AsgiLink(self, send, self.record, hub.carriers, **options)
        else:
            self.link = AsgiLink(self, socket.send, None, hub.carriers, **options)
        self.renew(identity.expires)

    # What applications call --------------------------------

    @property
    def channels(self) -> frozenset[str]:
        """The channels that it is in."""
        return frozenset(entry.channel.name for entry in self.subscriptions.values() if not entry.channel.hidden)

    @property
    def channel_count(self) -> int:
        """How many channels it is in, or about to be."""
        return sum(not entry.channel.hidden for entry in self.subscriptions.values()) + self.joining

    @property
    def open(self) -> bool:
        """Whether messages are still taken for it."""
        return self.link.state is State.OPEN

    @property
    def ended(self) -> tuple[int, str]:
        """Close code and reason, once it has ended."""
        return self._ended

    async def subscribe(self, channel: str, *, last: object = None) -> Joined:
        """Join a channel; returns where it stands. Twice is once.

        With `last`, the epoch and offset of the last message that the client has (`ChannelOptions.positions`), it is
        sent what came after it first, or told that this can't be had: see `Joined`. Whatever the client gave may be
        handed on: what is no list or tuple of a str and an int is a position after which nothing can be had.

        Raises `RefusedError` where it may not, and as `LimitExceededError` or `InvalidValueError`;
        `ClientGoneError`, `BrokerUnavailableError`.
        """
        return await self.hub.subscribe(self, channel, None if last is None else position_of(last))

    def unsubscribe(self, channel: str) -> None:
        """Leave a channel; messages that wait already are still sent."""
        self.hub.unsubscribe(self, channel)

    async def publish(self, channel: str, message: Message, *, key: str | None = None) -> Position:
        """Publish in the client's name; it need not be in the channel. Raises as `Hub.publish`, and `RefusedError`."""
        await self.hub.access.may_publish(self, checked_name("channel", channel), message)
        return await self.hub.publish(channel, message, key=key)

    def send(self, message: Message) -> bool:
        """Send to this client alone, after what waits for it; returns False where it was dropped.

        Raises `MessageTooLargeError`, `InvalidValueError`, and TypeError for what JSON does not know.
        """
        self.hub.require_loop()
        data, kind = self.hub.payload(message)
        outgoing = Outgoing(data, binary=kind == "binary")
        ledger = self.hub.direct
        dropped = sum(ledger.counts.dropped)
        if self.link.take(outgoing, Lane(Disconnect(), ledger)):
            ledger.delivered(1, outgoing.size)
        return sum(ledger.counts.dropped) == dropped

    async def receive(self) -> str | bytes:
        """Give the client's next message; raises `ClientGoneError` once it has left or was cut off.

        A client that exceeds `Limits.message_bytes` is closed (1009), one that exceeds the rates too (1008).
        """
        if self.link.state is State.GONE:
            raise ClientGoneError(*self._ended)
        message = await self._socket.receive()
        if message["type"] != "websocket.receive":
            if self.link.state is State.OPEN:
                left = gone(message)
                self._ended = (left.code, left.reason)
            self.lost()
            raise ClientGoneError(*self._ended)
        data = message.get("bytes")
        received: str | bytes = message["text"] if data is None else data
        self._check(received)
        return received

    async def texts(self) -> AsyncIterator[str]:
        """Give what the client says as the client itself does, to an application that takes text alone.

        A client that sends a binary message is closed (1003).
        """
        async for message in self:
            if not isinstance(message, str):
                self.close(UNSUPPORTED_DATA, "binary messages are not taken")
                return
            yield message

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except ClientGoneError:
            raise StopAsyncIteration from None

    def renew(self, expires: float | None) -> None:
        """Let the client be who it is until `expires` (epoch seconds); None: as long as it is connected.

        Raises ValueError for what is no time, and changes nothing.
        """
        expires = checked_expiry(expires)
        if self._expiry_timer is not None:
            self._expiry_timer.cancel()
            self._expiry_timer = None
        if expires is not None and self.open:
            left = expires - self.hub.clock.wall() / 1e9
            if left <= 0:
                self.close(UNAUTHORIZED, "the credentials have expired")
                return
            loop = asyncio.get_running_loop()
            # Not all at once: it is the wall clock that counts, which may be set.
            self._expiry_timer = loop.call_later(min(left, LOOK_AGAIN_SECONDS), self.renew, expires)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close once what waits is sent; a client that does not take it within `limits.close_seconds` is cut off.

        Raises ValueError for a code or reason that can't be sent.
        """
        self.hub.require_loop()
        checked_close(code, reason)
        if not self.open:
            return
        self._ended = (code, reason)
        self.hub.leave_all(self)
        loop = asyncio.get_running_loop()
        self._close_timer = loop.call_later(self.hub.limits.close_seconds, self.cut, code, reason)
        self.link.close(code, reason)

    def cut(self, code: int, reason: str) -> None:
        """Drop the connection and all that waits, at once: the client is sent nothing any more, not even a close.

        On a server with a wire the descriptor is freed in the next tick of the loop, and the handler gets a
        disconnect; elsewhere the handler's `async with` block is ended, and the server frees it after that.
        """
        if self.link.state is State.GONE:
            return
        self._ended = (code, reason)
        if self.record is not None and self.reporter is not None:
            self.reporter.cut(self.record, code, reason)
        self._gone(SLOW)
        if not self.link.abort():
            self.block.end()

    # What its link calls --------------------------------

    def moved(self) -> None:
        """Note that messages have to wait for it from now on, or no longer."""
        self.hub.moved(self)

    def stalled(self) -> bool:
        """Whether it has taken nothing for too long (`Limits.stalled_seconds`)."""
        return self.link.stalled(int(self.hub.limits.stalled_seconds * 1e9))

    def queued(self, size: int) -> None:
        """Note how many bytes wait for it."""
        self.hub.queued(size)

    def lost(self) -> None:
        """Note that the connection has ended."""
        self._gone(CLOSED)

    # What the hub calls --------------------------------

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

    async def release(self) -> None:
        """Let go of everything, at the end of the handler's block; a close that is under way is waited for."""
        if self.link.state is State.CLOSING:
            await self.link.closed.wait()
        self.lost()

    def _check(self, received: str | bytes) -> None:
        limits = self.hub.limits
        if (size := size_of(received)) > limits.message_bytes:
            self.close(*close_for(MessageTooLargeError(size, limits.message_bytes)))
            raise ClientGoneError(*self._ended)
        now = self.hub.clock.monotonic()
        rates = {"connection": self._rate}
        if self.quota is not None:
            rates["user"] = self.quota.rate
        for what, rate in rates.items():
            if not rate.take(now):
                self.close(POLICY_VIOLATION, f"more than {rate.rate:g} messages a second ({what})")
                raise ClientGoneError(*self._ended)

    def _gone(self, reason: int) -> None:
        for timer in (self._close_timer, self._expiry_timer):
            if timer is not None:
                timer.cancel()
        self.hub.leave_all(self)
        self.link.end(reason)
