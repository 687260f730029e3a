"""CPU, memory and threads of the fleet from `system.*` and `process.*` metrics."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from socketscope import semconv
from socketscope.backends.hosts import cpu_percent, cpu_query, memory_percent, memory_query
from socketscope.console.moments import to_datetime
from socketscope.monitoring.schemas import SystemMetrics
from socketscope.query.model import Query

if TYPE_CHECKING:
    from socketscope.backends.base import Metrics


async def read_system(metrics: Metrics, *, at: float, window: float) -> SystemMetrics | None:
    """Return what the processes measured in the `window` seconds before `at`; None where none measures it.

    Raises `BackendError` when the backend can't be asked.
    """
    cpu, memory, threads = await asyncio.gather(
        metrics.instant(cpu_query(window), at=at),
        metrics.instant(memory_query(window), at=at),
        metrics.instant(Query(semconv.PROCESS_THREADS.name, window=window), at=at),
    )
    if not (cpu or memory or threads):
        return None
    return SystemMetrics(
        cpu_usage=cpu_percent((sample.labels, sample.value) for sample in cpu),
        memory_usage=memory_percent((sample.labels, sample.value) for sample in memory),
        active_threads=round(sum(sample.value for sample in threads)) if threads else None,
        timestamp=to_datetime(max(sample.measured_at for sample in (*cpu, *memory, *threads))),
    )
