"""The broker of a service that is one process: its memory."""

from __future__ import annotations

import secrets
import time
from collections import deque
from dataclasses import dataclass, field

from socketscope.hub.brokers.base import BrokerTelemetry, Health, History, Member, Receiver
from socketscope.hub.message import Delivery, Envelope, Position


@dataclass(slots=True)
class _Topic:
    offset: int = 0
    history: deque[Delivery] = field(default_factory=deque)
    members: dict[str, tuple[Member, float]] = field(default_factory=dict)


class MemoryBroker:
    """Keeps the last `history` messages of each topic for those who return."""

    system = "memory"

    def __init__(self, *, history: int = 100) -> None:
        self.telemetry = BrokerTelemetry()
        self._kept = history
        self._epoch = secrets.token_hex(4)
        self._topics: dict[str, _Topic] = {}
        self._subscribed: set[str] = set()
        self._claimed: dict[str, float] = {}
        self._receiver: Receiver | None = None
        self._since = time.monotonic()

    async def start(self, receiver: Receiver) -> None:
        """Begin."""
        self._receiver = receiver
        self._since = time.monotonic()

    async def stop(self) -> None:
        """End; the history stays for a hub that starts again with this broker."""
        self._receiver = None
        self._subscribed.clear()

    async def publish(self, envelope: Envelope) -> Position:
        """Hand a message to the hub at once."""
        topic = self._topics.setdefault(envelope.topic, _Topic())
        topic.offset += 1
        position = Position(self._epoch, topic.offset)
        delivery = Delivery(envelope, position)
        topic.history.append(delivery)
        if len(topic.history) > self._kept:
            topic.history.popleft()
        counters = self.telemetry.counters
        counters.published += 1
        if self._receiver is not None and envelope.topic in self._subscribed:
            counters.received += 1
            self._receiver.received(delivery)
        return position

    async def subscribe(self, topic: str) -> Position:
        """Receive a topic."""
        self._subscribed.add(topic)
        known = self._topics.get(topic)
        return Position(self._epoch, known.offset if known else 0)

    async def unsubscribe(self, topic: str) -> None:
        """Receive it no longer."""
        self._subscribed.discard(topic)

    async def history(self, topic: str, after: Position) -> History:
        """Give what came after a position."""
        known = self._topics.get(topic) or _Topic()
        position = Position(self._epoch, known.offset)
        if after.epoch != self._epoch or after.offset > known.offset:
            return History(tuple(known.history), complete=False, position=position)
        missed = [delivery for delivery in known.history if delivery.position.offset > after.offset]
        return History(missed, complete=len(missed) == known.offset - after.offset, position=position)

    async def enter(self, topic: str, member: Member, ttl: float) -> None:
        """Make a member present."""
        members = self._topics.setdefault(topic, _Topic()).members
        members[member.connection] = (member, time.monotonic() + ttl)

    async def leave(self, topic: str, connection: str) -> None:
        """End a member's presence."""
        if (known := self._topics.get(topic)) is not None:
            known.members.pop(connection, None)

    async def members(self, topic: str) -> list[Member]:
        """Give who is present."""
        now = time.monotonic()
        known = self._topics.get(topic) or _Topic()
        return [member for member, expires in known.members.values() if expires > now]

    async def claim(self, key: str, ttl: float) -> bool:
        """Whether this is the first claim of `key`."""
        now = time.monotonic()
        self._claimed = {name: expires for name, expires in self._claimed.items() if expires > now}
        if key in self._claimed:
            return False
        self._claimed[key] = now + ttl
        return True

    @property
    def health(self) -> Health:
        """Memory is there while the process is."""
        return Health(self._receiver is not None, 0.0, self._since)
