"""Numbers from whatever answers PromQL over HTTP: Prometheus, Mimir, Thanos, VictoriaMetrics, Grafana Cloud."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Final

import httpx2

from socketscope.backends.base import Capabilities, Instance, Sample, Series
from socketscope.backends.exports import Exports
from socketscope.backends.http import TIMEOUT, Access, JsonClient
from socketscope.backends.prometheus_api import Line, PrometheusApi
from socketscope.backends.prometheus_exports import read_exports
from socketscope.backends.prometheus_fleet import read_instances, read_peak
from socketscope.backends.prometheus_names import Names
from socketscope.query import promql
from socketscope.query.counters import Counter, Labels, Lines, divided, increases
from socketscope.query.model import Query, Ratio
from socketscope.query.naming import Naming
from socketscope.query.sql_parts import Grid

NOTES: Final = (
    "connections: not available, as this backend keeps numbers and no events; the embedded backend has them",
    "traces: not available",
    "instances: their start is their first report in the period, since the start of a series is not kept",
)


class PrometheusMetrics:
    """Implements `Metrics`. `url` is that below which `/api/v1/query` is found (Mimir: with `/prometheus`).

    Dotted names need Prometheus 3 or VictoriaMetrics 1.117 (1.110.7).

    Names of metrics and labels are looked up in the backend once and pinned; what was not found is looked for again
    when it is asked for, and is no data until then. All numbers are read with what the backend has at that moment.
    """

    capabilities = Capabilities(metrics=True, notes=NOTES)
    language: Final = "prometheus"

    def __init__(
        self,
        url: str,
        *,
        access: Access | None = None,
        timeout: float = TIMEOUT,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        client = JsonClient(url, name="Prometheus", access=access, timeout=timeout, transport=transport)
        self._api = PrometheusApi(client)
        self._names = Names(self._api)

    async def probe(self) -> Naming:
        """Look our metrics up; the `report()` of what comes back says what each is called, or that it was not found."""
        return await self._names.look()

    async def aclose(self) -> None:
        """Close the connections to the backend."""
        await self._api.aclose()

    async def instant(self, query: Query | Ratio, *, at: float) -> Sequence[Sample]:
        """Answer `query` with the window that ends at `at`; x/0 of a ratio is infinite, 0/0 no data."""
        grid = Grid.instant(at)
        await self._check(query)
        lines, measured = await asyncio.gather(self._lines(query, grid), self._measured(query, at))
        if not lines.keys() <= measured.keys():
            measured = {**await self._measured(query, at, deep=True), **measured}
        sides = (query.numerator, query.denominator) if isinstance(query, Ratio) else (query,)
        begin = min(at - side.offset - side.window for side in sides)
        names = () if sides[0].absent else sides[0].by
        return [
            Sample(dict(zip(names, labels, strict=True)), line[0], measured.get(labels, begin))
            for labels, line in sorted(lines.items())
        ]

    async def range(self, query: Query | Ratio, *, start: float, end: float, step: float) -> Sequence[Series]:
        """Answer `query` at `start, start + step, ...` up to `end`; each series has a point for every moment."""
        grid = Grid.range(start, end, step)
        await self._check(query)
        lines = await self._lines(query, grid)
        side = query.numerator if isinstance(query, Ratio) else query
        names = () if side.absent else side.by
        return [
            Series(dict(zip(names, labels, strict=True)), [(start + k * step, line.get(k)) for k in range(grid.steps)])
            for labels, line in sorted(lines.items())
        ]

    async def raw_instant(self, text: str, *, at: float) -> Sequence[Sample]:
        """Answer an expression of PromQL; the labels are as the backend has them."""
        lines = await self._api.at(text, at)
        return [Sample(line.labels, line.points[-1][1], at) for line in lines if line.points]

    async def raw_range(self, text: str, *, start: float, end: float, step: float) -> Sequence[Series]:
        """Answer an expression of PromQL at `start, start + step, ...` up to `end`."""
        grid = Grid.range(start, end, step)
        series = []
        for line in await self._api.over(text, grid):
            values = {grid.index(moment): value for moment, value in line.points}
            series.append(Series(line.labels, [(start + k * step, values.get(k)) for k in range(grid.steps)]))
        return series

    async def instances(self, *, since: float, until: float) -> Sequence[Instance]:
        """List the processes that reported in `[since, until]`, the last to report first."""
        return await read_instances(self._api, self._names, since, until)

    async def peak(self, metric: str, since: float, until: float) -> float | None:
        """Find the greatest sum of `metric` over all live instances in `[since, until]`; see `Metrics.peak`.

        Sampled once an export interval; of a period longer than a month its last month.
        """
        return await read_peak(self._api, self._names, metric, since, until)

    async def exports(self, *, since: float, until: float) -> Exports | None:
        """Tell which exports in `(since, until]` came, and which did not; see `Metrics.exports`.

        None where there are more than `MOST_SAMPLES` of them to look at.
        """
        return await read_exports(self._api, self._names, since, until)

    async def _check(self, query: Query | Ratio) -> None:
        """Raise `QueryError` for what can't be asked, before anything is."""
        sides = (query.numerator, query.denominator) if isinstance(query, Ratio) else (query,)
        promql.compile_query(query, await self._names.of(*(side.metric for side in sides)))

    async def _lines(self, query: Query | Ratio, grid: Grid) -> Lines:
        if isinstance(query, Ratio):
            return divided(
                *await asyncio.gather(self._lines(query.numerator, grid), self._lines(query.denominator, grid))
            )
        naming = await self._names.of(query.metric)
        compiled = promql.compile_query(query, naming)
        if compiled is None:
            return {}
        end, span = grid.end_ns / 1e9, (grid.end_ns - grid.start_ns) / 1e9
        restarted = promql.resets(query, naming, back=span) if query.over_time in promql.COUNTING else None
        if restarted is None:
            return _laid(await self._api.over(compiled.promql, grid), query, naming, grid)
        answer, reset = await asyncio.gather(self._api.over(compiled.promql, grid), self._api.at(restarted.promql, end))
        if reset:  # the difference of two values says nothing of a series that fell in between
            return await self._over_resets(query, naming, grid)
        return _laid(answer, query, naming, grid)

    async def _over_resets(self, query: Query, naming: Naming, grid: Grid) -> Lines:
        end, span = grid.end_ns / 1e9, (grid.end_ns - grid.start_ns) / 1e9
        if query.over_time in promql.QUANTILES:
            approximate = promql.compile_query(query, naming, exact=False)
            return _laid(await self._api.over(approximate.promql, grid), query, naming, grid) if approximate else {}
        samples = promql.samples(query, naming, back=span)
        lines = await self._api.at(samples.promql, end) if samples else []
        return increases(query, ((_labels(line, query, naming), Counter(line.points)) for line in lines), grid)

    async def _measured(self, query: Query | Ratio, at: float, *, deep: bool = False) -> dict[Labels, float]:
        """Give when the newest datum behind each answer was measured, as far as the series still report."""
        if isinstance(query, Ratio):
            above, below = await asyncio.gather(
                self._measured(query.numerator, at, deep=deep), self._measured(query.denominator, at, deep=deep)
            )
            return {labels: min(moment, below[labels]) for labels, moment in above.items() if labels in below}
        if query.absent:
            return {(): at - query.offset}
        naming = await self._names.of(query.metric)
        compiled = promql.newest(query, naming, deep=deep)
        if compiled is None:
            return {}
        lines = await self._api.at(compiled.promql, at)
        return {_labels(line, query, naming): line.points[0][1] for line in lines}


def _labels(line: Line, query: Query, naming: Naming) -> Labels:
    return () if query.absent else tuple(line.labels.get(naming.label(attribute), "") for attribute in query.by)


def _laid(lines: Iterable[Line], query: Query, naming: Naming, grid: Grid) -> Lines:
    """Lay an answer over the grid; what is not a number is no data."""
    laid: Lines = {}
    for line in lines:
        points = {grid.index(moment): value for moment, value in line.points if not math.isnan(value)}
        if points:
            laid[_labels(line, query, naming)] = points
    return laid
