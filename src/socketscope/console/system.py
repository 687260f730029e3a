"""CPU, memory and threads of the fleet from `system.*` and `process.*` metrics."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from socketscope import semconv
from socketscope.console.freshness import INSTANCE
from socketscope.console.moments import to_datetime
from socketscope.monitoring.schemas import SystemMetrics
from socketscope.query.model import Query

if TYPE_CHECKING:
    from socketscope.backends.base import Metrics

HOST: Final = "host.name"
STATE: Final = "state"

Reading = tuple[Mapping[str, str], float]
"""Labels and value of one series at one moment."""


def cpu_query(window: float) -> Query:
    """Mean share of the CPUs in each state, by host, process and state."""
    return Query(semconv.SYSTEM_CPU.name, window=window, across="avg", by=(HOST, INSTANCE, STATE))


def memory_query(window: float) -> Query:
    """Share of the memory in each state, by host, process and state."""
    return Query(semconv.SYSTEM_MEMORY.name, window=window, across="max", by=(HOST, INSTANCE, STATE))


def cpu_percent(readings: Iterable[Reading]) -> float | None:
    """CPU usage of the worst host, 0..100: one minus the share of `idle`.

    A process's first reading is 0 in all states, as nothing was measured yet: it counts for nothing.
    """
    shares = _by_process(readings)
    usages = {who: 1 - states["idle"] for who, states in shares.items() if "idle" in states and any(states.values())}
    return _worst_host(usages)


def memory_percent(readings: Iterable[Reading]) -> float | None:
    """Memory in use on the worst host, 0..100."""
    shares = _by_process(readings)
    return _worst_host({who: states["used"] for who, states in shares.items() if "used" in states})


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


def _by_process(readings: Iterable[Reading]) -> dict[tuple[str, str], dict[str, float]]:
    shares: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for labels, value in readings:
        shares[labels[HOST], labels[INSTANCE]][labels[STATE]] = value
    return shares


def _worst_host(usages: Mapping[tuple[str, str], float]) -> float | None:
    # All processes of a host measure the same host, at their own moments: their mean is the host's usage. Where the
    # host has no name each process speaks for itself.
    hosts: dict[str, list[float]] = defaultdict(list)
    for (host, instance), usage in usages.items():
        hosts[host or instance].append(usage)
    means = [sum(values) / len(values) for values in hosts.values()]
    return round(100 * min(1.0, max(0.0, *means)), 2) if means else None
