"""Series as cases write them, and the OTLP that processes would have sent of them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from socketscope import semconv
from socketscope.query.naming import INSTANCE_ID, KNOWN, SERVICE_NAME

OBSERVED: Final = "observed"
"""Beside the attributes of a histogram's series: the value of the observations that its numbers count."""
_OTHERS: Final = frozenset({"state", "cpu"})
"""Attributes of points of metrics that are read and not ours."""
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_SERIES: Final = re.compile(r"\s*([A-Za-z][\w.]*)\s*(?:\{(.*)\})?\s*", re.DOTALL)
_LABEL: Final = re.compile(r'\s*([A-Za-z_][\w.]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_NUMBER: Final = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_REPEATED: Final = re.compile(rf"({_NUMBER})(?:([+-])({_NUMBER}))?x(\d+)")
_MISSING: Final = re.compile(r"_(?:x(\d+))?")
_MOST: Final = 100_000
_DEFAULTS: Final = {SERVICE_NAME: "case", INSTANCE_ID: "one"}


class SeriesError(ValueError):
    """A series that can't be read; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A series: its metric, its attributes, and a value for each step, None where nothing was sent."""

    metric: semconv.Metric
    attributes: Mapping[str, str]
    values: Sequence[float | None]

    def began(self, index: int) -> int:
        """Give since which value the process counts that sent value number `index`.

        That is the first one that is there, or the last one with which a count fell: then it was started anew. A fall
        without a new start would be that of a clock, and no reset.
        """
        began, before = -1, None
        for at, value in enumerate(self.values[: index + 1]):
            if value is None:
                continue
            if before is None or (value < before and self.metric.kind in {"counter", "histogram"}):
                began = at
            before = value
        return max(began, 0)

    @classmethod
    def read(cls, series: str, values: str) -> Timeline:
        """Read both parts. Raises `SeriesError`."""
        found = _SERIES.fullmatch(series)
        if not found:
            raise SeriesError('a series as websocket.server.errors{http.route="/ws"}')
        name, inner = found[1], found[2] or ""
        metric = KNOWN.get(name)
        if metric is None:
            raise SeriesError(f"a metric of socketscope; {name} is none")
        attributes: dict[str, str] = {}
        position = 0
        while inner[position:].strip():
            label = _LABEL.match(inner, position)
            if not label:
                raise SeriesError(f'attributes as name="value", separated by commas; found {inner[position:]!r}')
            attributes[label[1]] = re.sub(r"\\(.)", r"\1", label[2])
            position = label.end()
        found_values = list(_values(values))
        if metric.kind == "histogram":
            if not re.fullmatch(_NUMBER, attributes.get(OBSERVED, "")):
                raise SeriesError(f'{OBSERVED}="SECONDS" among the attributes, since {name} is a histogram')
            if wrong := [value for value in found_values if value is not None and (value < 0 or value % 1)]:
                raise SeriesError(f"numbers of observations, as {name} is a histogram; found {wrong[0]:g}")
        return cls(metric, attributes, found_values)


def export(timelines: Iterable[Timeline], *, start: float, step: float, until: float) -> Iterator[bytes]:
    """Make the requests of what was sent at `start`, `start + step`, ... up to `until` seconds later."""
    timelines = list(timelines)
    longest = max((len(timeline.values) for timeline in timelines), default=0)
    for index in range(min(longest, int(until / step + 1e-9) + 1)):
        if request := export_step(timelines, index, start=start, step=step):
            yield request


def export_step(timelines: Iterable[Timeline], index: int, *, start: float, step: float) -> bytes | None:
    """Make the request of the values number `index`, at `start + index * step`; None where there are none.

    Attributes that the metric does not have are the resource's; without them they are of one process of one service.
    """
    at_ns = round((start + index * step) * 1e9)
    points = [
        _Point(timeline, value, at_ns, round((start + timeline.began(index) * step) * 1e9))
        for timeline in timelines
        if index < len(timeline.values) and (value := timeline.values[index]) is not None
    ]
    return _request(points) if points else None


@dataclass(frozen=True, slots=True)
class _Point:
    """A value of a series at one time; of a histogram, once it is put together, the observations of each value."""

    timeline: Timeline
    value: float
    at_ns: int
    start_ns: int
    observed: Mapping[float, float] = field(default_factory=dict)

    @property
    def attributes(self) -> dict[str, str]:
        """The point's own attributes."""
        names = {attribute.name for attribute in self.timeline.metric.attributes} | _OTHERS
        return {name: text for name, text in self.timeline.attributes.items() if name in names}

    @property
    def resource(self) -> tuple[tuple[str, str], ...]:
        """The attributes of the process."""
        own = self.attributes
        others = {name: text for name, text in self.timeline.attributes.items() if name not in own and name != OBSERVED}
        return tuple(sorted((_DEFAULTS | others).items()))


def _values(text: str) -> Iterator[float | None]:
    count = 0
    for word in text.split():
        made: list[float | None]
        if missing := _MISSING.fullmatch(word):
            made = [None] * min(int(missing[1] or 1), _MOST)
        elif repeated := _REPEATED.fullmatch(word):
            first, sign, by, times = repeated.groups()
            change = float(f"{sign}{by}") if by else 0.0
            made = [float(first) + change * k for k in range(min(int(times), _MOST) + 1)]
        elif re.fullmatch(_NUMBER, word):
            made = [float(word)]
        else:
            raise SeriesError(f"values as 1, 1x5, 1+2x5, _ or _x5; found {word!r}")
        count += len(made)
        if count > _MOST:
            raise SeriesError(f"at most {_MOST} values")
        yield from made


def _request(points: Iterable[_Point]) -> bytes:
    by_resource: defaultdict[tuple[tuple[str, str], ...], list[_Point]] = defaultdict(list)
    for point in points:
        by_resource[point.resource].append(point)
    request = ExportMetricsServiceRequest()
    for resource, found in by_resource.items():
        metrics = [_metric(point) for point in _merged(found)]
        scope = ScopeMetrics(scope=InstrumentationScope(name=semconv.SCOPE), metrics=metrics)
        request.resource_metrics.append(
            ResourceMetrics(resource=Resource(attributes=_pairs(dict(resource))), scope_metrics=[scope])
        )
    return request.SerializeToString()


def _merged(points: Iterable[_Point]) -> Iterator[_Point]:
    """Put together what is one histogram."""
    histograms: dict[tuple[str, tuple[tuple[str, str], ...]], _Point] = {}
    for point in points:
        if point.timeline.metric.kind != "histogram":
            yield point
            continue
        key = (point.timeline.metric.name, tuple(sorted(point.attributes.items())))
        before = histograms.get(key)
        earlier = before.observed if before else {}
        observed = {**earlier, float(point.timeline.attributes[OBSERVED]): point.value}
        histograms[key] = replace(point, observed=observed)
    yield from histograms.values()


def _metric(point: _Point) -> Metric:
    metric, attributes = point.timeline.metric, _pairs(point.attributes)
    if metric.kind == "histogram":
        counts = [0] * (len(metric.buckets) + 1)
        for observed, count in point.observed.items():
            counts[bisect_left(metric.buckets, observed)] += int(count)
        histogram = HistogramDataPoint(
            attributes=attributes,
            time_unix_nano=point.at_ns,
            start_time_unix_nano=point.start_ns,
            count=sum(counts),
            explicit_bounds=metric.buckets,
            bucket_counts=counts,
        )
        data = Histogram(data_points=[histogram], aggregation_temporality=_CUMULATIVE)
        return Metric(name=metric.name, unit=metric.unit, histogram=data)
    number = NumberDataPoint(
        attributes=attributes,
        time_unix_nano=point.at_ns,
        start_time_unix_nano=0 if metric.kind == "gauge" else point.start_ns,
        as_double=point.value,
    )
    if metric.kind == "gauge":
        return Metric(name=metric.name, unit=metric.unit, gauge=Gauge(data_points=[number]))
    counted = Sum(data_points=[number], aggregation_temporality=_CUMULATIVE, is_monotonic=metric.kind == "counter")
    return Metric(name=metric.name, unit=metric.unit, sum=counted)


def _pairs(attributes: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=text)) for name, text in attributes.items()]
