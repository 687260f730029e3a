"""The broker of a service that is one process: its memory."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from socketscope.errors import BrokerUnavailableError, ConfigurationError, MessageTooLargeError
from socketscope.hub.brokers.base import STARTED, Health, History, Member, Receiver
from socketscope.hub.brokers.ledger import TopicLedger
from socketscope.hub.message import Delivery, Envelope, Position
from socketscope.hub.options import checked_count
from socketscope.telemetry.broker import BrokerTelemetry, Counters

HISTORY_MESSAGES: Final = 100
HISTORY_BYTES: Final = 1024 * 1024
"""So many messages of a topic are kept, with at most so many bytes of payload: the latest ones."""
IDLE_SECONDS: Final = 300.0
"""How long the history of a topic is kept after its last message or member."""
SWEEP_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Topic:
    epoch: str
    used: float
    offset: int = 0
    history: deque[Delivery] = field(default_factory=deque)
    history_bytes: int = 0
    members: dict[str, Member] = field(default_factory=dict)


class Memory:
    """What brokers of one process share, where a test wants several of them: topics, members and claims.

    Keeps the last `history` messages of each topic, of them those whose payloads have at most `history_bytes` together,
    and nothing of topics that nobody has used for `idle` seconds.
    """

    def __init__(
        self, *, history: int = HISTORY_MESSAGES, history_bytes: int = HISTORY_BYTES, idle: float = IDLE_SECONDS
    ) -> None:
        self.brokers: list[MemoryBroker] = []
        self._kept = history
        self._kept_bytes = history_bytes
        self._idle = idle
        self._topics: dict[str, _Topic] = {}
        self._claimed: dict[str, float] = {}
        self._swept = time.monotonic()

    def append(self, envelope: Envelope) -> Delivery:
        """Give a message its place in its topic."""
        topic = self.topic(envelope.topic)
        topic.offset += 1
        delivery = Delivery(envelope, Position(topic.epoch, topic.offset))
        topic.history.append(delivery)
        topic.history_bytes += len(envelope.payload)
        while len(topic.history) > self._kept or topic.history_bytes > self._kept_bytes:
            topic.history_bytes -= len(topic.history.popleft().envelope.payload)
        return delivery

    def topic(self, name: str) -> _Topic:
        """Give a topic; one that is new begins an epoch."""
        now = time.monotonic()
        self._sweep(now)
        found = self._topics.get(name)
        if found is None:
            found = self._topics[name] = _Topic(secrets.token_hex(8), now)
        found.used = now
        return found

    def claim(self, key: str, ttl: float) -> bool:
        """Whether nobody has claimed `key` yet."""
        now = time.monotonic()
        self._sweep(now)
        if self._claimed.get(key, 0.0) > now:
            return False
        self._claimed[key] = now + ttl
        return True

    def _sweep(self, now: float) -> None:
        if now - self._swept < SWEEP_SECONDS:
            return
        self._swept = now
        subscribed = {name for broker in self.brokers for name in broker.subscribed}
        idle = [
            name
            for name, topic in self._topics.items()
            if now - topic.used > self._idle and not topic.members and name not in subscribed
        ]
        for name in idle:
            del self._topics[name]
        self._claimed = {name: expires for name, expires in self._claimed.items() if expires > now}


class MemoryBroker:
    """Hands each message over at once, within its `publish`. `message_bytes` is the size of the largest one.

    A topic's history is its last 100 messages, with 1 MiB of payload at most, until nobody has used it for 5 minutes
    (`HISTORY_MESSAGES`, `HISTORY_BYTES`, `IDLE_SECONDS`).

    Brokers over the same `memory` reach one another, as those of several processes do. Raises `ConfigurationError`.
    """

    system = "memory"

    def __init__(self, memory: Memory | None = None, *, message_bytes: int = 1024 * 1024) -> None:
        if memory is not None and not isinstance(memory, Memory):
            raise ConfigurationError("MemoryBroker(memory)", memory, "a Memory that brokers share, or nothing")
        checked_count("MemoryBroker(message_bytes)", message_bytes)
        self.telemetry = BrokerTelemetry()
        self.subscribed: set[str] = set()
        self._memory = memory or Memory()
        self._message_bytes = message_bytes
        self._ledger = TopicLedger(self.telemetry.counters)
        self._entered: set[tuple[str, str]] = set()
        self._receiver: Receiver | None = None
        self._since = time.monotonic()

    async def start(self, receiver: Receiver) -> None:
        """Begin; raises RuntimeError where it has begun."""
        if self._receiver is not None:
            raise RuntimeError(STARTED)
        self._receiver = receiver
        self._since = time.monotonic()
        self._memory.brokers.append(self)

    async def stop(self) -> None:
        """End; the history stays for a hub that starts again with this broker."""
        if self._receiver is None:
            return
        self._receiver = None
        self._since = time.monotonic()
        self._memory.brokers.remove(self)
        for topic in list(self.subscribed):
            await self.unsubscribe(topic)
        for topic, connection in list(self._entered):
            self.leave(topic, connection)

    async def publish(self, envelope: Envelope) -> Position:
        """Hand a message to all hubs at once."""
        self._require_started()
        if len(envelope.payload) > self._message_bytes:
            raise MessageTooLargeError(len(envelope.payload), self._message_bytes)
        delivery = self._memory.append(envelope)
        self._ledger.published(envelope.topic)
        for broker in list(self._memory.brokers):
            broker.take(delivery)
        return delivery.position

    def take(self, delivery: Delivery) -> None:
        """Receive a message, if its topic is subscribed."""
        if self._receiver is None or delivery.envelope.topic not in self.subscribed:
            return
        self._ledger.received(delivery.envelope.topic)
        self._receiver.received(delivery)

    async def subscribe(self, topic: str) -> Position:
        """Receive a topic."""
        self._require_started()
        self.subscribed.add(topic)
        self._ledger.open(topic)
        found = self._memory.topic(topic)
        return Position(found.epoch, found.offset)

    async def unsubscribe(self, topic: str) -> None:
        """Receive it no longer."""
        self.subscribed.discard(topic)
        self._ledger.close(topic)

    async def history(self, topic: str, after: Position) -> History:
        """Give what came after a position."""
        self._require_started()
        found = self._memory.topic(topic)
        position = Position(found.epoch, found.offset)
        kept = [delivery._replace(recovered=True) for delivery in found.history]
        if after.epoch != found.epoch or after.offset > found.offset:
            return History(kept, complete=False, position=position)
        missed = [delivery for delivery in kept if delivery.position.offset > after.offset]
        return History(missed, complete=len(missed) == found.offset - after.offset, position=position)

    def enter(self, topic: str, member: Member) -> None:
        """Make a member present."""
        self._memory.topic(topic).members[member.connection] = member
        self._entered.add((topic, member.connection))

    def leave(self, topic: str, connection: str) -> None:
        """End a member's presence."""
        self._memory.topic(topic).members.pop(connection, None)
        self._entered.discard((topic, connection))

    async def members(self, topic: str) -> list[Member]:
        """Give who is present."""
        self._require_started()
        return list(self._memory.topic(topic).members.values())

    async def claim(self, key: str, ttl: float) -> bool:
        """Whether this is the first claim of `key`."""
        self._require_started()
        return self._memory.claim(key, ttl)

    def ledger(self) -> Mapping[str, Counters]:
        """Give the counts by topic."""
        return self._ledger.topics()

    @property
    def health(self) -> Health:
        """Memory is there while the process is."""
        return Health(self._receiver is not None, 0.0, self._since)

    def _require_started(self) -> None:
        if self._receiver is None:
            raise BrokerUnavailableError(self.system, "it is not started")
