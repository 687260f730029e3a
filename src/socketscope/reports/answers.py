"""All questions about one period, asked at once, and their answers as they come."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from socketscope import semconv
from socketscope.backends.exports import LOOKBACK, STANDS, Exports, stands
from socketscope.backends.hosts import Reading, cpu_percent, cpu_query
from socketscope.backends.ledger import ConnectionLedger
from socketscope.query.model import OverTime, Query
from socketscope.reports.model import Period

if TYPE_CHECKING:
    from socketscope.backends.base import Connections, Metrics, Sample, Series

HOUR: Final = 3600.0
GRID: Final = 300.0
"""Seconds between the moments at which loads are looked at."""
_AT_ONCE: Final = 4
"""Questions that the backend is asked at the same time."""

Where = Mapping[str, tuple[str, ...]]
_ACCEPTED: Final[Where] = {semconv.HANDSHAKE_OUTCOME.name: ("accepted",)}
_REFUSED: Final[Where] = {semconv.HANDSHAKE_OUTCOME.name: ("denied", "failed", "abandoned")}

Line = Sequence[tuple[float, float | None]]
"""Moments, and values or None where there is no data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What counters counted, by the values of their attributes (empty: a series lacks it)."""

    messages: Mapping[str, int] = field(default_factory=dict)
    """By direction."""
    io: Mapping[str, int] = field(default_factory=dict)
    """By direction, payload bytes."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """By `error.type`."""
    handshakes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By outcome and HTTP status."""
    closed: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """By close code, initiator and `error.type`."""
    accepted_surely: int = 0
    """Handshakes that were accepted within the period, at the least: without those that one just before it could be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What only the period of the report itself is asked about. Hourly lines end at the ends of `hours`."""

    hours: Sequence[tuple[float, float]]
    accepted: Sequence[float | None]
    refused: Sequence[float | None]
    """Handshakes with any outcome but `accepted`, by hour, as are:"""
    errors: Sequence[float | None]
    received: Sequence[float | None]
    closed: Sequence[float | None]
    lost: Sequence[float | None]
    channels: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Messages by channel and direction."""
    routes: Mapping[str, int] = field(default_factory=dict)
    """Messages that were handled, by route; `quantiles` are p50, p95, p99 in seconds."""
    quantiles: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    connections: Line = ()
    message_rate: Line = ()
    cpu: Line = ()
    """0..1, of the busiest host."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Of a period up to `until`, which is the period's end, or now where that is earlier.

    `exports` and `ledger` are None where the backend can't tell; `details` where they were not asked for.
    """

    period: Period
    until: float
    exports: Exports | None
    ledger: ConnectionLedger | None
    reported: bool = False
    counts: Counts = field(default_factory=Counts)
    peak: float | None = None
    open_at_end: float | None = None
    durations: tuple[float | None, float | None] = (None, None)
    """Median and p95 of the closed connections, from buckets."""
    details: Details | None = None


async def ask(
    metrics: Metrics, connections: Connections | None, period: Period, *, now: float, top: int, detailed: bool
) -> Answers:
    """Ask everything about `period`. Raises `BackendError` when the backend can't be asked."""
    until = min(period.until, now)
    exports = await metrics.exports(since=period.since, until=until)
    ledger = None
    if connections is not None and not _is_forgotten(exports, until):
        ledger = await connections.ledger(since=period.since, until=until, step=HOUR, top=top)
    interval = max((instance.interval for instance in exports.instances), default=None) if exports else None
    look = _Look(metrics, period.since, until, interval)
    if exports is not None and not exports.instances:  # nobody reported: there is nothing to ask for
        return Answers(period=period, until=until, exports=exports, ledger=ledger, details=_no_details(look))
    peak = await metrics.peak(semconv.ACTIVE_CONNECTIONS.name, period.since, until)
    return Answers(
        period=period,
        until=until,
        exports=exports,
        reported=peak is not None if exports is None else True,
        ledger=ledger,
        counts=await _count(look),
        peak=peak,
        open_at_end=await look.newest(semconv.ACTIVE_CONNECTIONS),
        durations=await _durations(look),
        details=await _details(look) if detailed else None,
    )


