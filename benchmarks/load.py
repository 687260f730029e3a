"""OTLP as many processes of a service send it: the same series again and again, with new times and values."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
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
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from socketscope import semconv

CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
ROUTES: Final = ("/ws/chat/{room}", "/ws/feed", "/ws/presence")
SCOPE: Final = InstrumentationScope(name=semconv.SCOPE, version="1")


def pairs(**values: Any) -> list[KeyValue]:
    """Attributes; `__` in a name stands for a dot."""
    return [
        KeyValue(key=name.replace("__", "."), value=_value(value))
        for name, value in values.items()
        if value is not None
    ]


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=value)


def resource(instance: str) -> Resource:
    """Six attributes, as the SDK's detectors give them."""
    return Resource(
        attributes=pairs(
            service__name="chat",
            service__instance__id=instance,
            service__version="1.4.2",
            host__name=f"host-{int(instance[1:]) // 4}",
            telemetry__sdk__name="opentelemetry",
            telemetry__sdk__language="python",
        )
    )


class Fleet:
    """Processes that export together: of each 50 series, among them 5 histograms with 15 buckets."""

    SERIES: Final = 50

    def __init__(self, names: Iterable[str], start_ns: int) -> None:
        self.names = list(names)
        self._random = random.Random(len(self.names))  # noqa: S311  # a load, no secret
        # Filled in once: an export changes times and values only, which is what makes encoding a day bearable.
        self._request = ExportMetricsServiceRequest(
            resource_metrics=[
                ResourceMetrics(resource=resource(name), scope_metrics=[ScopeMetrics(scope=SCOPE, metrics=_metrics())])
                for name in self.names
            ]
        )
        metrics = [metric for of in self._request.resource_metrics for metric in of.scope_metrics[0].metrics]
        self._counters = [point for metric in metrics if metric.sum.is_monotonic for point in metric.sum.data_points]
        self._up_downs = [
            point
            for metric in metrics
            if metric.HasField("sum") and not metric.sum.is_monotonic
            for point in metric.sum.data_points
        ]
        self._gauges = [point for metric in metrics for point in metric.gauge.data_points]
        self._histograms = [point for metric in metrics for point in metric.histogram.data_points]
        for point in (*self._counters, *self._up_downs, *self._histograms):
            point.start_time_unix_nano = start_ns

    def metrics(self, time_ns: int) -> bytes:
        """Encode the next export of all of them as one request."""
        for number, point in enumerate(self._counters):
            point.time_unix_nano = time_ns
            point.as_int += number % 40
        for point in self._up_downs:
            point.time_unix_nano = time_ns
            point.as_int = max(0, point.as_int + self._random.randint(-3, 3))
        for point in self._gauges:
            point.time_unix_nano = time_ns
            point.as_double = self._random.random()
        for point in self._histograms:
            point.time_unix_nano = time_ns
            point.count += 5
            point.sum += 1.5
            for _ in range(5):
                point.bucket_counts[min(int(self._random.expovariate(0.3)), len(point.explicit_bounds))] += 1
        return self._request.SerializeToString()

    def spans(self, each: int, time_ns: int) -> bytes:
        """Encode `each` segments of connections of every process, with eleven attributes, as one request."""
        return ExportTraceServiceRequest(
            resource_spans=[
                ResourceSpans(
                    resource=resource(name),
                    scope_spans=[ScopeSpans(scope=SCOPE, spans=_spans(self._random, each, time_ns))],
                )
                for name in self.names
            ]
        ).SerializeToString()


def _metrics() -> list[Metric]:
    everywhere = [{"http__route": route, "server__port": 8000} for route in ROUTES]
    messages = [
        {**where, "network__io__direction": direction, "websocket__message__type": kind}
        for where in everywhere
        for direction in ("receive", "transmit")
        for kind in ("text", "binary")
    ]
    handshakes = [
        {**where, "websocket__handshake__outcome": outcome, "http__response__status_code": status}
        for where in everywhere
        for outcome, status in (("accepted", 101), ("denied", 403))
    ]
    errors = [{**where, "error__type": "ValueError", "websocket__phase": "handle"} for where in everywhere]
    closed = [
        {**where, "websocket__close__code": 1000, "websocket__close__initiator": "client"} for where in everywhere[:2]
    ]
    cpus = [{"state": state, "cpu": cpu} for state in ("idle", "user", "system") for cpu in (0, 1)]
    return [
        _sum(semconv.MESSAGES, messages),
        _sum(semconv.IO, messages),
        _sum(semconv.HANDSHAKES, handshakes),
        _sum(semconv.ERRORS_TOTAL, errors),
        _sum(semconv.ACTIVE_CONNECTIONS, everywhere, up_down=True),
        _gauge(semconv.SYSTEM_CPU, cpus),
        _gauge(semconv.SYSTEM_MEMORY, [{"state": "used"}, {"state": "free"}]),
        _gauge(semconv.PROCESS_THREADS, [{}]),
        _histogram(semconv.HANDLING_DURATION, everywhere),
        _histogram(semconv.CONNECTION_DURATION, closed),
    ]


def _sum(metric: semconv.Metric, attributes: Iterable[dict[str, Any]], *, up_down: bool = False) -> Metric:
    points = [NumberDataPoint(attributes=pairs(**of), as_int=100 if up_down else 0) for of in attributes]
    data = Sum(data_points=points, aggregation_temporality=CUMULATIVE, is_monotonic=not up_down)
    return Metric(name=metric.name, unit=metric.unit, description=metric.description, sum=data)


def _gauge(metric: semconv.Metric, attributes: Iterable[dict[str, Any]]) -> Metric:
    points = [NumberDataPoint(attributes=pairs(**of), as_double=0) for of in attributes]
    return Metric(name=metric.name, unit=metric.unit, description=metric.description, gauge=Gauge(data_points=points))


def _histogram(metric: semconv.Metric, attributes: Iterable[dict[str, Any]]) -> Metric:
    bounds = metric.buckets[:14]
    points = [
        HistogramDataPoint(attributes=pairs(**of), explicit_bounds=bounds, bucket_counts=[0] * (len(bounds) + 1))
        for of in attributes
    ]
    data = Histogram(data_points=points, aggregation_temporality=CUMULATIVE)
    return Metric(name=metric.name, unit=metric.unit, description=metric.description, histogram=data)


def _spans(rng: random.Random, number: int, time_ns: int) -> Iterator[Span]:
    for _ in range(number):
        yield Span(
            trace_id=rng.randbytes(16),
            span_id=rng.randbytes(8),
            parent_span_id=rng.randbytes(8),
            name=f"WS {ROUTES[0]} segment",
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=time_ns - 10**9,
            end_time_unix_nano=time_ns,
            attributes=pairs(
                http__route=ROUTES[0],
                server__port=8000,
                client__address="192.0.2.0",
                user_agent__original="Mozilla/5.0 (X11; Linux x86_64)",
                network__protocol__name="websocket",
                websocket__connection__id=rng.randbytes(8).hex(),
                user__hash=rng.randbytes(8).hex(),
                websocket__segment__messages__received=rng.randint(0, 500),
                websocket__segment__messages__sent=rng.randint(0, 500),
                websocket__segment__bytes__received=rng.randint(0, 50_000),
                websocket__segment__slowest__handling=rng.random(),
            ),
        )
