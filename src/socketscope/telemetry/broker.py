"""What the brokers of a process count: written in the event loop, read by the exporter's thread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import RLock

from socketscope.telemetry.histogram import Durations


@dataclass(slots=True)
class Counters:
    """Messages of this process, of one topic or of all that it ever had.

    The ledger across processes: what all of them published to a topic while this one was subscribed is what it
    `received` (at once), `recovered` (from the history) and `lost`. `received` and `recovered` leave duplicates out;
    `unreadable` are those among the lost that arrived and are no envelope of a version that is known here.
    """

    published: int = 0
    received: int = 0
    recovered: int = 0
    lost: int = 0
    duplicate: int = 0
    unreadable: int = 0

    @property
    def due(self) -> int:
        """What was published for this process, by its own account."""
        return self.received + self.recovered + self.lost

    def outcomes(self) -> Iterator[tuple[str, int]]:
        """Yield the counts by their names on metrics."""
        yield "published", self.published
        yield "delivered", self.received
        yield "recovered", self.recovered
        yield "lost", self.lost
        yield "duplicate", self.duplicate


@dataclass(slots=True)
class BrokerTelemetry:
    """What one broker counts."""

    counters: Counters = field(default_factory=Counters)
    durations: Durations = field(default_factory=Durations)
    """Round trips of canaries."""


class Brokers:
    """The brokers that this process has, or had."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[str, BrokerTelemetry]] = {}
        self._lock = RLock()

    def add(self, system: str, telemetry: BrokerTelemetry) -> None:
        """Count a broker's counts in; twice is once. `system` is its `messaging.system`."""
        with self._lock:
            self._found[id(telemetry)] = (system, telemetry)

    def messages(self) -> dict[tuple[str, str], int]:
        """Give the messages by system and outcome."""
        totals: dict[tuple[str, str], int] = {}
        for system, telemetry in self._all():
            for outcome, count in telemetry.counters.outcomes():
                totals[system, outcome] = totals.get((system, outcome), 0) + count
        return totals

    def round_trips(self) -> dict[str, tuple[list[int], int]]:
        """Give the cells of the durations and their sum (nanoseconds) by system."""
        totals: dict[str, tuple[list[int], int]] = {}
        for system, telemetry in self._all():
            cells, total = list(telemetry.durations.cells), telemetry.durations.total
            known = totals.get(system)
            if known is not None:
                cells = [a + b for a, b in zip(known[0], cells, strict=True)]
                total += known[1]
            totals[system] = (cells, total)
        return totals

    def _all(self) -> list[tuple[str, BrokerTelemetry]]:
        with self._lock:
            return list(self._found.values())
