"""What one process knows of its own connections, in the shapes of the REST answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from socketscope.monitoring.schemas import Connection, Connections, Health, Metrics, Stats
from socketscope.monitoring.system import REASON, system_metrics
from socketscope.telemetry.live import ClosedConnection
from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.record import ConnectionRecord

DAY = 24.0


class _Sample(NamedTuple):
    at: int
    messages: int


STATS_AGE = 10.0
"""Seconds for which `metrics` uses the same peak, users and channels: they are counted over a whole day."""
DRIFT_SECONDS = 300.0
"""How long a drift of the gauge makes the service unhealthy."""


class OwnService:
    """Answers from the accumulators, the live table and the ring of closed connections of `telemetry`.

    Safe from any thread, and meant for one that is not the event loop's: a full ring takes tens of milliseconds.
    """

    def __init__(self, telemetry: Telemetry, *, connections_maximum: int = 1000) -> None:
        self._telemetry = telemetry
        self._connections_maximum = connections_maximum
        self._samples: deque[_Sample] = deque(maxlen=11)
        self._system = system_metrics()
        self._day: tuple[int, Stats] | None = None
        self._drift = (telemetry.clock.monotonic(), telemetry.accumulators.connections.drift)

    def metrics(self) -> Metrics:
        """Answer `GET /metrics`."""
        telemetry, accumulators = self._telemetry, self._telemetry.settled()
        flows = list(accumulators.flows())
        sent, received = (
            [(text + binary, size) for _, direction, text, binary, size in flows if direction == wanted]
            for wanted in ("transmit", "receive")
        )
        closed, handshakes = accumulators.connections.closed(), accumulators.connections.handshakes()
        with accumulators.lock:
            errors = sum(accumulators.errors.values())
        live = telemetry.live.records()
        now = datetime.now(UTC)
        stats = self._stats_of_the_day()
        return Metrics(
            current_connections=len(live),
            connections_by_channel=_by_channel(live),
            messages_sent=sum(count for count, _ in sent),
            messages_received=sum(count for count, _ in received),
            bytes_sent=sum(size for _, size in sent),
            bytes_received=sum(size for _, size in received),
            errors=errors,
            uptime=(telemetry.clock.wall() - accumulators.start_ns) / 1e9,
            timestamp=now,
            system_metrics=self._system,
            system_metrics_reason=None if self._system else REASON,
            connections_accepted=sum(n for (_, outcome, _), n in handshakes.items() if outcome == "accepted"),
            connections_denied=sum(n for (_, outcome, _), n in handshakes.items() if outcome == "denied"),
            connections_lost=sum(n for (_, _, initiator, _), n in closed.items() if initiator == "network"),
            connections_failed=sum(n for (_, _, _, error), n in closed.items() if error),
            peak_connections=stats.peak_connections,
            unique_users=stats.unique_users,
            channels=stats.unique_channels,
            messages_per_second=self._rate(),
            connections_maximum=self._connections_maximum,
            age=0.0,
        )

    async def sample_for_ever(self) -> None:
        """Call `sample` once a second."""
        while True:
            self.sample()
            await asyncio.sleep(1)

    def sample(self) -> None:
        """Note the message counts, so that a rate can be told: of the last ten calls; measure the system."""
        # Here and nowhere else: psutil's CPU is the mean since its last call, whoever made that.
        self._system = system_metrics()
        messages = sum(text + binary for _, _, text, binary, _ in self._telemetry.settled().flows())
        self._samples.append(_Sample(self._telemetry.clock.monotonic(), messages))

    def connections(self, limit: int, offset: int) -> Connections:
        """Answer `GET /connections`: newest first."""
        live = self._telemetry.live.records()
        page = live[::-1][offset : offset + limit]
        now = self._telemetry.clock.monotonic()
        return Connections(
            active_connections=[_connection(record, now) for record in page],
            total_active=len(live),
            limit=limit,
            offset=offset,
        )

    def stats(self, hours: float) -> Stats:
        """Answer `GET /stats/{hours}`: from the ring of closed connections (24 h, bounded) and the live table."""
        telemetry = self._telemetry
        now = telemetry.clock.wall()
        since = now - int(hours * 3600e9)
        ring = telemetry.ring
        closed = ring.since(since) if ring is not None else []
        live = telemetry.live.records()
        opened = [found for found in closed if found.opened_wall >= since]
        still_open = [record for record in live if record.accepted_wall >= since]
        everybody: list[ClosedConnection | ConnectionRecord] = [*closed, *live]
        users = {found.user_hash for found in everybody}
        return Stats(
            hours=hours,
            total_connections=len(opened) + len(still_open),
            closed_connections=len(closed),
            open_connections=len(still_open),
            connections_lost=sum(found.lost for found in closed),
            connections_failed=sum(found.failed for found in closed),
            avg_duration=sum(found.duration for found in closed) / len(closed) if closed else None,
            unique_channels=len({channel for found in everybody for channel in found.channels}),
            unique_users=len(users - {None}),
            peak_connections=_peak(closed, live, since),
            messages_received=sum(found.messages_received for found in everybody),
            messages_sent=sum(found.messages_sent for found in everybody),
            bytes_received=sum(found.bytes_received for found in everybody),
            bytes_sent=sum(found.bytes_sent for found in everybody),
            complete=ring is not None and ring.complete_since <= max(since, telemetry.measured_since),
        )

    def health(self) -> Health:
        """Answer `GET /health`: unhealthy where the gauge of open connections had to be corrected."""
        now, drift = self._telemetry.clock.monotonic(), self._telemetry.accumulators.connections.drift
        seen_at, seen = self._drift
        if drift == seen or now - seen_at > DRIFT_SECONDS * 1e9:
            self._drift = (now, drift)
        off = drift - seen
        reasons = [f"the gauge of open connections was off by {off} and was corrected"] if off else []
        return Health(
            status="unhealthy" if reasons else "healthy",
            timestamp=datetime.now(UTC),
            reasons=reasons,
            metrics=self.metrics(),
        )

    def _stats_of_the_day(self) -> Stats:
        now = self._telemetry.clock.monotonic()
        if self._day is None or now - self._day[0] > STATS_AGE * 1e9:
            self._day = (now, self.stats(DAY))
        return self._day[1]

    def _rate(self) -> float | None:
        samples = list(self._samples)
        if len(samples) < 2 or samples[-1].at == samples[0].at:
            return None
        first, last = samples[0], samples[-1]
        return (last.messages - first.messages) / ((last.at - first.at) / 1e9)


def _by_channel(live: Iterable[ConnectionRecord]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in live:
        for channel in record.channels:
            counts[channel] = counts.get(channel, 0) + 1
    return counts


def _peak(closed: Iterable[ClosedConnection], live: Iterable[ConnectionRecord], since: int) -> int:
    """Give the most that were open at one time: exact, from both ends of every connection."""
    steps = [(max(found.opened_wall, since), 1) for found in closed]
    steps += [(found.closed_wall, -1) for found in closed]
    steps += [(max(record.accepted_wall, since), 1) for record in live]
    peak = current = 0
    for _, change in sorted(steps):  # at the same moment the one that leaves leaves first
        current += change
        peak = max(peak, current)
    return peak


def _connection(record: ConnectionRecord, now: int) -> Connection:
    connected_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=record.accepted_wall // 1000)
    return Connection(
        id=record.id,
        route=record.route,
        channels=sorted(record.channels),
        user_hash=record.user_hash,
        connected_at=connected_at,
        duration=(now - record.accepted_at) / 1e9,
        remote_addr=record.client_address,
        user_agent=record.user_agent,
        messages_received=record.messages_received,
        messages_sent=record.messages_sent,
        bytes_received=record.bytes_received,
        bytes_sent=record.bytes_sent,
    )
