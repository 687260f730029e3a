"""Pre-aggregated histograms as the SDK has them: explicit or exponential, cumulative or delta, with exemplars."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.environment_variables import OTEL_METRICS_EXEMPLAR_FILTER
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    Exemplar,
    ExemplarFilter,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricsData,
    ScopeMetrics,
)
from opentelemetry.sdk.metrics.export import ExponentialHistogram as ExponentialHistogramData
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.metrics.view import Aggregation, ExponentialBucketHistogramAggregation
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from socketscope import __version__, semconv
from socketscope.telemetry.exemplars import Exemplar as KeptExemplar
from socketscope.telemetry.histogram import NS, Histogram
from socketscope.telemetry.process import Telemetry

_SCOPE = InstrumentationScope(semconv.SCOPE, __version__, semconv.SCHEMA_URL)

_UNKNOWN: Any = None
"""Of a histogram's extremes, which cells do not keep: optional in OTLP, and missing in the types of the SDK."""

_MAX_SIZE: Final = 160
"""Most buckets of an exponential histogram, as the SDK has it."""

_FILTERS: Final = {"always_on": AlwaysOnExemplarFilter, "always_off": AlwaysOffExemplarFilter}

_Key = tuple[str, tuple[tuple[str, str | int], ...]]


class HistogramAppender:
    """Turns the accumulators' histograms into the SDK's metrics, for one reader.

    Cumulative, or as what came since the last call. With explicit bounds, or exponential: at scale 0, whose buckets
    are powers of two as ours are, or a lower one where `max_size` asks for it (`Histogram.cells`).
    """

    def __init__(
        self,
        telemetry: Telemetry,
        temporality: AggregationTemporality,
        aggregation: Aggregation | None = None,
        exemplar_filter: ExemplarFilter | None = None,
    ) -> None:
        self._telemetry = telemetry
        self._temporality = temporality
        self._max_size = 0
        if isinstance(aggregation, ExponentialBucketHistogramAggregation):
            self._max_size = getattr(aggregation, "_max_size", _MAX_SIZE)
        self._exemplar_filter = exemplar_filter or _exemplar_filter()
        self._exported: dict[_Key, tuple[Histogram, int]] = {}

    def metrics(self) -> list[Metric]:
        """Give one SDK metric for each histogram metric with data."""
        return next(self.batches(), [])

    def batches(self, most: int = 0) -> Iterator[list[Metric]]:
        """Give the same as lists of metrics with `most` points in each; made as they are taken. 0: all at once."""
        batch: dict[semconv.Metric, list[Any]] = {}
        number = 0
        for metric, point in self._points():
            batch.setdefault(metric, []).append(point)
            number += 1
            if number == most:
                yield self._told(batch)
                batch, number = {}, 0
        if batch:
            yield self._told(batch)

    def _told(self, batch: Mapping[semconv.Metric, list[Any]]) -> list[Metric]:
        kind = ExponentialHistogramData if self._max_size else HistogramData
        return [
            Metric(metric.name, metric.description, metric.unit, kind(points, self._temporality))
            for metric, points in batch.items()
        ]

    def _points(self) -> Iterator[tuple[semconv.Metric, Any]]:
        point = self._exponential if self._max_size else self._explicit
        for histogram in self._telemetry.settled(self).histograms():
            now = time.time_ns()
            start, part = histogram.start_ns, histogram
            if self._temporality is AggregationTemporality.DELTA:
                key = (histogram.metric.name, tuple(sorted(histogram.attributes.items())))
                before, until = self._exported.get(key, (None, 0))
                self._exported[key] = (histogram, now)
                # A forked child, which begins at zero, has its parent's memory.
                if before is not None and before.start_ns == histogram.start_ns:
                    start, part = until, _difference(histogram, before)
            yield histogram.metric, point(part, start, now)

    def _explicit(self, histogram: Histogram, start: int, now: int) -> HistogramDataPoint:
        # Nothing is copied: thousands of objects at each export are what makes the garbage collector stop everything.
        return HistogramDataPoint(
            attributes=histogram.attributes,
            start_time_unix_nano=start,
            time_unix_nano=now,
            count=sum(histogram.counts),
            sum=histogram.sum,
            bucket_counts=histogram.counts,
            explicit_bounds=histogram.metric.buckets,
            min=_UNKNOWN,
            max=_UNKNOWN,
            exemplars=self._exemplars(histogram),
        )

    def _exponential(self, histogram: Histogram, start: int, now: int) -> ExponentialHistogramDataPoint:
        offset, counts, scale = exponential_buckets(histogram.cells, histogram.exponent, self._max_size)
        return ExponentialHistogramDataPoint(
            attributes=histogram.attributes,
            start_time_unix_nano=start,
            time_unix_nano=now,
            count=sum(counts),
            sum=histogram.sum,
            scale=scale,
            zero_count=0,
            positive=Buckets(offset, counts),
            negative=Buckets(0, []),
            flags=0,
            min=_UNKNOWN,
            max=_UNKNOWN,
            exemplars=self._exemplars(histogram),
        )

    def _exemplars(self, histogram: Histogram) -> list[Exemplar]:
        if isinstance(self._exemplar_filter, AlwaysOffExemplarFilter):
            return []
        every = isinstance(self._exemplar_filter, AlwaysOnExemplarFilter)
        return [_exemplar(kept) for kept in histogram.exemplars if every or kept.sampled]


