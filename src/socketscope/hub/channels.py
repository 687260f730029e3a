"""The channels of one process: opened at the first member, closed after the last."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from socketscope.errors import BrokerUnavailableError, ClientGoneError, ConfigurationError
from socketscope.hub.brokers.base import Broker, Member
from socketscope.hub.channel import Channel
from socketscope.hub.message import Position
from socketscope.hub.options import ChannelOptions
from socketscope.hub.resume import Joined, read_missed
from socketscope.hub.subscription import Subscription
from socketscope.telemetry.process import Telemetry

if TYPE_CHECKING:
    from socketscope.hub.asgi import Carriers
    from socketscope.hub.client import Client

HOST = socket.gethostname()
USER_CHANNEL = "_user"
"""Name on metrics of what is published to users."""


class Channels:
    """Lets clients join and leave; the broker is listened to for as long as a channel has members.

    `options` of channels by the pattern of their names, the first that matches; the rest, and the topics of users, have
    the default ones. Raises `ConfigurationError` where they are something else.
    """

    def __init__(self, broker: Broker, options: Mapping[str, ChannelOptions], telemetry: Telemetry) -> None:
        if not isinstance(options, Mapping):
            raise ConfigurationError("Hub(channels)", options, "options by pattern: {'room-*': ChannelOptions()}")
        for pattern, found in options.items():
            if not isinstance(pattern, str):
                raise ConfigurationError("Hub(channels)", pattern, "patterns that are str, such as 'room-*'")
            if not isinstance(found, ChannelOptions):
                raise ConfigurationError(f"Hub(channels)[{pattern!r}]", found, "ChannelOptions")
        self.by_topic: dict[str, Channel] = {}
        self._broker = broker
        self._options = dict(options)
        self._accumulators = telemetry.accumulators
        self._clock = telemetry.clock
        self._closing: set[asyncio.Task[None]] = set()

    async def join(
        self, client: Client, topic: str, name: str, last: Position | None = None, *, hidden: bool = False
    ) -> Joined:
        """Let a client join, and send it what came after `last`; `hidden`: it is the topic of its user.

        Raises `ClientGoneError` and `BrokerUnavailableError`; the client is not in the channel then.
        """
        if not client.open:
            raise ClientGoneError(*client.ended)
        channel = self.by_topic.get(topic)
        if channel is None:
            channel = self.by_topic[topic] = self._open(topic, name, client.hub.carriers, hidden=hidden)
        known = client.subscriptions.get(topic)
        if known is not None:
            return _in_already(channel, last)
        channel.members += 1
        try:
            await self._listen(channel)
            missed = None if last is None else await read_missed(self._broker, channel, last)
        except BaseException:
            self._left(channel)
            raise
        if not client.open or topic in client.subscriptions:  # it left, or joined twice, meanwhile
            self._left(channel)
            if not client.open:
                raise ClientGoneError(*client.ended)
            return _in_already(channel, last)
        subscription = client.subscriptions[topic] = Subscription(client.link, channel)
        channel.add(subscription)
        if not hidden:
            client.joined(channel.name)
            self._broker.enter(topic, Member(client.id, client.user, HOST, self._clock.wall() / 1e9))
        joined = Joined(channel.position, last is None or missed is not None, len(missed or ()))
        channel.catch_up(missed or (), subscription)
        return joined

    def leave(self, client: Client, topic: str) -> None:
        """Take a client out; nothing where it is not in."""
        subscription = client.subscriptions.pop(topic, None)
        if subscription is None:
            return
        channel = subscription.channel
        channel.discard(subscription)
        if not channel.hidden:
            client.left(channel.name)
            self._broker.leave(topic, client.id)
        self._left(channel)

    async def closed(self) -> None:
        """Wait until every channel that its last member has left is closed."""
        if self._closing:
            await asyncio.wait(self._closing)

    async def _listen(self, channel: Channel) -> None:
        unavailable = channel.unavailable
        async with channel.lock:
            if channel.listening:
                return
            if channel.unavailable is not unavailable and channel.unavailable is not None:
                # While this one waited in line the first had its answer. To ask again would let the tenth wait for ten
                # times the broker's patience.
                raise channel.unavailable
            channel.position = Position("", 0)
            try:
                position = await self._broker.subscribe(channel.topic)
            except BrokerUnavailableError as error:
                channel.unavailable = error
                raise
            if not channel.position.epoch:  # else messages have come already
                channel.stands(position)
            channel.listening, channel.unavailable = True, None

    def _left(self, channel: Channel) -> None:
        channel.members -= 1
        if not channel.members:
            task = asyncio.ensure_future(self._close(channel))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close(self, channel: Channel) -> None:
        async with channel.lock:
            if channel.members:  # somebody came
                return
            if channel.listening:
                channel.listening = False
                await self._broker.unsubscribe(channel.topic)
            if not channel.members and self.by_topic.get(channel.topic) is channel:
                del self.by_topic[channel.topic]
                self._accumulators.ledgers.retire(channel.ledger)

    def _open(self, topic: str, name: str, carriers: Carriers, *, hidden: bool) -> Channel:
        traffic = self._accumulators.own_channel(USER_CHANNEL if hidden else name)
        options = None if hidden else self._options_of(name)
        ledger = self._accumulators.ledgers.open(traffic)
        shared: Any = {"accumulators": self._accumulators, "now": self._clock.monotonic}
        return Channel(topic, name, options or ChannelOptions(), ledger, carriers, hidden=hidden, **shared)

    def _options_of(self, name: str) -> ChannelOptions | None:
        return next((found for pattern, found in self._options.items() if fnmatchcase(name, pattern)), None)


def _in_already(channel: Channel, last: Position | None) -> Joined:
    # It is sent nothing twice, so nothing of what it may have missed before it joined.
    return Joined(channel.position, last is None or last == channel.position)
