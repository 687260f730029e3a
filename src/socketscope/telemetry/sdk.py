"""The only place that knows the OpenTelemetry SDK: pre-aggregated histograms on their way out, set-up for `run`.

The API has no way to hand over a histogram that is already aggregated, so an exporter wrapper appends ours to what
the SDK collected, through public types only (docs/decisions/0002).
"""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.environment_variables import OTEL_METRICS_EXEMPLAR_FILTER
from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    Exemplar,
    ExemplarFilter,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ScopeMetrics,
)
from opentelemetry.sdk.metrics.export import ExponentialHistogram as ExponentialHistogramData
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.metrics.view import Aggregation, ExponentialBucketHistogramAggregation
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from socketscope import __version__, semconv
from socketscope.errors import ConfigurationError
from socketscope.telemetry.exemplars import Exemplar as KeptExemplar
from socketscope.telemetry.histogram import NS, Histogram
from socketscope.telemetry.process import Telemetry, process_telemetry

_logger = logging.getLogger(__name__)

_SCOPE = InstrumentationScope(semconv.SCOPE, __version__, semconv.SCHEMA_URL)

_UNKNOWN: Any = None
"""Of a histogram's extremes, which cells do not keep: optional in OTLP, and missing in the types of the SDK."""

_MAX_SIZE: Final = 160
"""Most buckets of an exponential histogram, as the SDK has it."""

_READ_BY: Final = "_socketscope"
"""Attribute of the readers that export our histograms."""

_RECEIVE: Final = "_receive_metrics"
"""The method by which a reader is given what was collected."""

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
        metrics: dict[semconv.Metric, list[Any]] = {}
        for histogram in self._telemetry.settled().histograms():
            now = time.time_ns()
            start, part = histogram.start_ns, histogram
            if self._temporality is AggregationTemporality.DELTA:
                key = (histogram.metric.name, tuple(sorted(histogram.attributes.items())))
                before, until = self._exported.get(key, (None, 0))
                self._exported[key] = (histogram, now)
                # A forked child, which begins at zero, has its parent's memory.
                if before is not None and before.start_ns == histogram.start_ns:
                    start, part = until, _difference(histogram, before)
            point = self._exponential if self._max_size else self._explicit
            metrics.setdefault(histogram.metric, []).append(point(part, start, now))
        kind = ExponentialHistogramData if self._max_size else HistogramData
        return [
            Metric(metric.name, metric.description, metric.unit, kind(points, self._temporality))
            for metric, points in metrics.items()
        ]

    def _explicit(self, histogram: Histogram, start: int, now: int) -> HistogramDataPoint:
        return HistogramDataPoint(
            attributes=dict(histogram.attributes),
            start_time_unix_nano=start,
            time_unix_nano=now,
            count=sum(histogram.counts),
            sum=histogram.sum,
            bucket_counts=list(histogram.counts),
            explicit_bounds=list(histogram.metric.buckets),
            min=_UNKNOWN,
            max=_UNKNOWN,
            exemplars=self._exemplars(histogram),
        )

    def _exponential(self, histogram: Histogram, start: int, now: int) -> ExponentialHistogramDataPoint:
        offset, counts, scale = exponential_buckets(histogram.cells, histogram.exponent, self._max_size)
        return ExponentialHistogramDataPoint(
            attributes=dict(histogram.attributes),
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


def append_to_readers(provider: object, telemetry: Telemetry) -> None:
    """Let every reader of a user's own `provider` export our histograms, each with its own temporality; once each.

    It may be called again: readers may be added. The SDK has no public way to add what is aggregated already, so what
    a reader passes on is taken in between (`MetricReader._receive_metrics`, abstract and the same since SDK 1.12).
    Where it is not as expected, no histogram is exported, and it is logged once.
    """
    config = getattr(provider, "_sdk_config", None)
    added_later = getattr(getattr(provider, "_measurement_consumer", None), "_reader_storages", ())
    for reader in (*getattr(provider, "_metric_readers", ()), *added_later):
        if _READ_BY in vars(reader) or isinstance(getattr(reader, "_exporter", None), HistogramExporter):
            continue
        vars(reader)[_READ_BY] = True
        try:
            appender = HistogramAppender(
                telemetry,
                _of_histograms(reader, "_instrument_class_temporality"),
                _of_histograms(reader, "_instrument_class_aggregation"),
                getattr(config, "exemplar_filter", None),
            )
            vars(reader)[_RECEIVE] = _appending(getattr(reader, _RECEIVE), appender)
        except (AttributeError, StopIteration):
            _logger.warning("histograms can't be exported by %r: this version of the SDK is unknown", reader)


def _of_histograms(reader: object, preference: str) -> Any:
    by_instrument: Mapping[type, Any] = getattr(reader, preference)
    return next(value for kind, value in by_instrument.items() if issubclass(kind, HistogramInstrument))


def _appending(receive: Callable[..., None], appender: HistogramAppender) -> Callable[..., None]:
    def receive_metrics(metrics_data: MetricsData, *args: Any, **kwargs: Any) -> None:
        try:
            metrics_data = _with(metrics_data, appender.metrics())
        except Exception:  # whatever fails in ours: theirs are exported, and the reader's thread lives on
            _logger.exception("histograms could not be exported")
        receive(metrics_data, *args, **kwargs)

    return receive_metrics


def _with(data: MetricsData, metrics: Sequence[Metric]) -> MetricsData:
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


class HistogramExporter(MetricExporter):
    """An exporter that adds socketscope's histograms to every batch and passes it to `inner`."""

    def __init__(self, inner: MetricExporter, telemetry: Telemetry | None = None) -> None:
        # The SDK reads these two of every exporter; passing them on keeps the inner one's temporality.
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)  # noqa: SLF001
        self._inner = inner
        preferred: Mapping[type, AggregationTemporality] = self._preferred_temporality or {}
        temporality = preferred.get(HistogramInstrument, AggregationTemporality.CUMULATIVE)
        aggregations: Mapping[type, Aggregation] = self._preferred_aggregation or {}
        self._appender = HistogramAppender(
            telemetry or process_telemetry(), temporality, aggregations.get(HistogramInstrument)
        )

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export `metrics_data` with our histograms in it."""
        # One call at a time: the SDK's reader holds a lock around it.
        return self._inner.export(_with(metrics_data, self._appender.metrics()), timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Flush the inner exporter."""
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Shut the inner exporter down."""
        self._inner.shutdown(timeout_millis, **kwargs)


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
