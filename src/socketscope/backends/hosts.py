"""CPU and memory of hosts, from what every process measures of the host that it runs on. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from socketscope import semconv
from socketscope.query.model import OverTime, Query
from socketscope.query.naming import INSTANCE_ID

HOST: Final = "host.name"
STATE: Final = "state"

Reading = tuple[Mapping[str, str], float]
"""Labels and value of one series at one moment."""


def cpu_query(window: float, over_time: OverTime = "last") -> Query:
    """Mean share of the CPUs in each state, by host, process and state."""
    by = (HOST, INSTANCE_ID, STATE)
    return Query(semconv.SYSTEM_CPU.name, over_time=over_time, window=window, across="avg", by=by)


def memory_query(window: float) -> Query:
    """Share of the memory in each state, by host, process and state."""
    return Query(semconv.SYSTEM_MEMORY.name, window=window, across="max", by=(HOST, INSTANCE_ID, STATE))


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


def _by_process(readings: Iterable[Reading]) -> dict[tuple[str, str], dict[str, float]]:
    shares: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for labels, value in readings:
        shares[labels[HOST], labels[INSTANCE_ID]][labels[STATE]] = value
    return shares


def _worst_host(usages: Mapping[tuple[str, str], float]) -> float | None:
    # All processes of a host measure the same host, at their own moments: their mean is the host's usage. Where the
    # host has no name each process speaks for itself.
    hosts: dict[str, list[float]] = defaultdict(list)
    for (host, instance), usage in usages.items():
        hosts[host or instance].append(usage)
    means = [sum(values) / len(values) for values in hosts.values()]
    return round(100 * min(1.0, max(0.0, *means)), 2) if means else None
