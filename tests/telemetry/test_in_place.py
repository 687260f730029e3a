from typing import Any

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)

from socketscope.telemetry.clock import Clock
from socketscope.telemetry.in_place import Way, ways_out
from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.sdk import HistogramExporter

DURATION = "websocket.server.handshake.duration"


class Kept(MetricExporter):
    """Somebody's exporter: keeps what it gets."""

    def __init__(self, temporality: AggregationTemporality = AggregationTemporality.CUMULATIVE) -> None:
        super().__init__({Counter: temporality, Histogram: temporality})
        self.counts: list[int] = []
        self.temporalities: set[AggregationTemporality] = set()
        self.ended = False

    def export(self, metrics_data: Any, timeout_millis: float = 10_000, **_: Any) -> MetricExportResult:
        for resource in metrics_data.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == DURATION:
                        self.counts += [point.count for point in metric.data.data_points]
                        self.temporalities.add(metric.data.aggregation_temporality)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **_: Any) -> None:
        self.ended = True


def periodic(exporter: MetricExporter) -> PeriodicExportingMetricReader:
    return PeriodicExportingMetricReader(exporter, export_interval_millis=1e9)


def shake_hands(telemetry: Telemetry) -> None:
    accumulators = telemetry.accumulators
    accumulators.connections.answered(accumulators.where("/ws", 80), "accepted", 101, 1_000_000)


def test_every_reader_gets_histograms_in_its_own_temporality() -> None:
    cumulative, delta = Kept(), Kept(AggregationTemporality.DELTA)
    provider = MeterProvider([periodic(cumulative), periodic(delta)], shutdown_on_exit=False)
    telemetry = Telemetry(clock=Clock())
    telemetry.switch_on(provider=provider)
    for _ in range(2):
        shake_hands(telemetry)
        provider.force_flush()
    assert (cumulative.counts, cumulative.temporalities) == ([1, 2], {AggregationTemporality.CUMULATIVE})
    assert (delta.counts, delta.temporalities) == ([1, 1], {AggregationTemporality.DELTA})
    provider.shutdown()
    assert cumulative.ended
    assert delta.ended


def test_an_exporter_that_has_histograms_is_left_alone() -> None:
    telemetry, kept = Telemetry(clock=Clock()), Kept()
    provider = MeterProvider([periodic(HistogramExporter(kept, telemetry))], shutdown_on_exit=False)
    telemetry.switch_on(provider=provider)
    telemetry.switch_on(provider=provider)
    shake_hands(telemetry)
    provider.force_flush()
    assert kept.counts == [1]
    provider.shutdown()


def test_it_is_told_which_ways_have_histograms() -> None:
    provider = MeterProvider([periodic(Kept()), InMemoryMetricReader()], shutdown_on_exit=False)
    names = ("Kept", "InMemoryMetricReader")
    assert ways_out(provider) == [Way(name, with_histograms=False, will_have=True) for name in names]
    telemetry = Telemetry(clock=Clock())
    telemetry.switch_on(provider=provider)
    provider.force_flush()
    assert ways_out(provider) == [Way(name, with_histograms=True) for name in names]
    provider.add_metric_reader(periodic(Kept()))
    assert ways_out(provider)[2].will_have
    provider.shutdown()


@pytest.mark.parametrize("provider", [metrics.NoOpMeterProvider(), object()])
def test_a_provider_of_another_kind_is_left_as_it_is(provider: object) -> None:
    assert ways_out(provider) == []
    telemetry = Telemetry(clock=Clock())
    if isinstance(provider, metrics.MeterProvider):
        telemetry.switch_on(provider=provider)
    assert ways_out(provider) == []
