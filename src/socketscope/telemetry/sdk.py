"""Our own exporters: histograms that are aggregated already, in all that goes out; `OTEL_METRICS_EXPORTER=socketscope`.

The API has no way to hand over a histogram that is already aggregated, so an exporter wrapper appends ours to what
the SDK collected, through public types only (docs/decisions/0002).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.metrics.view import Aggregation

from socketscope.telemetry.appender import HistogramAppender, with_metrics
from socketscope.telemetry.batches import POINTS, in_pieces
from socketscope.telemetry.destinations import otlp_protocol
from socketscope.telemetry.process import Telemetry, process_telemetry


class HistogramExporter(MetricExporter):
    """An exporter that adds socketscope's histograms to every batch and passes it to `inner`."""

    def __init__(self, inner: MetricExporter, telemetry: Telemetry | None = None) -> None:
        # The SDK reads these two of every exporter; passing them on keeps the inner one's temporality.
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)  # noqa: SLF001
        self.inner = inner
        preferred: Mapping[type, AggregationTemporality] = self._preferred_temporality or {}
        temporality = preferred.get(HistogramInstrument, AggregationTemporality.CUMULATIVE)
        aggregations: Mapping[type, Aggregation] = self._preferred_aggregation or {}
        self._appender = HistogramAppender(
            telemetry or process_telemetry(), temporality, aggregations.get(HistogramInstrument)
        )

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export `metrics_data` with our histograms in it."""
        # One call at a time: the SDK's reader holds a lock around it.
        result = MetricExportResult.SUCCESS
        for piece in chain(in_pieces(metrics_data), self._histograms(metrics_data)):
            if self.inner.export(piece, timeout_millis, **kwargs) is not MetricExportResult.SUCCESS:
                result = MetricExportResult.FAILURE
        return result

    def _histograms(self, data: MetricsData) -> Iterator[MetricsData]:
        if data.resource_metrics:
            ours = MetricsData([replace(data.resource_metrics[0], scope_metrics=[])])
            yield from (with_metrics(ours, batch) for batch in self._appender.batches(POINTS))

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush the inner exporter."""
        return self.inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Shut the inner exporter down."""
        self.inner.shutdown(timeout_millis, **kwargs)


class OtlpExporter(HistogramExporter):
    """`OTEL_METRICS_EXPORTER=socketscope`: OTLP as the standard variables configure it, with our histograms.

    Raises `ConfigurationError` for an unknown `OTEL_EXPORTER_OTLP_PROTOCOL`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_otlp_exporter(**kwargs))


def _otlp_exporter(**kwargs: Any) -> MetricExporter:
    if otlp_protocol("metrics", os.environ) == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter

        return GrpcExporter(**kwargs)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter

    return HttpExporter(**kwargs)
