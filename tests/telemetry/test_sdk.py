from typing import Any

import pytest
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)

from socketscope.errors import ConfigurationError
from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.sdk import HistogramExporter, OtlpExporter


class Kept(MetricExporter):
    def __init__(self, temporality: AggregationTemporality) -> None:
        super().__init__({Histogram: temporality, Counter: temporality})
        self.batches: list[MetricsData] = []
        self.was_shut_down = False

    def export(self, metrics_data: MetricsData, timeout_millis: float = 1, **_: Any) -> MetricExportResult:
        self.batches.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 1) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 1, **_: Any) -> None:
        self.was_shut_down = True

    def points(self, metric: str) -> list[list[tuple[int, float, int, int]]]:
        return [
            [
                (point.count, point.sum, point.start_time_unix_nano, point.time_unix_nano)
                for resource in batch.resource_metrics
                for scope in resource.scope_metrics
                for found in scope.metrics
                if found.name == metric
                for point in found.data.data_points
            ]
            for batch in self.batches
        ]


def set_up(temporality: AggregationTemporality) -> tuple[Telemetry, Kept, MeterProvider]:
    telemetry = Telemetry()
    inner = Kept(temporality)
    reader = PeriodicExportingMetricReader(HistogramExporter(inner, telemetry), export_interval_millis=1e9)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    telemetry.switch_on(provider=provider)
    return telemetry, inner, provider


def handshakes(telemetry: Telemetry, number: int) -> None:
    for _ in range(number):
        telemetry.accumulators.handshake(("/ws", 80), "accepted", 101, 1_000_000)


NAME = "websocket.server.handshake.duration"


def test_histograms_are_appended_cumulative_by_default() -> None:
    telemetry, inner, provider = set_up(AggregationTemporality.CUMULATIVE)
    handshakes(telemetry, 3)
    provider.force_flush()
    handshakes(telemetry, 2)
    provider.shutdown()
    (first,), (last,) = inner.points(NAME)
    assert (first[0], last[0]) == (3, 5)
    assert first[1] == pytest.approx(0.003)
    assert first[2] == last[2] == telemetry.accumulators.start_ns
    assert inner.was_shut_down


def test_a_delta_exporter_gets_what_came_since_its_last_batch() -> None:
    telemetry, inner, provider = set_up(AggregationTemporality.DELTA)
    for number in (3, 2, 0):
        handshakes(telemetry, number)
        provider.force_flush()
    first, second, third = (batch[0] for batch in inner.points(NAME))
    assert (first[0], second[0], third[0]) == (3, 2, 0)
    assert second[1] == pytest.approx(0.002)
    assert second[2] == first[3]
    provider.shutdown()


def test_the_exporter_is_called_before_any_connection() -> None:
    # The SDK skips an export without points: the histograms of a quiet time would never leave.
    _, inner, provider = set_up(AggregationTemporality.CUMULATIVE)
    provider.force_flush()
    assert len(inner.batches) == 1
    provider.shutdown()


def test_our_histograms_stand_in_our_scope_beside_the_other_metrics() -> None:
    telemetry, inner, provider = set_up(AggregationTemporality.CUMULATIVE)
    provider.get_meter("theirs").create_counter("their.counter").add(1)
    handshakes(telemetry, 1)
    provider.shutdown()
    scopes = {
        scope.scope.name: {metric.name for metric in scope.metrics}
        for scope in inner.batches[-1].resource_metrics[0].scope_metrics
    }
    assert scopes["theirs"] == {"their.counter"}
    assert {NAME, "websocket.server.handshakes"} <= scopes["socketscope"]


def test_an_unknown_protocol_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke")
    with pytest.raises(ConfigurationError, match=r"OTEL_EXPORTER_OTLP_PROTOCOL='smoke'.*'grpc' or 'http/protobuf'"):
        OtlpExporter()
