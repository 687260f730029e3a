"""The protocol of brokers: how messages travel from the hub of one process to those of all others.

A broker keeps order per topic, hands every message over once (what arrives again inside its history is dropped and
counted as a duplicate), fills gaps from the history, and counts as lost what it can't fill: nothing vanishes unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, runtime_checkable

from socketscope.hub.message import Delivery, Envelope, Position
from socketscope.telemetry.broker import BrokerTelemetry, Counters

STARTED: Final = "this broker is started already: each hub has its own"


class Receiver(Protocol):
    """What a broker calls, in the event loop in which it was started. Neither method waits or raises."""

    def received(self, delivery: Delivery) -> None:
        """Take the next message of a topic that is subscribed."""

    def lost(self, topic: str, count: int) -> None:
        """Note that `count` messages of a topic are gone for good."""


class Health(NamedTuple):
    """`round_trip`: seconds of the last canary, None before one; `since`: monotonic seconds of the last change."""

    connected: bool
    round_trip: float | None
    since: float


@dataclass(frozen=True, slots=True)
class Member:
    """A connection in a channel, as other processes see it; `since` in epoch seconds."""

    connection: str
    user: str | None
    host: str
    since: float


@dataclass(frozen=True, slots=True)
class History:
    """What came after a position, oldest first. Not `complete`: some of it is gone, or the epoch is another one."""

    deliveries: Sequence[Delivery]
    complete: bool
    position: Position
    """Where the topic stands after them."""


@runtime_checkable
class Broker(Protocol):
    """Each hub has its own.

    All methods are called in one event loop. Those that reach out raise `BrokerUnavailableError`.
    """

    system: str
    """`messaging.system` on metrics."""
    telemetry: BrokerTelemetry

    async def start(self, receiver: Receiver) -> None:
        """Connect. Raises `BrokerUnavailableError` where that can't be done soon, and is not started then.

        Raises RuntimeError where it is started: `STARTED`.
        """

    async def stop(self) -> None:
        """Disconnect, and end every task. Nothing is received after it returns."""

    async def publish(self, envelope: Envelope) -> Position:
        """Publish; returns the message's position once the broker has it. Raises `MessageTooLargeError`.

        Messages that are published one after the other arrive everywhere in this order, also where several wait for
        the broker at the same time.
        """

    async def subscribe(self, topic: str) -> Position:
        """Receive a topic from now on; returns where it stands. Called once until `unsubscribe`."""

    async def unsubscribe(self, topic: str) -> None:
        """Receive it no longer."""

    async def history(self, topic: str, after: Position) -> History:
        """Give what came after `after`, as far as it is kept."""

    def enter(self, topic: str, member: Member) -> None:
        """Make a member present until it leaves. What a process entered goes soon after the process has gone."""

    def leave(self, topic: str, connection: str) -> None:
        """End a member's presence."""

    async def members(self, topic: str) -> list[Member]:
        """Give who is present in all processes, in the order of their arrival; this one's by its latest word."""

    async def claim(self, key: str, ttl: float) -> bool:
        """Whether this is the first claim of `key` within `ttl` seconds, in all processes (one-time tickets)."""

    def ledger(self) -> Mapping[str, Counters]:
        """Give the counts by topic: of those that are subscribed, since they are, and those published to of late."""

    @property
    def health(self) -> Health:
        """How the link to the broker is."""