def _difference(now: Histogram, before: Histogram) -> Histogram:
    seen = max((exemplar.number for exemplar in before.exemplars), default=0)
    return dataclasses.replace(
        now,
        counts=[new - old for new, old in zip(now.counts, before.counts, strict=True)],
        cells=[new - old for new, old in zip(now.cells, before.cells, strict=True)],
        sum=now.sum - before.sum,
        exemplars=[exemplar for exemplar in now.exemplars if exemplar.number > seen],
    )


def exponential_buckets(cells: Sequence[int], exponent: int, max_size: int) -> tuple[int, list[int], int]:
    """Give `(offset, counts, scale)` of OTLP's exponential buckets: that of index i is above base^i, up to base^(i+1).

    Cell k ends at 2^(k + exponent), and so is the bucket k + exponent - 1 of scale 0. Each lower scale joins two.
    """
    counts = {k + exponent - 1: count for k, count in enumerate(cells) if count}
    scale = 0
    while counts and max(counts) - min(counts) >= max_size:
        scale -= 1
        joined: dict[int, int] = {}
        for index, count in counts.items():
            joined[index // 2] = joined.get(index // 2, 0) + count
        counts = joined
    if not counts:
        return 0, [], scale
    first, last = min(counts), max(counts)
    return first, [counts.get(index, 0) for index in range(first, last + 1)], scale


def _exemplar(kept: KeptExemplar) -> Exemplar:
    context = kept.span_context
    return Exemplar(
        {},
        kept.nanoseconds * NS,
        kept.wall_ns,
        None if context is None else context.span_id,
        None if context is None else context.trace_id,
    )


def _exemplar_filter() -> ExemplarFilter:
    """Give the filter of `OTEL_METRICS_EXEMPLAR_FILTER`; the SDK itself refuses a value that it doesn't know."""
    name = os.environ.get(OTEL_METRICS_EXEMPLAR_FILTER, "").strip().lower()
    return _FILTERS.get(name, TraceBasedExemplarFilter)()


def with_metrics(data: MetricsData, metrics: Sequence[Metric]) -> MetricsData:
    """Give collected data with `metrics` in it, in our scope of the first resource."""
    if not metrics or not data.resource_metrics:
        return data
    first, *rest = data.resource_metrics
    scopes = list(first.scope_metrics)
    for index, scope in enumerate(scopes):
        if scope.scope == _SCOPE:
            scopes[index] = dataclasses.replace(scope, metrics=[*scope.metrics, *metrics])
            break
    else:
        scopes.append(ScopeMetrics(_SCOPE, metrics, semconv.SCHEMA_URL))
    return MetricsData([dataclasses.replace(first, scope_metrics=scopes), *rest])
