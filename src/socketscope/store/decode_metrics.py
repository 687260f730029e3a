"""OTLP metrics -> rows. Pure.

Not stored, but counted as rejected: summaries, values that are not finite, numbers beyond 63 bits, points without a
time, sums and histograms of unspecified temporality. A point flagged "no recorded value" is skipped: it says that
there is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
)

from socketscope.store.attributes import canonical, mapping_of, resource_of
from socketscope.store.rows import MAX_NS, Batch, Resource, SeriesKey, in_range

_TEMPORALITY = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
}
_NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK

Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint


class _Stream(NamedTuple):
    """What all points of one metric share."""

    resource: Resource
    scope: InstrumentationScope
    metric: Metric
    kind: str
    temporality: str
    monotonic: bool

    def key(self, point: Point) -> SeriesKey:
        return SeriesKey(
            self.resource,
            self.scope.name,
            self.scope.version,
            self.metric.name,
            self.kind,
            self.metric.unit,
            self.temporality,
            self.monotonic,
            canonical(mapping_of(point.attributes)),
        )


def decode_metrics(resource_metrics: Iterable[ResourceMetrics]) -> Batch:
    """Take the points of an `ExportMetricsServiceRequest.resource_metrics`."""
    batch = Batch()
    for per_resource in resource_metrics:
        resource = resource_of(per_resource.resource)
        for per_scope in per_resource.scope_metrics:
            for metric in per_scope.metrics:
                _decode_metric(batch, resource, per_scope.scope, metric)
    return batch


def _decode_metric(batch: Batch, resource: Resource, scope: InstrumentationScope, metric: Metric) -> None:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    if kind == "gauge":
        _decode_numbers(batch, _Stream(resource, scope, metric, kind, "", monotonic=False), metric.gauge.data_points)
        return
    if kind == "summary":
        for _ in metric.summary.data_points:
            batch.reject(f"{metric.name}: summaries are not stored")
        return
    data = getattr(metric, kind)
    temporality = _TEMPORALITY.get(data.aggregation_temporality)
    if temporality is None:
        for _ in data.data_points:
            batch.reject(f"{metric.name}: aggregation temporality is unspecified")
        return
    if kind == "sum":
        stream = _Stream(resource, scope, metric, kind, temporality, data.is_monotonic)
        _decode_numbers(batch, stream, data.data_points)
    else:
        _decode_histograms(batch, _Stream(resource, scope, metric, kind, temporality, monotonic=True), data.data_points)


def _decode_numbers(batch: Batch, stream: _Stream, points: Iterable[NumberDataPoint]) -> None:
    for point in points:
        if point.flags & _NO_VALUE:
            continue
        value = float(point.as_int) if point.WhichOneof("value") == "as_int" else point.as_double
        wrong = _wrong_time(point)
        if wrong is None and not math.isfinite(value):
            wrong = "the value is not finite"
        if wrong is not None:
            batch.reject(f"{stream.metric.name}: {wrong}")
            continue
        batch.numbers.append((stream.key(point), point.time_unix_nano, point.start_time_unix_nano, value))


def _decode_histograms(
    batch: Batch, stream: _Stream, points: Iterable[HistogramDataPoint | ExponentialHistogramDataPoint]
) -> None:
    for point in points:
        if point.flags & _NO_VALUE:
            continue
        wrong = _wrong_time(point) or _wrong_histogram(point)
        if wrong is not None:
            batch.reject(f"{stream.metric.name}: {wrong}")
            continue
        common = (
            point.time_unix_nano,
            point.start_time_unix_nano,
            point.count,
            point.sum if point.HasField("sum") else None,
            point.min if point.HasField("min") else None,
            point.max if point.HasField("max") else None,
        )
        if isinstance(point, HistogramDataPoint):
            # Without bounds there is one bucket, and OTLP allows to leave its count out too.
            shape: tuple[object, ...] = (
                list(point.explicit_bounds),
                list(point.bucket_counts) or [point.count],
                *[None] * 7,
            )
        else:
            shape = (
                None, None, point.scale, point.zero_count, point.zero_threshold,
                point.positive.offset, list(point.positive.bucket_counts),
                point.negative.offset, list(point.negative.bucket_counts),
            )  # fmt: skip
        batch.histograms.append((stream.key(point), (*common, *shape)))


def _wrong_time(point: Point) -> str | None:
    if not 0 < point.time_unix_nano <= MAX_NS:
        return "time_unix_nano is missing or out of range"
    if point.start_time_unix_nano > MAX_NS:
        return "start_time_unix_nano is out of range"
    return None


def _wrong_histogram(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> str | None:
    if not in_range((point.count,)) or not math.isfinite(point.sum):
        return "count or sum is out of range"
    if isinstance(point, ExponentialHistogramDataPoint):
        counts = (point.zero_count, *point.positive.bucket_counts, *point.negative.bucket_counts)
        return None if in_range(counts) else "a bucket's count is out of range"
    bounds = point.explicit_bounds
    if len(point.bucket_counts) != len(bounds) + 1 and (bounds or point.bucket_counts):
        return f"{len(bounds)} bounds need {len(bounds) + 1} counts, not {len(point.bucket_counts)}"
    if not all(map(math.isfinite, bounds)) or any(a >= b for a, b in pairwise(bounds)):
        return "bounds are not finite and rising"
    return None if in_range(point.bucket_counts) else "a bucket's count is out of range"
