"""The numbers of `/monitoring/websocket/metrics`: a whole fleet at one moment."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from socketscope import semconv
from socketscope.console.freshness import Freshness, Pulse
from socketscope.console.moments import to_datetime
from socketscope.console.system import read_system
from socketscope.console.totals import read_totals
from socketscope.monitoring import schemas
from socketscope.query.model import Query

if TYPE_CHECKING:
    from socketscope.backends.base import Connections, ConnectionSummary, Metrics
    from socketscope.console.options import ConsoleOptions

EVERYTHING: Final = 10 * 365 * 86400.0
"""Seconds; longer than any backend keeps data."""

RATE_WINDOW: Final = 10.0

NO_PROCESS = "No service process reports at the moment."
NO_SYSTEM_METRICS = (
    "No service process reports system.* metrics: install 'socketscope[otlp]' there and start it with "
    "`opentelemetry-instrument` or `socketscope run`."
)


class Fleet:
    """Reads the whole fleet from a backend's metrics and connection events.

    All methods raise `BackendError` when the backend can't be asked.
    """

    def __init__(self, metrics: Metrics, connections: Connections, options: ConsoleOptions) -> None:
        self._metrics = metrics
        self._connections = connections
        self._maximum = options.connections_maximum
        self._freshness = Freshness(metrics, export_interval=options.export_interval)

    async def pulse(self, at: float) -> Pulse:
        """Return which processes are alive at `at`."""
        return await self._freshness.pulse(at, back=EVERYTHING)

    async def read(self, *, at: float, since: float | None = None) -> schemas.Metrics:
        """Return all numbers of the moment `at`; counts are those after `since`, by default all that is kept."""
        pulse = await self.pulse(at)
        window = EVERYTHING if since is None else at - since
        totals, rate, channels, summary, system, uptime = await asyncio.gather(
            read_totals(self._metrics, at=at, window=window),
            self._rate(pulse),
            self._channels(pulse),
            self._summary(at, window),
            read_system(self._metrics, at=at, window=pulse.stale_after),
            self._uptime(pulse),
        )
        return schemas.Metrics(
            timestamp=to_datetime(at),
            age=pulse.age,
            stale=pulse.stale,
            instances=len(pulse.alive),
            current_connections=pulse.connections,
            connections_by_channel=channels,
            connections_maximum=self._maximum,
            messages_per_second=rate,
            uptime=uptime,
            unique_users=summary.unique_users if summary else None,
            channels=summary.unique_channels if summary else None,
            system_metrics=system,
            system_metrics_reason=None if system else NO_SYSTEM_METRICS if pulse.alive else NO_PROCESS,
            **asdict(totals),
        )

    async def _rate(self, pulse: Pulse) -> float | None:
        if not pulse.alive:
            return None
        query = Query(semconv.MESSAGES.name, over_time="rate", window=max(RATE_WINDOW, 3 * pulse.interval))
        return sum(sample.value for sample in await self._metrics.instant(query, at=pulse.at))

    async def _channels(self, pulse: Pulse) -> dict[str, int]:
        name = semconv.CHANNEL.name
        query = Query(semconv.CHANNEL_SUBSCRIBERS.name, window=pulse.stale_after, by=(name,))
        samples = await self._metrics.instant(query, at=pulse.at)
        # A channel that everybody left is reported as 0 from then on.
        return {sample.labels[name]: round(sample.value) for sample in samples if sample.value}

    async def _summary(self, at: float, window: float) -> ConnectionSummary | None:
        if not self._connections.capabilities.connections:
            return None
        summary = await self._connections.summary(since=at - window, until=at)
        return summary if summary.opened or summary.closed or summary.still_open else None

    async def _uptime(self, pulse: Pulse) -> float | None:
        if not pulse.alive:
            return None
        instances = await self._metrics.instances(since=pulse.at - pulse.stale_after, until=pulse.at)
        starts = [instance.started_at for instance in instances if instance.id in pulse.alive]
        return pulse.at - min(starts) if starts else None
