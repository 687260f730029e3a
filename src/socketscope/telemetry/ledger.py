"""The ledger of deliveries: of every message that was due to a subscriber, what became of it.

`due = delivered + dropped + pending`, for each channel, at any moment and from any thread: a change replaces the
counts as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import RLock
from typing import Final, NamedTuple

from socketscope.telemetry.traffic import ChannelTraffic

REASONS: Final = ("oldest", "newest", "coalesced", "slow", "closed", "failed")
"""Why a delivery was dropped, the values of `error.type` on `websocket.channel.deliveries`:

* `oldest`, `newest`, `coalesced`: by the policy of the channel, since the client's queue was full;
* `slow`: it waited for a client that was cut off as too slow, or was the one that found its queue full;
* `closed`: it waited for a client that left, or found it leaving;
* `failed`: the server raised when it was sent.
"""
OLDEST, NEWEST, COALESCED, SLOW, CLOSED, FAILED = range(len(REASONS))


class Counts(NamedTuple):
    """Deliveries; `dropped` in the order of `REASONS`."""

    due: int = 0
    delivered: int = 0
    pending: int = 0
    dropped: tuple[int, ...] = (0,) * len(REASONS)

    @property
    def balance(self) -> int:
        """What is not accounted for: 0, or there is a mistake."""
        return self.due - self.delivered - self.pending - sum(self.dropped)

    def plus(self, other: Counts) -> Counts:
        """Add two of them."""
        dropped = tuple(a + b for a, b in zip(self.dropped, other.dropped, strict=True))
        return Counts(self.due + other.due, self.delivered + other.delivered, self.pending + other.pending, dropped)


class Ledger:
    """The counts of one channel in one process; written by the thread of the event loop, read by any.

    `traffic` has the cells of the channel's messages and bytes, under its bounded name.
    """

    __slots__ = ("counts", "traffic")

    def __init__(self, traffic: ChannelTraffic) -> None:
        self.traffic = traffic
        self.counts = Counts()

    @property
    def name(self) -> str:
        """The channel's bounded name."""
        return self.traffic.name

    def delivered(self, count: int, size: int) -> None:
        """Count `count` deliveries of one message of `size` bytes that became due and were done at once."""
        due, delivered, pending, dropped = self.counts
        self.counts = Counts(due + count, delivered + count, pending, dropped)
        self.traffic.messages[1] += count
        self.traffic.bytes[1] += count * size

    def queued(self) -> None:
        """Count a delivery that became due and has to wait."""
        due, delivered, pending, dropped = self.counts
        self.counts = Counts(due + 1, delivered, pending + 1, dropped)

    def settled(self, size: int) -> None:
        """Count a delivery that waited as done."""
        due, delivered, pending, dropped = self.counts
        self.counts = Counts(due, delivered + 1, pending - 1, dropped)
        self.traffic.messages[1] += 1
        self.traffic.bytes[1] += size

    def refused(self, reason: int) -> None:
        """Count a delivery that became due and was dropped at once."""
        due, delivered, pending, dropped = self.counts
        self.counts = Counts(due + 1, delivered, pending, _one_more(dropped, reason))

    def discarded(self, reason: int) -> None:
        """Count a delivery that waited as dropped."""
        due, delivered, pending, dropped = self.counts
        self.counts = Counts(due, delivered, pending - 1, _one_more(dropped, reason))


def _one_more(dropped: tuple[int, ...], reason: int) -> tuple[int, ...]:
    return (*dropped[:reason], dropped[reason] + 1, *dropped[reason + 1 :])


class Ledgers:
    """All ledgers of a process; those of channels that are gone are kept as totals under their bounded names."""

    def __init__(self) -> None:
        self._open: set[Ledger] = set()
        self._retired: set[Ledger] = set()
        self._totals: dict[str, Counts] = {}
        self._lock = RLock()

    def open(self, traffic: ChannelTraffic) -> Ledger:
        """Begin the ledger of a channel."""
        ledger = Ledger(traffic)
        with self._lock:
            self._open.add(ledger)
        return ledger

    def retire(self, ledger: Ledger) -> None:
        """Let a ledger go as soon as nothing of it is pending."""
        with self._lock:
            self._open.discard(ledger)
            self._retired.add(ledger)
            self._fold()

    def totals(self) -> dict[str, Counts]:
        """Give the counts of everything so far, by bounded name."""
        with self._lock:
            self._fold()
            totals = dict(self._totals)
            for ledger in (*self._open, *self._retired):
                totals[ledger.name] = totals.get(ledger.name, Counts()).plus(ledger.counts)
        return totals

    def live(self) -> Iterator[Ledger]:
        """Yield those that still change."""
        with self._lock:
            found = [*self._open, *self._retired]
        yield from found

    def _fold(self) -> None:
        for ledger in [ledger for ledger in self._retired if not ledger.counts.pending]:
            self._retired.discard(ledger)
            self._totals[ledger.name] = self._totals.get(ledger.name, Counts()).plus(ledger.counts)
