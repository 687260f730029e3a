"""The hub: clients, their channels, and the broker that joins it to the hubs of other processes."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

from socketscope.errors import (
    ClientGoneError,
    ConfigurationError,
    LimitExceededError,
    MessageTooLargeError,
    RefusedError,
)
from socketscope.hub.access import Access, Identity
from socketscope.hub.admission import Admission, close_for
from socketscope.hub.asgi import Carriers
from socketscope.hub.brokers.base import Broker, Member
from socketscope.hub.brokers.memory import MemoryBroker
from socketscope.hub.channels import USER_CHANNEL, Channels
from socketscope.hub.client import Client
from socketscope.hub.closing import POLICY_VIOLATION, checked_close
from socketscope.hub.message import (
    Delivery,
    Envelope,
    Kind,
    Position,
    channel_topic,
    checked_key,
    checked_name,
    user_topic,
)
from socketscope.hub.options import ChannelOptions, Limits, checked_number
from socketscope.hub.outgoing import payload
from socketscope.hub.patrol import patrol
from socketscope.hub.quota import Users
from socketscope.hub.resume import Joined
from socketscope.hub.sockets import socket_of, taken
from socketscope.instrumentation.connection import SERVICE_RESTART
from socketscope.telemetry.ledger import Ledger
from socketscope.telemetry.process import Telemetry, process_telemetry

Message = str | bytes | Mapping[str, Any] | list[Any] | int | float | bool | None
"""`str` goes out as a text message, `bytes` as a binary one, everything else as JSON in a text message."""

_logger = logging.getLogger(__name__)

DIRECT_CHANNEL = "_direct"
"""Name on metrics of what is sent to one client."""


class Hub:
    """Channels of one service: enter it once for each process, in the application's lifespan.

    * `broker`: joins the processes of a service; without one this process is alone.
    * `channels`: options of channels by the pattern of their names (`*`, `?`), the first that matches; the rest, and
      what is published to users, have the default ones.
    * `limits`: of each client and user.
    * `access`: who may connect, join and publish.
    * `reconnect_seconds`: when the hub ends, clients are told to come back after a random part of this time.
    * `audit_seconds`: so often the ledger is compared with the queues, and a difference logged; 0: never.
    * `telemetry`: for tests; otherwise the one of the process.

    It belongs to the event loop in which it is entered: before that, and elsewhere (in a thread for example), its
    methods and those of its clients raise RuntimeError. Raises `ConfigurationError`.
    """

    def __init__(
        self,
        broker: Broker | None = None,
        *,
        channels: Mapping[str, ChannelOptions] | None = None,
        limits: Limits | None = None,
        access: Access | None = None,
        reconnect_seconds: float = 5.0,
        audit_seconds: float = 0.0,
        telemetry: Telemetry | None = None,
    ) -> None:
        if broker is not None and not isinstance(broker, Broker):
            # Its type alone: a URL may have a password.
            raise ConfigurationError("Hub(broker)", type(broker), "a broker, such as RedisBroker(url)")
        if limits is not None and not isinstance(limits, Limits):
            raise ConfigurationError("Hub(limits)", limits, "Limits")
        if access is not None and not isinstance(access, Access):
            raise ConfigurationError("Hub(access)", access, "an Access")
        if telemetry is not None and not isinstance(telemetry, Telemetry):
            raise ConfigurationError("Hub(telemetry)", telemetry, "a Telemetry; leave it out for the process's own")
        checked_number("Hub(reconnect_seconds)", reconnect_seconds)
        checked_number("Hub(audit_seconds)", audit_seconds)
        self.id = secrets.token_hex(8)
        self.broker: Broker = MemoryBroker() if broker is None else broker
        self.limits = limits or Limits()
        self.access = access or Access()
        self.telemetry = telemetry or process_telemetry()
        self.clock = self.telemetry.clock
        self.clients: dict[str, Client] = {}
        self.users = Users(self.limits)
        self._admission = Admission(
            self.access,
            message_bytes=self.limits.message_bytes,
            advice=lambda: self.advice() if self.draining else None,
            wall=self.clock.wall,
        )
        self.draining = False
        self._reconnect_seconds = reconnect_seconds
        self._audit_seconds = audit_seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        """In which it is entered; None while it is not."""
        self._patrol: asyncio.Task[None] | None = None
        accumulators = self.telemetry.accumulators
        self.direct = accumulators.ledgers.open(accumulators.channel(DIRECT_CHANNEL))
        """Ledger of what is sent to single clients."""
        self.carriers = Carriers()
        self._channels = Channels(self.broker, {} if channels is None else channels, self.telemetry)
        self._behind: dict[Client, None] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin. Raises `BrokerUnavailableError`, and RuntimeError where it has begun already."""
        if self._loop is not None:
            raise RuntimeError("this hub is entered already: enter it once for each process, in the lifespan")
        self._loop = asyncio.get_running_loop()
        try:
            await self.broker.start(self)
        except BaseException:
            self._loop = None
            raise
        self.telemetry.accumulators.brokers.add(self.broker.system, self.broker.telemetry)
        self.carriers = Carriers()
        self.draining = False
        self._patrol = asyncio.create_task(
            patrol(
                lambda: self._behind,
                self.check,
                stalled_seconds=self.limits.stalled_seconds,
                audit_seconds=self._audit_seconds,
            )
        )

    async def drain(self) -> None:
        """Take no one in any more, and close every connection (1012) with the advice when to come back.

        Returns once all that waited was sent, after `Limits.close_seconds` at the latest. Part of `stop`; to be called
        earlier where a server closes the connections itself before it ends the application's lifespan, as uvicorn does
        without our protocol, and hypercorn (1011): in its `shutdown_trigger`.
        """
        if self._loop is None:  # nobody is in
            return
        self.require_loop()
        self.draining = True
        clients = list(self.clients.values())
        for client in clients:
            client.close(SERVICE_RESTART, self.advice())
        for client in clients:
            await client.link.closed.wait()

    async def stop(self) -> None:
        """Drain, and end."""
        await self.drain()
        if self._patrol is not None:
            self._patrol.cancel()
            await asyncio.wait((self._patrol,))
            self._patrol = None
        await self._channels.closed()
        await self.carriers.stop()
        await self.broker.stop()
        self._loop = None

    # What applications call --------------------------------

    @asynccontextmanager
    async def connect(
        self, socket: Any, *, user: str | None = None, expires: float | None = None
    ) -> AsyncIterator[Client]:
        """Take a connection in, and accept it where that is not done.

        `socket` is a WebSocket of Starlette, FastAPI or Litestar, or `(scope, receive, send)`. `user` and `expires`
        say who it is (see `Identity`) where the application knows it already and no hook of `Access` does.

        Raises `RefusedError` where the hooks refuse; the connection is closed then. One that leaves the block closes
        the connection, too: it may be a `LimitExceededError`, a `MessageTooLargeError` or an `InvalidValueError`.
        `ClientGoneError` just ends the block, but is raised where the client left before it began. RuntimeError where
        the connection is in a hub already, this one or another.
        """
        self.require_loop()
        found = socket_of(socket)
        with taken(found):
            client = Client(self, found, await self._admission.admit(found, Identity(user, expires)))
            self.clients[client.id] = client
            self.moved(client)
            try:
                if client.user is not None:
                    client.identify(client.user)
                    client.quota = self.users.add(client.user, client)
                    await self._channels.join(client, user_topic(client.user), client.user, hidden=True)
                with client.block, suppress(ClientGoneError):
                    yield client
                await client.release()
            except RefusedError as error:
                client.close(*close_for(error))
                await client.release()
                raise
            finally:
                client.lost()
                if client.user is not None:
                    self.users.discard(client.user, client)
                del self.clients[client.id]

    async def publish(self, channel: str, message: Message, *, key: str | None = None) -> Position:
        """Publish to everyone in a channel, in all processes; returns where the message stands in it.

        `key`: where the channel's policy is `Coalesce`, it replaces what waits with the same key. Waits for the
        broker, never for a client. Raises `MessageTooLargeError`, `InvalidValueError` for a name, message or key that
        can't be used, TypeError for what JSON does not know, `BrokerUnavailableError`, and RuntimeError before
        the hub is entered and in another event loop or thread than its own.
        """
        return await self._publish(channel_topic(checked_name("channel", channel)), channel, message, checked_key(key))

    async def publish_to_user(self, user: str, message: Message) -> Position:
        """Publish to every connection of a user, in all processes. Raises as `publish`."""
        return await self._publish(user_topic(checked_name("user", user)), USER_CHANNEL, message, None)

    async def disconnect(self, user: str, code: int = POLICY_VIOLATION, reason: str = "") -> None:
        """Close the connections of a user, in all processes. Raises as `publish`, and ValueError for a bad close."""
        self.require_loop()
        checked_close(code, reason)
        data, _ = payload({"code": code, "reason": reason})
        await self.broker.publish(Envelope(user_topic(checked_name("user", user)), data, "close", publisher=self.id))

    async def presence(self, channel: str) -> list[Member]:
        """Give who is in a channel, in all processes, in the order of their arrival.

        A process that has vanished takes its members along after a while. Raises `BrokerUnavailableError`, and
        RuntimeError as `publish`.
        """
        self.require_loop()
        return await self.broker.members(channel_topic(checked_name("channel", channel)))

    def subscribers(self, channel: str) -> int:
        """Give how many connections of this process are in a channel."""
        found = self._channels.by_topic.get(channel_topic(channel))
        return len(found) if found is not None else 0

    def check(self) -> None:
        """Compare the ledgers with the queues. Raises AssertionError where they differ: a mistake of the hub's."""
        pending: Counter[Ledger] = Counter()
        for client in self.clients.values():  # also of those that are being closed, which are in no channel any more
            pending.update(lane.ledger for lane in client.link.outbox.pending())
        for ledger in {self.direct, *pending, *(channel.ledger for channel in self._channels.by_topic.values())}:
            counts = ledger.counts
            if counts.balance or counts.pending != pending[ledger]:
                raise AssertionError(f"{ledger.name}: {counts}, and {pending[ledger]} wait")

    # What clients call --------------------------------

    def require_loop(self) -> None:
        """Raise RuntimeError before the hub is entered, and in another event loop or thread than it was entered in."""
        if self._loop is None:
            if not self.draining:  # as a hub is that has been left
                raise RuntimeError(
                    "the hub is not entered: enter it (`async with hub`) in the application's lifespan, the outermost "
                    "application's, since servers do not run that of a mounted one"
                )
        # asyncio's queues, locks and transports are not safe there, and break without a word.
        elif self._loop is not _running_loop():
            raise RuntimeError(
                "the hub was entered in another event loop or thread: call it from `async def` code there, or from a "
                "thread by asyncio.run_coroutine_threadsafe(hub.publish(...), loop), with the loop that the lifespan "
                "got from asyncio.get_running_loop()"
            )

    async def subscribe(self, client: Client, channel: str, last: Position | None = None) -> Joined:
        """Let a client join a channel."""
        self.require_loop()
        topic = channel_topic(checked_name("channel", channel))
        await self.access.may_subscribe(client, channel)
        if topic in client.subscriptions:
            return await self._channels.join(client, topic, channel, last)
        if client.channel_count >= self.limits.channels:
            raise LimitExceededError("channels", self.limits.channels)
        if client.quota is not None and client.quota.channels >= self.limits.user_channels:
            raise LimitExceededError("user_channels", self.limits.user_channels)
        client.joining += 1
        try:
            return await self._channels.join(client, topic, channel, last)
        finally:
            client.joining -= 1

    def unsubscribe(self, client: Client, channel: str) -> None:
        """Let a client leave a channel."""
        self.require_loop()
        self._channels.leave(client, channel_topic(channel))

    def leave_all(self, client: Client) -> None:
        """Take a client out of everything."""
        self._behind.pop(client, None)
        for topic in list(client.subscriptions):
            self._channels.leave(client, topic)

    def moved(self, client: Client) -> None:
        """Note that a client fell behind, or caught up."""
        for subscription in client.subscriptions.values():
            subscription.channel.moved(subscription)
        if client.link.behind:
            self._behind[client] = None
        else:
            self._behind.pop(client, None)

    def queued(self, size: int) -> None:
        """Note how many bytes wait for a client that has just been given one message more."""
        self.telemetry.accumulators.queues.add(size)

    def advice(self) -> str:
        """Give the reason of the close frame at a shutdown: after how many seconds to come back, for each another."""
        # All at once would be a storm on those processes that are left.
        return f"retry-after={secrets.randbelow(1000) / 1000 * self._reconnect_seconds:.2f}"

    def payload(self, message: Message) -> tuple[bytes, Kind]:
        """Give the bytes and kind of a message. Raises `MessageTooLargeError`, and as `outgoing.payload`."""
        data, kind = payload(message)
        if len(data) > self.limits.message_bytes:
            raise MessageTooLargeError(len(data), self.limits.message_bytes)
        return data, kind

    # What the broker calls --------------------------------

    def received(self, delivery: Delivery) -> None:
        """Deliver a message to everyone here whom it is for."""
        envelope = delivery.envelope
        channel = self._channels.by_topic.get(envelope.topic)
        if channel is None:
            return
        if envelope.kind == "close":
            try:
                told = json.loads(envelope.payload)
                code, reason = told["code"], told["reason"]
                checked_close(code, reason)
            except (ValueError, KeyError, TypeError, AttributeError):
                _logger.warning("what %s published on %s can't be read", envelope.publisher, envelope.topic)
                return
            for client in [client for client in self.clients.values() if envelope.topic in client.subscriptions]:
                client.close(code, reason)
            return
        channel.deliver(delivery)

    def lost(self, topic: str, count: int) -> None:
        """Note that messages of a topic are gone."""
        _logger.warning("%d messages of %s were lost between the broker and this process", count, topic)

    # --------------------------------

    async def _publish(self, topic: str, name: str, message: Message, key: str | None) -> Position:
        self.require_loop()
        data, kind = self.payload(message)
        traffic = self.telemetry.accumulators.own_channel(name)
        position = await self.broker.publish(Envelope(topic, data, kind, key, self.id))
        traffic.messages[0] += 1
        traffic.bytes[0] += len(data)
        return position


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # a thread without one
        return None
