"""The only place that knows the OpenTelemetry SDK: pre-aggregated histograms on their way out, set-up for `run`.

The API has no way to hand over a histogram that is already aggregated, so an exporter wrapper appends ours to what
the SDK collected, through public types only (docs/decisions/0002).
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ScopeMetrics,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from socketscope import __version__, semconv
from socketscope.errors import ConfigurationError
from socketscope.telemetry.batches import in_pieces
from socketscope.telemetry.histogram import Histogram
from socketscope.telemetry.process import Telemetry, process_telemetry

_SCOPE = InstrumentationScope(semconv.SCOPE, __version__, semconv.SCHEMA_URL)

_UNKNOWN: Any = None
"""Of a histogram's extremes, which cells do not keep: optional in OTLP, and missing in the types of the SDK."""

_Key = tuple[str, tuple[tuple[str, str | int], ...]]


class HistogramAppender:
    """Turns the accumulators' histograms into the SDK's metrics, cumulative or as what came since the last call."""

    def __init__(self, telemetry: Telemetry, temporality: AggregationTemporality) -> None:
        self._telemetry = telemetry
        self._temporality = temporality
        self._exported: dict[_Key, tuple[Histogram, int]] = {}

    def metrics(self) -> list[Metric]:
        """Give one SDK metric for each histogram metric with data."""
        points: dict[semconv.Metric, list[HistogramDataPoint]] = {}
        for histogram in self._telemetry.settled().histograms():
            now = time.time_ns()
            start = histogram.start_ns
            counts, total = list(histogram.counts), histogram.sum
            if self._temporality is AggregationTemporality.DELTA:
                key = (histogram.metric.name, tuple(sorted(histogram.attributes.items())))
                before, start = self._exported.get(key, (None, start))
                self._exported[key] = (histogram, now)
                if before is not None and before.start_ns == histogram.start_ns:
                    counts = [new - old for new, old in zip(counts, before.counts, strict=True)]
                    total -= before.sum
            points.setdefault(histogram.metric, []).append(
                HistogramDataPoint(
                    attributes=dict(histogram.attributes),
                    start_time_unix_nano=start,
                    time_unix_nano=now,
                    count=sum(counts),
                    sum=total,
                    bucket_counts=counts,
                    explicit_bounds=list(histogram.metric.buckets),
                    min=_UNKNOWN,
                    max=_UNKNOWN,
                )
            )
        return [
            Metric(metric.name, metric.description, metric.unit, HistogramData(data, self._temporality))
            for metric, data in points.items()
        ]


class HistogramExporter(MetricExporter):
    """An exporter that adds socketscope's histograms to every batch and passes it to `inner`."""

    def __init__(self, inner: MetricExporter, telemetry: Telemetry | None = None) -> None:
        # The SDK reads these two of every exporter; passing them on keeps the inner one's temporality.
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)  # noqa: SLF001
        self.inner = inner
        preferred: Mapping[type, AggregationTemporality] = self._preferred_temporality or {}
        temporality = preferred.get(HistogramInstrument, AggregationTemporality.CUMULATIVE)
        self._appender = HistogramAppender(telemetry or process_telemetry(), temporality)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export `metrics_data` with our histograms in it."""
        # One call at a time: the SDK's reader holds a lock around it.
        result = MetricExportResult.SUCCESS
        for piece in in_pieces(self._with_histograms(metrics_data)):
            if self.inner.export(piece, timeout_millis, **kwargs) is not MetricExportResult.SUCCESS:
                result = MetricExportResult.FAILURE
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush the inner exporter."""
        return self.inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Shut the inner exporter down."""
        self.inner.shutdown(timeout_millis, **kwargs)

    def _with_histograms(self, data: MetricsData) -> MetricsData:
        metrics = self._appender.metrics()
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


class OtlpExporter(HistogramExporter):
    """`OTEL_METRICS_EXPORTER=socketscope`: OTLP as the standard variables configure it, with our histograms.

    Raises `ConfigurationError` for an unknown `OTEL_EXPORTER_OTLP_PROTOCOL`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_otlp_exporter(**kwargs))


def _otlp_exporter(**kwargs: Any) -> MetricExporter:
    variable = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"
    if variable not in os.environ:
        variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = os.environ.get(variable, "grpc").strip()
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter

        return GrpcExporter(**kwargs)
    if protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter

        return HttpExporter(**kwargs)
    raise ConfigurationError(variable, protocol, "'grpc' or 'http/protobuf'")
