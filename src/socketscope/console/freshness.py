"""How often each process exports, observed, and so which of them are alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from socketscope import semconv
from socketscope.query.model import Query

if TYPE_CHECKING:
    from socketscope.backends.base import Metrics, Series

INSTANCE: Final = "service.instance.id"
"""Resource attribute that tells processes apart."""

SDK_INTERVAL: Final = 60.0
"""The OpenTelemetry SDK's default export interval, assumed of a process that reported once."""

_SHORTEST: Final = 5.0  # of an export a second, one may be late through the Collector's batches
_OBSERVED: Final = 180.0
_OBSERVE_AGAIN: Final = 15.0
_OBSERVE_SOON: Final = 2.0


@dataclass(frozen=True, slots=True)
class Report:
    """The newest number of open connections of a process, and when it was measured."""

    instance: str
    connections: float
    measured_at: float


@dataclass(frozen=True, slots=True)
class Pulse:
    """Who reports at one moment.

    `alive` are the processes whose last report is not older than three of their export intervals; `age` is the age
    of the newest report in seconds, None if there is none at all; `stale_after` is the longest that the last report
    of a living process may be back; `interval` is the longest interval that was observed of them, 0 if none was yet.
    """

    at: float
    alive: Mapping[str, Report]
    age: float | None
    stale_after: float
    interval: float

    @property
    def stale(self) -> bool:
        """There are reports, and all of them are too old."""
        return self.age is not None and not self.alive

    @property
    def connections(self) -> int | None:
        """Open connections of the living processes; None where none lives."""
        return round(sum(report.connections for report in self.alive.values())) if self.alive else None


class Freshness:
    """Takes the pulse of all processes that report `websocket.server.active_connections`."""

    def __init__(self, metrics: Metrics, *, export_interval: float | None = None) -> None:
        self._metrics = metrics
        self._given = export_interval
        self._intervals: Mapping[str, float] = {}
        self._observed_at = 0.0
        self._observe_after = 0.0

    async def pulse(self, at: float, *, back: float) -> Pulse:
        """Who reports at `at`; reports older than `back` seconds are not known.

        Raises `BackendError` when the backend can't be asked.
        """
        await self._observe(at)
        near = max([3 * SDK_INTERVAL, *map(self.stale_after, self._intervals)])
        reports = await self._reports(at, near) or await self._reports(at, back)
        alive = {
            report.instance: report
            for report in reports
            if at - report.measured_at <= self.stale_after(report.instance)
        }
        return Pulse(
            at=at,
            alive=alive,
            age=min((max(0.0, at - report.measured_at) for report in reports), default=None),
            stale_after=max(map(self.stale_after, alive), default=_SHORTEST),
            interval=max((self._interval(instance) or 0 for instance in alive), default=0.0),
        )

    def stale_after(self, instance: str) -> float:
        """Seconds after its last report at which `instance` is no longer taken for alive."""
        return max(_SHORTEST, 3 * (self._interval(instance) or self._usual()))

    def _interval(self, instance: str) -> float | None:
        return self._given or self._intervals.get(instance)

    def _usual(self) -> float:
        known = sorted(self._intervals.values())
        return known[len(known) // 2] if known else SDK_INTERVAL

    async def _reports(self, at: float, back: float) -> list[Report]:
        query = Query(semconv.ACTIVE_CONNECTIONS.name, over_time="last", window=back, by=(INSTANCE,))
        samples = await self._metrics.instant(query, at=at)
        return [Report(sample.labels[INSTANCE], sample.value, sample.measured_at) for sample in samples]

    async def _observe(self, at: float) -> None:
        if self._given or at - self._observed_at < self._observe_after:  # nor at a moment of the past
            return
        query = Query(semconv.ACTIVE_CONNECTIONS.name, over_time="last", window=1.0, by=(INSTANCE,))
        lines = await self._metrics.range(query, start=at - _OBSERVED, end=at, step=1.0)
        observed = {line.labels[INSTANCE]: interval for line in lines if (interval := interval_of(line))}
        self._intervals, self._observed_at = observed, at
        # A process that has reported once is looked at again soon.
        self._observe_after = _OBSERVE_AGAIN if lines and len(observed) == len(lines) else _OBSERVE_SOON


def interval_of(line: Series) -> float | None:
    """Mean time between the points of `line` that have a value, in seconds; None with fewer than two."""
    times = [time for time, value in line.points if value is not None]
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else None
