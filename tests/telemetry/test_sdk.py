import os
from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import AlwaysOnExemplarFilter, Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.trace import SpanContext, TraceFlags

from socketscope import semconv
from socketscope.errors import ConfigurationError
from socketscope.telemetry.appender import HistogramAppender, exponential_buckets
from socketscope.telemetry.batches import POINTS
from socketscope.telemetry.histogram import CELLS, DURATION_EXPONENT, SIZE_EXPONENT, duration_cell, size_cell
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
        """Give the points of a metric, by the pieces that have any."""
        pieces = [
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
        return [points for points in pieces if points]


def set_up(temporality: AggregationTemporality) -> tuple[Telemetry, Kept, MeterProvider]:
    telemetry = Telemetry()
    inner = Kept(temporality)
    reader = PeriodicExportingMetricReader(HistogramExporter(inner, telemetry), export_interval_millis=1e9)
    provider = MeterProvider([reader], shutdown_on_exit=False)
    telemetry.switch_on(provider=provider)
    return telemetry, inner, provider


def handshakes(telemetry: Telemetry, number: int) -> None:
    for _ in range(number):
        telemetry.accumulators.connections.answered(("/ws", 80), "accepted", 101, 1_000_000)


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
    scopes: dict[str, set[str]] = {}
    for batch in inner.batches:
        (resource,) = batch.resource_metrics
        assert resource.resource.attributes["telemetry.sdk.name"] == "opentelemetry"
        for scope in resource.scope_metrics:
            scopes.setdefault(scope.scope.name, set()).update(metric.name for metric in scope.metrics)
    assert scopes["theirs"] == {"their.counter"}
    assert {NAME, "websocket.server.handshakes"} <= scopes["socketscope"]


def test_histograms_leave_in_pieces_too() -> None:
    telemetry, inner, provider = set_up(AggregationTemporality.CUMULATIVE)
    number = 2 * POINTS + 7
    for port in range(number):
        telemetry.accumulators.connections.answered(("/ws", port), "accepted", 101, 1_000_000)
    provider.shutdown()
    pieces = inner.points(NAME)
    assert [len(points) for points in pieces] == [POINTS, POINTS, 7]
    assert sum(count for points in pieces for count, *_ in points) == number


def test_an_unknown_protocol_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke")
    with pytest.raises(ConfigurationError, match=r"OTEL_EXPORTER_OTLP_PROTOCOL='smoke'.*'grpc' or 'http/protobuf'"):
        OtlpExporter()


# exponential --------------------------------

EXPONENTIAL = {Histogram: ExponentialBucketHistogramAggregation()}
PREFERENCE = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"
AGGREGATION = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION"


def one_cell(cell: int) -> list[int]:
    return [int(number == cell) for number in range(CELLS)]


@given(st.integers(2, 1 << 40), st.sampled_from([160, 20, 2]))
def test_a_size_is_in_the_exponential_bucket_that_otlp_would_choose(size: int, max_size: int) -> None:
    offset, counts, scale = exponential_buckets(one_cell(size_cell(size)), SIZE_EXPONENT, max_size)
    assert (counts, scale) == ([1], 0)
    assert 2**offset < size <= 2 ** (offset + 1)


@given(st.integers(2, 1 << 45))
def test_a_duration_is_in_an_exponential_bucket_that_is_seven_percent_too_low_at_most(nanoseconds: int) -> None:
    offset, counts, _ = exponential_buckets(one_cell(duration_cell(nanoseconds)), DURATION_EXPONENT, 160)
    assert counts == [1]
    lower, upper = 2.0**offset, 2.0 ** (offset + 1)
    assert lower < nanoseconds / 1e9 <= upper * 1.074


@given(st.lists(st.integers(0, 9), min_size=CELLS, max_size=CELLS), st.integers(2, 160))
def test_a_lower_scale_loses_nothing_and_keeps_every_bound(cells: list[int], max_size: int) -> None:
    offset, counts, scale = exponential_buckets(cells, 0, max_size)
    assert len(counts) <= max_size
    assert sum(counts) == sum(cells)
    width = 2**-scale
    for number, count in enumerate(counts):
        upper = (offset + number + 1) * width  # exponents of two: the bucket's, and those of the cells in it
        assert count == sum(cells[max(0, upper - width + 1) : max(0, upper + 1)])


def test_the_environment_chooses_temporality_and_aggregation(monkeypatch: pytest.MonkeyPatch) -> None:
    for preference, temporality in (
        ("cumulative", AggregationTemporality.CUMULATIVE),
        ("delta", AggregationTemporality.DELTA),
        ("lowmemory", AggregationTemporality.DELTA),
    ):
        for aggregation, kind in (
            ("explicit_bucket_histogram", "HistogramDataPoint"),
            ("base2_exponential_bucket_histogram", "ExponentialHistogramDataPoint"),
        ):
            monkeypatch.setenv(PREFERENCE, preference)
            monkeypatch.setenv(AGGREGATION, aggregation)
            telemetry = Telemetry()
            handshakes(telemetry, 3)
            exporter = HistogramExporter(OTLPMetricExporter(), telemetry)
            (metric,) = exporter._appender.metrics()
            assert metric.data.aggregation_temporality is temporality
            (point,) = metric.data.data_points
            assert type(point).__name__ == kind
            assert point.count == 3


def test_the_lives_of_connections_are_exponential_too() -> None:
    telemetry = Telemetry()
    for seconds in (0.3, 5.0, 5.1, 4000.0):
        telemetry.accumulators.connections.ended(("/ws", 80), 1000, "client", "", seconds, was_open=True)
    appender = HistogramAppender(telemetry, AggregationTemporality.DELTA, ExponentialBucketHistogramAggregation())
    ((metric,), (later,)) = appender.metrics(), appender.metrics()
    (point,) = metric.data.data_points
    bounds = [2.0 ** (point.positive.offset + number + 1) for number in range(len(point.positive.bucket_counts))]
    expected = [0] * len(bounds)
    for seconds in (0.3, 5.0, 5.1, 4000.0):
        expected[bisect_left(bounds, seconds / 1.0737)] += 1
    assert list(point.positive.bucket_counts) == expected
    assert point.sum == pytest.approx(4010.4)
    assert later.data.data_points[0].count == 0


# under a provider of somebody else's --------------------------------


def counts_of(reader: InMemoryMetricReader) -> list[tuple[str, int]]:
    data = reader.get_metrics_data()
    return [
        (type(point).__name__, point.count)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == NAME
        for point in metric.data.data_points
    ]


def test_every_reader_of_a_provider_exports_histograms_in_its_own_way() -> None:
    explicit, exponential = "HistogramDataPoint", "ExponentialHistogramDataPoint"
    readers = [
        InMemoryMetricReader(),
        InMemoryMetricReader(preferred_temporality={Histogram: AggregationTemporality.DELTA}),
        InMemoryMetricReader(preferred_aggregation=EXPONENTIAL),
    ]
    pushed = Kept(AggregationTemporality.DELTA)
    periodic = PeriodicExportingMetricReader(pushed, export_interval_millis=1e9)
    provider = MeterProvider([*readers, periodic], shutdown_on_exit=False)
    telemetry = Telemetry()
    telemetry.switch_on(provider=provider)
    handshakes(telemetry, 3)
    assert [counts_of(reader) for reader in readers] == [[(explicit, 3)], [(explicit, 3)], [(exponential, 3)]]
    handshakes(telemetry, 2)
    assert [counts_of(reader) for reader in readers] == [[(explicit, 5)], [(explicit, 2)], [(exponential, 5)]]
    periodic.collect()
    handshakes(telemetry, 1)
    provider.shutdown()
    assert [[count for count, *_ in batch] for batch in pushed.points(NAME)] == [[5], [1]]


def test_a_reader_that_is_added_later_exports_them_at_once() -> None:
    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    telemetry = Telemetry()
    telemetry.switch_on(provider=provider)
    handshakes(telemetry, 3)
    provider.force_flush()
    late = InMemoryMetricReader()
    provider.add_metric_reader(late)
    assert counts_of(late) == [("HistogramDataPoint", 3)]
    provider.shutdown()


def test_a_reader_whose_exporter_has_them_does_not_count_them_twice() -> None:
    telemetry, inner, provider = set_up(AggregationTemporality.CUMULATIVE)
    handshakes(telemetry, 3)
    provider.shutdown()
    assert [[count for count, *_ in batch] for batch in inner.points(NAME)] == [[3]]


def test_where_ours_fails_theirs_is_exported(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    telemetry = Telemetry()
    telemetry.switch_on(provider=provider)
    monkeypatch.setattr(HistogramAppender, "metrics", lambda _: 1 / 0)
    data = reader.get_metrics_data()
    assert data is not None
    assert "histograms could not be exported" in caplog.text
    provider.shutdown()


def test_a_reader_of_an_unknown_sdk_is_left_alone_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    del reader._instrument_class_aggregation
    telemetry = Telemetry()
    for _ in range(3):
        telemetry._provider = provider
        telemetry.reach_readers()
    assert caplog.text.count("this version of the SDK is unknown") == 1


def test_a_provider_that_is_no_sdk_is_left_alone() -> None:
    Telemetry().reach_readers()


def test_a_forked_child_exports_its_own_measurements_since_it_began() -> None:
    telemetry = Telemetry()
    appender = HistogramAppender(telemetry, AggregationTemporality.DELTA)
    handshakes(telemetry, 5)
    appender.metrics()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        telemetry.reset()
        handshakes(telemetry, 2)
        (metric,) = appender.metrics()
        (point,) = metric.data.data_points
        os.write(write, f"{point.count} {point.start_time_unix_nano == telemetry.accumulators.start_ns}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100) == b"2 True"
    (metric,) = appender.metrics()
    assert metric.data.data_points[0].count == 0
    os.close(read)
    os.close(write)


# exemplars --------------------------------

WHERE = ("/ws", 80)


def span_context(number: int, *, sampled: bool = True) -> SpanContext:
    return SpanContext(number, number, is_remote=False, trace_flags=TraceFlags(sampled))


def slow(telemetry: Telemetry, *measurements: tuple[int, SpanContext | None]) -> None:
    handling = telemetry.accumulators.traffic(WHERE).handling
    for nanoseconds, context in measurements:
        handling.record(nanoseconds)
        telemetry.accumulators.exemplar(semconv.HANDLING_DURATION, WHERE, nanoseconds, 7, context)


def exemplars_of(appender: HistogramAppender) -> list[tuple[float, int | None]]:
    (metric,) = appender.metrics()
    (point,) = metric.data.data_points
    return [(exemplar.value, exemplar.trace_id) for exemplar in point.exemplars]


@pytest.mark.parametrize("aggregation", [None, ExponentialBucketHistogramAggregation()])
def test_what_was_slow_leads_to_its_trace(aggregation: Any) -> None:
    telemetry = Telemetry()
    slow(telemetry, (2_000_000_000, span_context(1)), (40_000_000_000, span_context(2)))
    appender = HistogramAppender(telemetry, AggregationTemporality.CUMULATIVE, aggregation)
    assert exemplars_of(appender) == [(2.0, 1), (40.0, 2)]
    assert exemplars_of(appender) == [(2.0, 1), (40.0, 2)]


def test_the_newest_of_each_bucket_is_kept() -> None:
    telemetry = Telemetry()
    slow(telemetry, *((1_500_000_000 + number, span_context(number + 1)) for number in range(1_000)))
    slow(telemetry, (40_000_000_000, span_context(7)))
    found = exemplars_of(HistogramAppender(telemetry, AggregationTemporality.CUMULATIVE))
    assert [trace for _, trace in found] == [1_000, 7]


def test_each_reader_of_differences_gets_an_exemplar_once() -> None:
    telemetry = Telemetry()
    slow(telemetry, (2_000_000_000, span_context(1)))
    readers = [HistogramAppender(telemetry, AggregationTemporality.DELTA) for _ in range(2)]
    assert [exemplars_of(reader) for reader in readers] == [[(2.0, 1)]] * 2
    slow(telemetry, (3_000_000_000, span_context(2)))
    assert [exemplars_of(reader) for reader in readers] == [[(3.0, 2)]] * 2
    assert [exemplars_of(reader) for reader in readers] == [[]] * 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [("", [1]), ("trace_based", [1]), ("always_on", [1, 2, None]), ("always_off", [])],
)
def test_the_filter_is_that_of_the_environment(
    name: str, expected: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXEMPLAR_FILTER", name)
    telemetry = Telemetry()
    slow(
        telemetry,
        (2_000_000_000, span_context(1)),
        (2_000_000_001, span_context(2, sampled=False)),
        (9_000_000_000, None),
    )
    found = exemplars_of(HistogramAppender(telemetry, AggregationTemporality.CUMULATIVE))
    assert [trace for _, trace in found] == expected


def test_a_provider_s_own_filter_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXEMPLAR_FILTER", "always_off")
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False, exemplar_filter=AlwaysOnExemplarFilter())
    telemetry = Telemetry()
    telemetry.switch_on(provider=provider)
    slow(telemetry, (2_000_000_000, None))
    data = reader.get_metrics_data()
    assert data is not None
    points = [
        point
        for scope in data.resource_metrics[0].scope_metrics
        for metric in scope.metrics
        if metric.name == semconv.HANDLING_DURATION.name
        for point in metric.data.data_points
    ]
    assert [exemplar.value for point in points for exemplar in point.exemplars] == [2.0]
    provider.shutdown()
