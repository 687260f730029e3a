"""The part of Prometheus' HTTP API that is asked here, as Mimir, Thanos, VictoriaMetrics and Grafana Cloud have it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from socketscope.backends.http import JsonClient
from socketscope.errors import BackendError
from socketscope.query.naming import quoted
from socketscope.query.sql_parts import Grid, nanoseconds

# Thanos and VictoriaMetrics: better no answer than a part of one that looks like the whole, and the newest points too,
# which VictoriaMetrics keeps back for 30 seconds. Others ignore these.
_AS_IT_IS: Final = {"partial_response": "false", "deny_partial_response": "1", "latency_offset": "1ms", "nocache": "1"}


class Line(NamedTuple):
    """A series of an answer: labels, and `(time in seconds, value)`; of a native histogram the value is the count."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


class PrometheusApi:
    """Asks below the URL of `client`. Raises `BackendError` for no answer and for one that can't be read."""

    def __init__(self, client: JsonClient) -> None:
        self._client = client

    async def at(self, promql: str, moment: float) -> list[Line]:
        """Evaluate an expression at one moment (epoch seconds): a point a line, or all samples of a range selector."""
        return await self._evaluate("api/v1/query", query=promql, time=_stamp(nanoseconds(moment, "at")))

    async def over(self, promql: str, grid: Grid) -> list[Line]:
        """Evaluate an expression at every moment of `grid`."""
        if grid.steps == 1:
            return await self.at(promql, grid.start_ns / 1e9)
        start, end, step = map(_stamp, (grid.start_ns, grid.end_ns, grid.step_ns))
        return await self._evaluate("api/v1/query_range", query=promql, start=start, end=end, step=step)

    async def names(self, pattern: str) -> tuple[Sequence[str], Sequence[str]]:
        """List the names of the metrics that match `pattern` (a regular expression), and those of their labels."""
        match = {"match[]": f"{{__name__=~{quoted(pattern)}}}"}
        names, labels = await asyncio.gather(
            self._client.get("api/v1/label/__name__/values", match), self._client.get("api/v1/labels", match)
        )
        return self._texts(names), self._texts(labels)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _evaluate(self, path: str, **form: str) -> list[Line]:
        # Posted, since an expression may be longer than an address may.
        answer = await self._client.post(path, form={**form, **_AS_IT_IS})
        data = self._data(answer)
        if answer.get("isPartial"):
            raise BackendError(f"{self._client.url} answered with a part of the data only: one of its nodes is away")
        try:
            if data["resultType"] == "scalar":
                return [Line({}, [_point(data["result"])])]
            return [Line(entry["metric"], _points(entry)) for entry in data["result"]]
        except (KeyError, TypeError, ValueError) as error:
            raise BackendError(f"{self._client.url} gave an answer that can't be read ({error!r})") from error

    def _texts(self, answer: Any) -> list[str]:
        data = self._data(answer)
        if not isinstance(data, list) or not all(isinstance(entry, str) for entry in data):
            raise BackendError(f"{self._client.url} gave an answer that can't be read: a list of names is expected")
        return data

    def _data(self, answer: Any) -> Any:
        if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:
            raise BackendError(
                f"{self._client.url} answered, but not as Prometheus does: /api/v1/query has to be below this address"
            )
        return answer["data"]


def _stamp(nanoseconds: int) -> str:
    # Points are kept with whole milliseconds, those that have begun; a float of the epoch is half a microsecond off.
    return f"{(nanoseconds + 500) // 1_000_000 / 1000:.3f}"


def _points(entry: Mapping[str, Any]) -> list[tuple[float, float]]:
    if "value" in entry:
        return [_point(entry["value"])]
    if "histogram" in entry:
        return [_count(entry["histogram"])]
    return [*map(_point, entry.get("values", ())), *map(_count, entry.get("histograms", ()))]


def _point(sample: Sequence[Any]) -> tuple[float, float]:
    moment, value = sample
    return float(moment), float(value)


def _count(sample: Sequence[Any]) -> tuple[float, float]:
    moment, histogram = sample
    return float(moment), float(histogram["count"])