def _is_forgotten(exports: Exports | None, until: float) -> bool:
    return exports is not None and exports.known_since is not None and exports.known_since >= until


class _Look:
    """Asks about one period: as a whole, hour by hour, or at the moments of a grid; not too much at the same time.

    `interval` is the longest export interval, where it is known.
    """

    def __init__(self, metrics: Metrics, since: float, until: float, interval: float | None) -> None:
        self.since = since
        self.until = until
        self.interval = interval
        self._metrics = metrics
        self._free = asyncio.Semaphore(_AT_ONCE)

    @property
    def hours(self) -> list[tuple[float, float]]:
        """The period in hours, the last one shorter where it has to be."""
        begins = [self.since + k * HOUR for k in range(math.ceil((self.until - self.since) / HOUR))]
        return [(begin, min(begin + HOUR, self.until)) for begin in begins]

    async def whole(
        self, metric: semconv.Metric, over_time: OverTime, *by: semconv.Attribute, where: Where | None = None
    ) -> dict[tuple[str, ...], float]:
        """Ask about the whole period, by values of attributes."""
        names = tuple(attribute.name for attribute in by)
        query = Query(metric.name, over_time=over_time, window=self.until - self.since, by=names, where=where or {})
        samples = await self._instant(query)
        return {tuple(sample.labels[name] for name in names): sample.value for sample in samples}

    async def counted(self, metric: semconv.Metric, *by: semconv.Attribute) -> dict[tuple[str, ...], int]:
        """Ask what was counted in the whole period."""
        return {values: round(count) for values, count in (await self.whole(metric, "increase", *by)).items()}

    async def counted_surely(self, metric: semconv.Metric, where: Where) -> int:
        """Ask what was counted within the period and not just before it, whenever exports came, at the least."""
        # What an export tells of happened after the export before it; one at the very end may tell of what is not in
        # the period any more.
        end = self.until - 0.001
        window = end - self.since - 2 * (self.interval or LOOKBACK)
        if window <= 0:
            return 0
        samples = await self._instant(Query(metric.name, over_time="increase", window=window, where=where), at=end)
        return round(sum(sample.value for sample in samples))

    async def newest(self, metric: semconv.Metric) -> float | None:
        """Ask for the sum of a gauge over the instances whose last report stands at the end."""
        samples = await self._instant(Query(metric.name, window=stands(self.interval or STANDS)))
        return sum(sample.value for sample in samples) if samples else None

    async def hourly(self, metric: semconv.Metric, where: Where | None = None) -> list[float | None]:
        """Ask what a counter counted in each of the hours."""
        found: list[float | None] = []
        whole = int((self.until - self.since) // HOUR)
        if whole:
            query = Query(metric.name, over_time="increase", window=HOUR, where=where or {})
            lines = await self._range(query, HOUR, whole)
            found = [value for _, value in lines[0].points] if lines else [None] * whole
        rest = self.until - self.since - whole * HOUR
        if rest:
            samples = await self._instant(Query(metric.name, over_time="increase", window=rest, where=where or {}))
            found.append(samples[0].value if samples else None)
        return found

    async def grid(self, query: Query) -> Sequence[Series]:
        """Ask at each moment of the grid."""
        steps = int((self.until - self.since) // GRID)
        return await self._range(query, GRID, steps) if steps else ()

    async def _instant(self, query: Query, *, at: float | None = None) -> Sequence[Sample]:
        async with self._free:
            return await self._metrics.instant(query, at=self.until if at is None else at)

    async def _range(self, query: Query, step: float, steps: int) -> Sequence[Series]:
        async with self._free:
            return await self._metrics.range(query, start=self.since + step, end=self.since + steps * step, step=step)


async def _count(look: _Look) -> Counts:
    messages, io, errors = await asyncio.gather(
        look.counted(semconv.MESSAGES, semconv.DIRECTION),
        look.counted(semconv.IO, semconv.DIRECTION),
        look.counted(semconv.ERRORS_TOTAL, semconv.ERROR_TYPE),
    )
    handshakes, closed, surely = await asyncio.gather(
        look.counted(semconv.HANDSHAKES, semconv.HANDSHAKE_OUTCOME, semconv.HTTP_STATUS),
        look.counted(semconv.CLOSED_CONNECTIONS, semconv.CLOSE_CODE, semconv.CLOSE_INITIATOR, semconv.ERROR_TYPE),
        look.counted_surely(semconv.HANDSHAKES, _ACCEPTED),
    )
    return Counts(
        messages={direction: count for (direction,), count in messages.items()},
        io={direction: count for (direction,), count in io.items()},
        errors={error: count for (error,), count in errors.items()},
        handshakes={(outcome, status): count for (outcome, status), count in handshakes.items()},
        closed={(code, whom, error): count for (code, whom, error), count in closed.items()},
        accepted_surely=surely,
    )


async def _durations(look: _Look) -> tuple[float | None, float | None]:
    median, p95 = await asyncio.gather(*(look.whole(semconv.CONNECTION_DURATION, name) for name in ("p50", "p95")))
    return median.get(()), p95.get(())


async def _details(look: _Look) -> Details:
    accepted, refused, errors = await asyncio.gather(
        look.hourly(semconv.HANDSHAKES, _ACCEPTED),
        look.hourly(semconv.HANDSHAKES, _REFUSED),
        look.hourly(semconv.ERRORS_TOTAL),
    )
    received, closed, lost = await asyncio.gather(
        look.hourly(semconv.MESSAGES, {semconv.DIRECTION.name: ("receive",)}),
        look.hourly(semconv.CLOSED_CONNECTIONS),
        look.hourly(semconv.CLOSED_CONNECTIONS, {semconv.CLOSE_INITIATOR.name: ("network",)}),
    )
    channels, routes = await asyncio.gather(
        look.counted(semconv.CHANNEL_MESSAGES, semconv.CHANNEL, semconv.DIRECTION),
        look.counted(semconv.HANDLING_DURATION, semconv.HTTP_ROUTE),
    )
    p50, p95, p99 = await asyncio.gather(
        *(look.whole(semconv.HANDLING_DURATION, name, semconv.HTTP_ROUTE) for name in ("p50", "p95", "p99"))
    )
    connections, rate, cpu = await asyncio.gather(
        look.grid(Query(semconv.ACTIVE_CONNECTIONS.name, window=stands(look.interval or STANDS))),
        look.grid(Query(semconv.MESSAGES.name, over_time="rate", window=GRID)),
        look.grid(cpu_query(GRID, "avg")),
    )
    return Details(
        hours=look.hours,
        accepted=accepted,
        refused=refused,
        errors=errors,
        received=received,
        closed=closed,
        lost=lost,
        channels={(channel, direction): count for (channel, direction), count in channels.items()},
        routes={route: count for (route,), count in routes.items()},
        quantiles={key[0]: (p50[key], p95[key], p99[key]) for key in p50.keys() & p95.keys() & p99.keys()},
        connections=connections[0].points if connections else (),
        message_rate=rate[0].points if rate else (),
        cpu=_busiest(cpu),
    )


def _no_details(look: _Look) -> Details:
    nothing: list[float | None] = [None] * len(look.hours)
    return Details(
        hours=look.hours,
        accepted=nothing,
        refused=nothing,
        errors=nothing,
        received=nothing,
        closed=nothing,
        lost=nothing,
    )


def _busiest(lines: Sequence[Series]) -> Line:
    moments: dict[float, list[Reading]] = {}
    for line in lines:
        for moment, value in line.points:
            if value is not None:
                moments.setdefault(moment, []).append((line.labels, value))
    percents = ((moment, cpu_percent(readings)) for moment, readings in sorted(moments.items()))
    return [(moment, None if percent is None else percent / 100) for moment, percent in percents]
