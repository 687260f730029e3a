"""OTLP metrics -> rows.

Not stored, but counted as rejected: summaries, points without a value or with one that is not finite, histograms of
more than `MAX_COUNT` observations, points without a time or older than what is kept, sums and histograms of unspecified
temporality. A point flagged "no recorded value" is skipped: it says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags

from socketscope.store.attributes import canonical, mapping_of
from socketscope.store.buckets import COARSEST, FINEST, Explicit, Exponential, Shape
from socketscope.store.rows import MAX_COUNT, MAX_NS, Batch, HistogramRow
from socketscope.store.series import Series, TooManySeriesError
from socketscope.store.streams import BadBoundsError, Stream, Streams

_TEMPORALITY: Final = {
    AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE: "cumulative",
    AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA: "delta",
}
_NO_VALUE: Final = int(DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK)


def decode_metrics(request: Any, streams: Streams, *, oldest_ns: int = 0) -> Batch:
    """Take the points of a `wire.MetricsRequest` that are newer than `oldest_ns`.

    Raises protobuf's `DecodeError` where a resource, scope or attribute can't be decoded.
    """
    batch = Batch()
    for per_resource in request.resource_metrics:
        for per_scope in per_resource.scope_metrics:
            for metric in per_scope.metrics:
                _decode_metric(batch, streams, (per_resource.resource, per_scope.scope), metric, oldest_ns)
    return batch


def _decode_metric(batch: Batch, streams: Streams, of: tuple[bytes, bytes], metric: Any, oldest_ns: int) -> None:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    if kind == "summary":
        for _ in data.data_points:
            batch.reject(f"{metric.name}: summaries are not stored")
        return
    temporality = "" if kind == "gauge" else _TEMPORALITY.get(data.aggregation_temporality)
    if temporality is None:
        for _ in data.data_points:
            batch.reject(f"{metric.name}: aggregation temporality is unspecified")
        return
    monotonic = bool(data.is_monotonic) if kind == "sum" else kind != "gauge"
    stream = streams.stream(*of, metric, kind, temporality, monotonic=monotonic)
    if kind in {"gauge", "sum"}:
        _decode_numbers(batch, stream, data.data_points, oldest_ns)
    else:
        _decode_histograms(batch, stream, data.data_points, oldest_ns)


def _decode_numbers(batch: Batch, stream: Stream, points: Iterable[Any], oldest_ns: int) -> None:
    numbers, series_of = batch.numbers, stream.series_of
    for point in points:
        if point.flags & _NO_VALUE:
            continue
        time_ns, start_ns = point.time_unix_nano, point.start_time_unix_nano
        value = point.as_double or float(point.as_int)  # the one that is not there is 0
        if not (oldest_ns < time_ns <= MAX_NS and start_ns <= MAX_NS and isfinite(value)):
            batch.reject(f"{stream.name}: {_wrong_time(point, oldest_ns) or 'the value is not finite'}")
            continue
        if not value and point.WhichOneof("value") is None:
            batch.reject(f"{stream.name}: the point has no value")
            continue
        try:
            series = series_of(point)
        except TooManySeriesError as error:
            batch.reject(f"{stream.name}: {error}")
            continue
        numbers.append((series, time_ns, start_ns, value))
        if point.exemplars:
            _decode_exemplars(batch, series, point.exemplars)


def _decode_histograms(batch: Batch, stream: Stream, points: Iterable[Any], oldest_ns: int) -> None:
    for point in points:
        if point.flags & _NO_VALUE:
            continue
        shape = _explicit(point) if stream.kind == "histogram" else _exponential(point)
        wrong = _wrong_time(point, oldest_ns) or _wrong_histogram(point, shape)
        if wrong is not None:
            batch.reject(f"{stream.name}: {wrong}")
            continue
        try:
            series = stream.series_of(point)
        except (TooManySeriesError, BadBoundsError) as error:
            batch.reject(f"{stream.name}: {error}")
            continue
        row = HistogramRow(
            series,
            point.time_unix_nano,
            point.start_time_unix_nano,
            point.count,
            point.sum if point.HasField("sum") else None,
            point.min if point.HasField("min") else None,
            point.max if point.HasField("max") else None,
            shape,
        )
        batch.histograms.append(row)
        if point.exemplars:
            _decode_exemplars(batch, series, point.exemplars)


def _explicit(point: Any) -> Shape:
    # Without bounds there is one bucket, and OTLP allows to leave its count out too.
    return Explicit(list(point.bucket_counts) or [point.count])


def _exponential(point: Any) -> Shape:
    return Exponential(
        point.scale,
        point.zero_count,
        point.zero_threshold,
        point.positive.offset,
        list(point.positive.bucket_counts),
        point.negative.offset,
        list(point.negative.bucket_counts),
    )


def _decode_exemplars(batch: Batch, series: Series, exemplars: Iterable[Any]) -> None:
    for exemplar in exemplars:
        value = exemplar.as_double or float(exemplar.as_int)
        if 0 < exemplar.time_unix_nano <= MAX_NS and isfinite(value):
            columns = (
                exemplar.time_unix_nano,
                value,
                exemplar.trace_id.hex() or None,
                exemplar.span_id.hex() or None,
                canonical(mapping_of(map(KeyValue.FromString, exemplar.filtered_attributes))),
            )
            batch.exemplars.append((series, columns))


def _wrong_time(point: Any, oldest_ns: int) -> str | None:
    if not 0 < point.time_unix_nano <= MAX_NS:
        return "time_unix_nano is missing or out of range"
    if point.start_time_unix_nano > MAX_NS:
        return "start_time_unix_nano is out of range"
    if point.time_unix_nano <= oldest_ns:
        return "the point is older than the points that are kept"
    return None


def _wrong_histogram(point: Any, shape: Shape) -> str | None:
    if point.count > MAX_COUNT or not (isfinite(point.sum) and isfinite(point.min) and isfinite(point.max)):
        return "count, sum, min or max is out of range"
    if isinstance(shape, Exponential):
        if not COARSEST <= shape.scale <= FINEST:
            return f"scale {shape.scale} is not within {COARSEST}..{FINEST}"
        if not 0 <= shape.zero_threshold < float("inf"):
            return "zero_threshold is out of range"
        counted = shape.zero_count + sum(shape.positive_counts) + sum(shape.negative_counts)
    else:
        bounds = len(point.explicit_bounds)
        if len(shape.counts) != bounds + 1:
            return f"{bounds} bounds need {bounds + 1} counts, not {len(shape.counts)}"
        counted = sum(shape.counts)
    return "the buckets' counts are out of range" if counted > MAX_COUNT else None
