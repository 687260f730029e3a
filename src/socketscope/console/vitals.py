"""The few numbers that a notification tells of the fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from socketscope import semconv
from socketscope.console.freshness import Freshness
from socketscope.console.system import read_system
from socketscope.query.model import Query

if TYPE_CHECKING:
    from socketscope.backends.base import Metrics

BACK: Final = 600.0
"""Seconds after which a process that is silent is not looked for any more."""
DAY: Final = 86_400.0


class Vitals:
    """Reads them from any backend."""

    def __init__(self, metrics: Metrics, *, export_interval: float | None = None) -> None:
        self._metrics = metrics
        self._freshness = Freshness(metrics, export_interval=export_interval)

    async def read(self, at: float) -> Mapping[str, float | None]:
        """Return them by the names of the REST API: `errors` are those of the last day; None is not available.

        Raises `BackendError` when the backend can't be asked.
        """
        pulse = await self._freshness.pulse(at, back=BACK)
        system, errors, instances = await asyncio.gather(
            read_system(self._metrics, at=at, window=pulse.stale_after),
            self._metrics.instant(Query(semconv.ERRORS_TOTAL.name, over_time="increase", window=DAY), at=at),
            self._metrics.instances(since=at - pulse.stale_after, until=at),
        )
        starts = [instance.started_at for instance in instances if instance.id in pulse.alive]
        counted = round(sum(sample.value for sample in errors)) if errors or pulse.age is not None else None
        return {
            "current_connections": pulse.connections,
            "cpu_usage": system.cpu_usage if system else None,
            "memory_usage": system.memory_usage if system else None,
            "errors": counted,
            "uptime": at - min(starts) if starts else None,
        }
