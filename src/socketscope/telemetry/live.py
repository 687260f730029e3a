"""The table of live connections of a process, and the ring of those that closed lately."""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

from socketscope.telemetry.connections import Where
from socketscope.telemetry.record import ConnectionRecord


class LiveTable:
    """Connections between accept and end, by id: what the gauge of open connections is checked against."""

    def __init__(self) -> None:
        self._records: dict[str, ConnectionRecord] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, record: ConnectionRecord) -> None:
        """Enter an accepted connection."""
        self._records[record.id] = record

    def remove(self, record: ConnectionRecord) -> bool:
        """Take a connection out; False where it was not in."""
        return self._records.pop(record.id, None) is not None

    def records(self) -> list[ConnectionRecord]:
        """Give the live connections at this moment, oldest first; safe from any thread."""
        return list(self._records.values())

    def count_by_place(self) -> Counter[Where]:
        """Give how many are open at each place."""
        return Counter(record.where for record in self.records())


class ClosedConnection(NamedTuple):
    """One connection that has ended: wall-clock nanoseconds of both ends, and what it did."""

    opened_wall: int
    closed_wall: int
    duration: float
    channels: tuple[str, ...]
    user_hash: str | None
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    lost: bool
    failed: bool


class ClosedRing:
    """Connections that closed within `seconds`, at most `limit` of them. It was made at `since_wall`."""

    def __init__(self, *, since_wall: int, seconds: float = 86_400, limit: int = 20_000) -> None:
        self._span_ns = int(seconds * 1e9)
        self._limit = limit
        self._ring: deque[ClosedConnection] = deque()
        self.complete_since = since_wall
        """Everything that closed after this moment (wall clock, nanoseconds) is still in the ring."""

    def add(self, record: ConnectionRecord, *, now_wall: int, duration: float) -> None:
        """Enter a connection that just ended; the oldest leave."""
        self._ring.append(
            ClosedConnection(
                record.accepted_wall,
                now_wall,
                duration,
                tuple(record.channels),
                record.user_hash,
                record.messages_received,
                record.messages_sent,
                record.bytes_received,
                record.bytes_sent,
                record.lost,
                bool(record.error_type),
            )
        )
        while len(self._ring) > self._limit or self._ring[0].closed_wall < now_wall - self._span_ns:
            self.complete_since = self._ring.popleft().closed_wall

    def since(self, wall: int) -> list[ClosedConnection]:
        """Give those that were open at `wall` or later; safe from any thread."""
        return [closed for closed in list(self._ring) if closed.closed_wall >= wall]
