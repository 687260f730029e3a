"""Datadog's metrics, over its query API v2."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from socketscope import semconv
from socketscope.backends.base import Capabilities, Instance, Sample, Series
from socketscope.backends.datadog_stretches import Stretches
from socketscope.errors import MissingExtraError, QueryError
from socketscope.query.counters import Labels, Lines, divided
from socketscope.query.datadog import QUANTILES, RESOLUTION, compile_query
from socketscope.query.model import Query, Ratio
from socketscope.query.sql_parts import Grid

if TYPE_CHECKING:
    from socketscope.backends.datadog_api import DatadogApi

MOST_POINTS: Final = 1400
"""Points of a line that are asked for; beyond 1500 Datadog would make them fewer by itself."""

_INSTANCE: Final = "service.instance.id"
_SERVICE: Final = "service.name"


class DatadogOptions(BaseModel):
    """Which Datadog, and who asks. Keys are in no `repr`."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    api_key: SecretStr
    """API key."""
    app_key: SecretStr
    """Application key with the scope `timeseries_query`."""
    site: str = Field(default="datadoghq.com", pattern=r"^[a-z0-9.-]+$")
    """Datadog's site, as `datadoghq.eu` or `us5.datadoghq.com`."""
    url: str | None = Field(default=None, pattern="^https?://")
    """Address of the API, where it is not `https://api.SITE`."""
    resolution: int = Field(default=RESOLUTION, ge=1)
    """Seconds within which each process reports: the export interval, rounded up to Datadog's 10 s."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds for an answer."""


