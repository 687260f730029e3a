"""The points of the line chart, from the backend: a reload of the page loses none."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from socketscope import semconv
from socketscope.backends.hosts import Reading, cpu_percent, cpu_query, memory_percent, memory_query
from socketscope.console.fleet import RATE_WINDOW
from socketscope.console.moments import to_datetime
from socketscope.monitoring.schemas import History, HistoryPoint
from socketscope.query.model import Query

if TYPE_CHECKING:
    from socketscope.backends.base import Metrics, Series

MOST_POINTS: Final = 600
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300)


def step_for(seconds: float) -> float:
    """Return the shortest round step that draws `seconds` with at most `MOST_POINTS` points."""
    return next((step for step in _STEPS if seconds / step <= MOST_POINTS), math.ceil(seconds / MOST_POINTS))


async def read_history(metrics: Metrics, *, at: float, seconds: float, step: float, stale_after: float) -> History:
    """Return the points of the last `seconds` before `at`, at multiples of `step`, so that a reload finds the same.

    A report stands for at most `stale_after` seconds; where there was none the values are None.
    Raises `BackendError` when the backend can't be asked.
    """
    end = at - at % step
    count = max(1, math.ceil(seconds / step))
    start = end - (count - 1) * step
    stands = max(stale_after, step)

    async def ask(query: Query) -> Sequence[Series]:
        return await metrics.range(query, start=start, end=end, step=step)

    connections, rates, cpu, memory = await asyncio.gather(
        ask(Query(semconv.ACTIVE_CONNECTIONS.name, window=stands)),
        ask(Query(semconv.MESSAGES.name, over_time="rate", window=max(RATE_WINDOW, stands))),
        ask(cpu_query(stands)),
        ask(memory_query(stands)),
    )
    connections_at = _line(connections, count, _sum)
    rate_at = _line(rates, count, _sum)
    cpu_at = _line(cpu, count, cpu_percent)
    memory_at = _line(memory, count, memory_percent)
    points = [
        HistoryPoint(
            timestamp=to_datetime(start + index * step),
            current_connections=connections_at[index],
            # A service that reports and has no counter of messages yet had none.
            messages_per_second=None if connections_at[index] is None else rate_at[index] or 0.0,
            cpu_usage=cpu_at[index],
            memory_usage=memory_at[index],
        )
        for index in range(count)
    ]
    return History(step=step, points=points)


def _sum(readings: Iterable[Reading]) -> float | None:
    values = [value for _, value in readings]
    return sum(values) if values else None


def _line(
    series: Sequence[Series], count: int, combine: Callable[[Iterable[Reading]], float | None]
) -> list[float | None]:
    # The points of all series at one moment become one.
    readings: list[list[Reading]] = [[] for _ in range(count)]
    for line in series:
        for index, (_, value) in enumerate(line.points[:count]):
            if value is not None:
                readings[index].append((line.labels, value))
    return [combine(reading) for reading in readings]
