"""OTLP requests for tests, in protobuf, from plain Python values. Times are seconds since `T0`."""

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
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
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

T0 = 1_800_000_000
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


def ns(seconds):
    return int((T0 + seconds) * 1_000_000_000)


def any_value(value):
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    return AnyValue(string_value=value)


def key_values(attributes):
    return [KeyValue(key=key, value=any_value(value)) for key, value in (attributes or {}).items()]


def resource(instance="one", **more):
    return Resource(attributes=key_values({"service.name": "chat", "service.instance.id": instance, **more}))


def number(time, value, *, start=0.0, attributes=None):
    return NumberDataPoint(
        time_unix_nano=ns(time),
        start_time_unix_nano=ns(start) if start is not None else 0,
        as_double=float(value),
        attributes=key_values(attributes),
    )


def counter(name, *points, temporality=CUMULATIVE, monotonic=True):
    return Metric(
        name=name,
        unit="{message}",
        sum=Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=monotonic),
    )


def gauge(name, *points):
    return Metric(name=name, unit="1", gauge=Gauge(data_points=points))


def histogram(name, *points, temporality=CUMULATIVE):
    return Metric(name=name, unit="s", histogram=Histogram(data_points=points, aggregation_temporality=temporality))


def buckets(time, bounds, counts, *, start=0.0, attributes=None):
    return HistogramDataPoint(
        time_unix_nano=ns(time),
        start_time_unix_nano=ns(start),
        count=sum(counts),
        sum=0.0,
        explicit_bounds=bounds,
        bucket_counts=counts,
        attributes=key_values(attributes),
    )


def exponential(name, *points, temporality=CUMULATIVE):
    data = ExponentialHistogram(data_points=points, aggregation_temporality=temporality)
    return Metric(name=name, unit="s", exponential_histogram=data)


def exponents(time, scale, positive, *, negative=None, zero=0, threshold=0.0, start=0.0, total=0.0, attributes=None):
    """A point of an exponential histogram; buckets as {index: count}."""
    sides = []
    for side in (positive, negative or {}):
        low = min(side, default=0)
        counts = [side.get(index, 0) for index in range(low, max(side, default=low - 1) + 1)]
        sides.append(ExponentialHistogramDataPoint.Buckets(offset=low, bucket_counts=counts))
    return ExponentialHistogramDataPoint(
        time_unix_nano=ns(time),
        start_time_unix_nano=ns(start),
        count=zero + sum(positive.values()) + sum((negative or {}).values()),
        sum=total,
        scale=scale,
        zero_count=zero,
        zero_threshold=threshold,
        positive=sides[0],
        negative=sides[1],
        attributes=key_values(attributes),
    )


def metrics_request(*metrics, of=None):
    scope_metrics = ScopeMetrics(scope=InstrumentationScope(name="test", version="1"), metrics=metrics)
    return ExportMetricsServiceRequest(
        resource_metrics=[ResourceMetrics(resource=of or resource(), scope_metrics=[scope_metrics])]
    )


def event(time, name, attributes=None, *, body=None):
    """An event; keys of `attributes` are names or attributes of semconv."""
    return LogRecord(
        time_unix_nano=ns(time),
        event_name=name,
        severity_number=9,
        body=any_value(body) if body is not None else None,
        attributes=key_values({getattr(key, "name", key): value for key, value in (attributes or {}).items()}),
    )


def logs_request(*records, of=None):
    scope_logs = ScopeLogs(scope=InstrumentationScope(name="test"), log_records=records)
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=of or resource(), scope_logs=[scope_logs])])


def span(name, time, **fields):
    return Span(
        **{
            "trace_id": b"t" * 16,
            "span_id": b"s" * 8,
            "name": name,
            "start_time_unix_nano": ns(time),
            "end_time_unix_nano": ns(time + 1),
            **fields,
        }
    )


def traces_request(*spans, of=None):
    scope_spans = ScopeSpans(scope=InstrumentationScope(name="test"), spans=spans)
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=of or resource(), scope_spans=[scope_spans])]
    )


def put(store, request):
    """Store a request by the receivers' own path and wait for its commit; the encoded answer comes back."""
    from socketscope.store.ingest import SIGNALS, submit

    of_type = {
        ExportMetricsServiceRequest: "metrics",
        ExportTraceServiceRequest: "traces",
        ExportLogsServiceRequest: "logs",
    }
    [signal] = [signal for signal in SIGNALS if signal.name == of_type[type(request)]]
    answer, committed = submit(store, signal, request.SerializeToString())
    committed.result()
    return answer