class DatadogMetrics:
    """Implements `Metrics`; every question runs in a thread.

    What is no count is answered for the last stretch of `resolution` seconds that was complete, and lines are made of
    such stretches. Raises `MissingExtraError` where the extra `datadog` is not installed.
    """

    capabilities = Capabilities(
        metrics=True,
        notes=(
            "Datadog writes the values of attributes in lower case, with _ for characters that it does not keep.",
            "A process's start is when it was first seen in the period that is asked about.",
        ),
    )

    def __init__(self, options: DatadogOptions) -> None:
        self._resolution = options.resolution
        self._api = _connect(options)

    async def instant(self, query: Query | Ratio, *, at: float) -> Sequence[Sample]:
        """Answer `query` with the window that ends at `at`; x/0 of a ratio is infinite, 0/0 no data."""
        asked = compile_query(query, resolution=self._resolution)
        if any(part.aggregator == "last" for part in asked.queries):
            return await self._newest(query, at)
        until, window, length = at - asked.offset, asked.window, asked.resolution
        if asked.whole:
            until, window = math.floor(until / length) * length, max(1, round(window / length)) * length
        rows = await asyncio.to_thread(self._api.scalars, asked, since=until - window, until=until)
        sides: list[Lines] = [{} for _ in asked.sides]
        for labels, values in rows.items():
            for side, value in zip(sides, values, strict=True):
                if value is not None:
                    side[labels] = {0: value}
        answer = divided(*sides) if isinstance(query, Ratio) else sides[0]
        return [Sample(_named(asked.labels, labels), line[0], until + asked.offset) for labels, line in answer.items()]

    async def range(self, query: Query | Ratio, *, start: float, end: float, step: float) -> Sequence[Series]:
        """Answer `query` at `start, start + step, ...` up to `end`; each series has a point for every moment.

        Quantiles are of whole stretches: `step` has to be the window.
        """
        grid = Grid.range(start, end, step)
        if isinstance(query, Ratio):
            labels_of = compile_query(query).labels
            answer = divided(
                *await asyncio.gather(self._over(query.numerator, grid), self._over(query.denominator, grid))
            )
        else:
            labels_of = compile_query(query).labels
            answer = await self._over(query, grid)
        return [
            Series(_named(labels_of, labels), [(start + k * step, line.get(k)) for k in range(grid.steps)])
            for labels, line in sorted(answer.items())
        ]

    async def instances(self, *, since: float, until: float) -> Sequence[Instance]:
        """List the processes that reported in `[since, until]`, the last to report first."""
        query = Query(semconv.ACTIVE_CONNECTIONS.name, by=(_INSTANCE, _SERVICE))
        found = await self._stretches(query, since, until)
        instances = [
            Instance(instance_id, service, max(since, min(line)), min(until, max(line) + found.interval))
            for (instance_id, service), line in found.lines.items()
            if line
        ]
        return sorted(instances, key=lambda instance: (-instance.last_seen, instance.started_at, instance.id))

    async def peak(self, metric: str, since: float, until: float) -> float | None:
        """Find the greatest sum of `metric` over all live instances in `[since, until]`, stretch by stretch."""
        found = await self._stretches(Query(metric), since, until)
        return max((value for line in found.lines.values() for value in line.values()), default=None)

    async def exports(self, *, since: float, until: float) -> None:  # noqa: ARG002 - the protocol's
        """Tell nothing: Datadog keeps stretches, and not how many exports there were in one."""
        return

    async def _newest(self, query: Query | Ratio, at: float) -> Sequence[Sample]:
        """Answer with the newest values in the window, and when they were measured."""
        if isinstance(query, Ratio):
            above, below = await asyncio.gather(
                *(self._newest(side, at) for side in (query.numerator, query.denominator))
            )
            times = {tuple(sample.labels.values()): sample.measured_at for sample in (*below, *above)}
            sides = [{tuple(sample.labels.values()): {0: sample.value} for sample in side} for side in (above, below)]
            names = compile_query(query).labels
            return [Sample(_named(names, labels), line[0], times[labels]) for labels, line in divided(*sides).items()]
        until = at - query.offset
        found = await self._stretches(query, until - self._looked_back(query), until)
        samples = []
        for labels, line in found.lines.items():
            whole = {begin: value for begin, value in line.items() if begin + found.interval <= until}
            value = found.reduced(query, whole, until)
            if value is not None:
                samples.append(
                    Sample(_named(found.asked.labels, labels), value, max(whole) + found.interval + query.offset)
                )
        return samples

    async def _over(self, query: Query, grid: Grid) -> Lines:
        """Answer at every moment of `grid`."""
        first, last = grid.start_ns / 1e9 - query.offset, grid.end_ns / 1e9 - query.offset
        if query.over_time in QUANTILES and query.window != grid.step_ns / 1e9:
            raise QueryError(
                f"step={grid.step_ns / 1e9:g}: Datadog makes quantiles of whole stretches, so the window's "
                f"{query.window:g} s are expected"
            )
        found = await self._stretches(query, first - self._looked_back(query), last)
        answer: Lines = {}
        for labels, line in found.lines.items():
            for k in range(grid.steps):
                value = found.reduced(query, line, (grid.start_ns + k * grid.step_ns) / 1e9 - query.offset)
                if value is not None:
                    answer.setdefault(labels, {})[k] = value
        return answer

    async def _stretches(self, query: Query, since: float, until: float) -> Stretches:
        """Ask for the stretches that reach into `[since, until]`, as short as so many of them can be."""
        if query.over_time in QUANTILES:
            interval = max(1, round(query.window))
        else:
            interval = self._resolution * max(1, math.ceil((until - since) / MOST_POINTS / self._resolution))
        asked = compile_query(query, resolution=interval)
        begin, end = math.floor(since / interval) * interval, (math.floor(until / interval) + 1) * interval
        lines = await asyncio.to_thread(self._api.lines, asked, since=begin, until=end, interval=interval)
        return Stretches(asked, lines, interval)

    def _looked_back(self, query: Query) -> float:
        # The newest value of a window of years is looked for in what can be seen in its finest stretches.
        return min(query.window, MOST_POINTS * self._resolution) if query.over_time == "last" else query.window


def _connect(options: DatadogOptions) -> DatadogApi:
    try:
        from socketscope.backends.datadog_api import DatadogApi
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "datadog_api_client":
            raise
        raise MissingExtraError("The Datadog backend", "datadog") from error
    return DatadogApi(
        options.url or f"https://api.{options.site}",
        api_key=options.api_key.get_secret_value(),
        app_key=options.app_key.get_secret_value(),
        timeout=options.timeout,
    )


def _named(names: Iterable[str], labels: Labels) -> dict[str, str]:
    return dict(zip(names, labels, strict=True))
