import json

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otlp_requests import (
    DELTA,
    buckets,
    counter,
    event,
    exponential,
    exponents,
    gauge,
    histogram,
    key_values,
    logs_request,
    metrics_request,
    ns,
    number,
    resource,
    span,
    traces_request,
)
from socketscope import semconv
from socketscope.store.attributes import canonical, mapping_of, value_of
from socketscope.store.buckets import Explicit, Exponential
from socketscope.store.decode_logs import decode_logs
from socketscope.store.decode_metrics import decode_metrics
from socketscope.store.decode_traces import decode_spans
from socketscope.store.rows import HistogramRow
from socketscope.store.series import Registry
from socketscope.store.streams import Streams
from socketscope.store.wire import MetricsRequest


def metrics(*of, by=None, oldest_ns=0):
    """Decode as it comes from the wire."""
    request = MetricsRequest.FromString(metrics_request(*of, of=by).SerializeToString())
    return decode_metrics(request, Streams(Registry()), oldest_ns=oldest_ns)


def logs(*records):
    return decode_logs(logs_request(*records).resource_logs, received_ns=42)


# attributes ---------------------------------------------------------------------------------------------------------


def test_values_of_every_type_become_json():
    nested = AnyValue(kvlist_value=KeyValueList(values=key_values({"x": [1, "two", False]})))
    attributes = [
        *key_values({"text": "ü", "whole": 2**62, "real": 0.5, "yes": True, "raw": b"\0\xff", "nan": float("nan")}),
        KeyValue(key="nested", value=nested),
        KeyValue(key="low", value=AnyValue(double_value=float("-inf"))),
        KeyValue(key="nothing"),
    ]
    assert json.loads(canonical(mapping_of(attributes))) == {
        "text": "ü", "whole": 2**62, "real": 0.5, "yes": True, "raw": "AP8=", "nan": "NaN", "low": "-Infinity",
        "nested": {"x": [1, "two", False]}, "nothing": None,
    }  # fmt: skip
    assert value_of(AnyValue()) is None


def test_equal_attributes_in_another_order_are_one_series():
    batch = metrics(counter("m", number(1, 1, attributes={"a": 1, "b": 2}), number(2, 2, attributes={"b": 2, "a": 1})))
    first, second = (row[0] for row in batch.numbers)
    assert first is second
    assert first.key.attributes == '{"a":1,"b":2}'


def test_a_resource_without_names_gets_the_default_name_and_an_empty_instance():
    nameless = Resource(attributes=key_values({"host.name": "h"}))
    [row] = metrics(gauge("m", number(1, 1)), by=nameless).numbers
    assert row[0].key.resource == ("unknown_service", "", '{"host.name":"h"}')


# metrics ------------------------------------------------------------------------------------------------------------


def test_numbers_keep_what_identifies_them():
    whole = NumberDataPoint(time_unix_nano=ns(1), start_time_unix_nano=ns(0), as_int=7)
    batch = metrics(counter("c", whole, temporality=DELTA, monotonic=False), gauge("g", number(2, 0.5)))
    (series, *numbers), (of_gauge, *_) = batch.numbers
    key, gauge_key = series.key, of_gauge.key
    assert numbers == [ns(1), ns(0), 7.0]
    assert (key.scope, key.scope_version, key.metric, key.kind, key.unit) == ("test", "1", "c", "sum", "{message}")
    assert (key.temporality, key.monotonic) == ("delta", False)
    assert (gauge_key.kind, gauge_key.temporality) == ("gauge", "")


def test_explicit_buckets_are_kept():
    [row] = metrics(histogram("h", buckets(1, [1.0, 2.0], [1, 2, 3]))).histograms
    assert (row.series.key.kind, row.series.key.temporality) == ("histogram", "cumulative")
    assert row.series.key.bounds == (1.0, 2.0)
    assert row == HistogramRow(row.series, ns(1), ns(0), 6, 0.0, None, None, Explicit([1, 2, 3]))


def test_other_bounds_are_another_series():
    batch = metrics(histogram("h", buckets(1, [1.0], [1, 2]), buckets(1, [2.0], [1, 2]), buckets(2, [1.0], [1, 2])))
    one, two, three = (row.series for row in batch.histograms)
    assert one is three
    assert one is not two


def test_a_histogram_without_buckets_is_one_bucket():
    [row] = metrics(histogram("h", HistogramDataPoint(time_unix_nano=ns(1), count=5))).histograms
    assert row.shape == Explicit([5])


def test_exponential_buckets_are_kept_as_they_are():
    [row] = metrics(exponential("e", exponents(1, 2, {-3: 1, -2: 4}, zero=1, total=3.5))).histograms
    assert row.series.key.kind == "exponential_histogram"
    shape = Exponential(2, 1, 0.0, -3, [1, 4], 0, [])
    assert row == HistogramRow(row.series, ns(1), ns(0), 6, 3.5, None, None, shape)


def test_a_resource_and_a_scope_are_part_of_what_a_series_is():
    request = metrics_request(gauge("m", number(1, 1)))
    request.resource_metrics[0].scope_metrics[0].scope.attributes.extend(key_values({"b": 1, "a": "x"}))
    batch = decode_metrics(MetricsRequest.FromString(request.SerializeToString()), Streams(Registry()))
    key = batch.numbers[0][0].key
    assert (key.scope, key.scope_version, key.scope_attributes) == ("test", "1", '{"a":"x","b":1}')


def test_exemplars_are_kept_with_their_series():
    point = number(1, 5)
    point.exemplars.add(time_unix_nano=ns(1), as_double=2.5, trace_id=b"t" * 16, span_id=b"s" * 8)
    point.exemplars[0].filtered_attributes.extend(key_values({"user": "u"}))
    batch = metrics(counter("c", point))
    assert batch.exemplars == [(batch.numbers[0][0], (ns(1), 2.5, "74" * 16, "73" * 8, '{"user":"u"}'))]


def test_a_point_that_is_older_than_what_is_kept_is_rejected():
    batch = metrics(gauge("m", number(1, 1), number(2, 2), number(3, 3)), oldest_ns=ns(2))
    assert (batch.rejected, [row[1] for row in batch.numbers]) == (2, [ns(3)])
    assert "older than the points that are kept" in batch.reason


def test_more_series_than_may_be_are_rejected_and_known_ones_are_taken(monkeypatch):
    monkeypatch.setattr("socketscope.store.series.MOST_SERIES", 2)
    batch = metrics(gauge("m", *(number(time, 1, attributes={"n": time % 3}) for time in range(1, 7))))
    assert (len(batch.numbers), batch.rejected) == (4, 2)
    assert "leave out attributes" in batch.reason


def test_what_was_seen_before_is_not_decoded_again(monkeypatch):
    streams = Streams(Registry())
    request = metrics_request(gauge("m", number(1, 1, attributes={"a": 1})), of=resource("one")).SerializeToString()
    [first] = decode_metrics(MetricsRequest.FromString(request), streams).numbers
    monkeypatch.delattr("socketscope.store.streams.mapping_of")
    [second] = decode_metrics(MetricsRequest.FromString(request), streams).numbers
    assert second[0] is first[0]


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("socketscope.store.streams.MOST_REMEMBERED", 10)
    registry = Registry()
    streams = Streams(registry)
    for index in range(40):
        request = metrics_request(gauge("m", number(1, 1, attributes={"n": index % 20})))
        decode_metrics(MetricsRequest.FromString(request.SerializeToString()), streams)
    assert len(registry) == 20, "forgetting the bytes forgets no series"


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (gauge("m", number(1, float("nan"))), "not finite"),
        (gauge("m", number(1, float("inf"))), "not finite"),
        (gauge("m", NumberDataPoint(as_int=1)), "time_unix_nano"),
        (gauge("m", NumberDataPoint(as_int=1, time_unix_nano=2**63)), "time_unix_nano"),
        (gauge("m", NumberDataPoint(time_unix_nano=1, start_time_unix_nano=2**64 - 1)), "start_time_unix_nano"),
        (gauge("m", NumberDataPoint(time_unix_nano=1)), "has no value"),
        (counter("m", number(1, 1), temporality=0), "temporality"),
        (histogram("m", HistogramDataPoint(time_unix_nano=1, count=2**53 + 1)), "count"),
        (histogram("m", buckets(1, [1.0], [2**52, 2**52 + 1])), "count"),
        (histogram("m", HistogramDataPoint(time_unix_nano=1, sum=float("nan"))), "sum"),
        (histogram("m", buckets(1, [1.0], [1])), "1 bounds need 2 counts, not 1"),
        (histogram("m", buckets(1, [], [1, 2])), "0 bounds need 1 counts, not 2"),
        (histogram("m", buckets(1, [2.0, 1.0], [1, 1, 1])), "rising"),
        (histogram("m", buckets(1, [float("nan")], [1, 1])), "finite"),
        (histogram("m", HistogramDataPoint(time_unix_nano=1, max=float("inf"))), "max"),
        (exponential("m", exponents(1, 21, {})), "scale 21"),
        (exponential("m", exponents(1, -11, {})), "scale -11"),
        (exponential("m", exponents(1, 0, {}, threshold=float("nan"))), "zero_threshold"),
        (exponential("m", exponents(1, 0, {1: 2**52}, negative={1: 2**51}, zero=2**51 + 1)), "count"),
        (Metric(name="m", summary=Summary(data_points=[SummaryDataPoint(time_unix_nano=1)])), "summaries"),
    ],
)
def test_a_point_that_cannot_be_stored_is_rejected_with_a_reason_and_harms_no_other(metric, reason):
    batch = metrics(metric, gauge("good", number(1, 1)))
    assert batch.rejected == 1
    assert batch.reason.startswith("m: ")
    assert reason in batch.reason
    assert [row[0].key.metric for row in batch.numbers] == ["good"]
    assert batch.histograms == []


def test_a_point_that_says_there_is_no_value_is_skipped():
    batch = metrics(gauge("m", NumberDataPoint(time_unix_nano=1, flags=1)))
    assert (len(batch), batch.rejected) == (0, 0)


# logs and traces ----------------------------------------------------------------------------------------------------


def test_an_event_gives_its_columns_and_keeps_all_attributes():
    attributes = {
        semconv.CONNECTION_ID: "c1", semconv.USER_HASH: "u", semconv.USER_KEY_ID: "k", semconv.HTTP_ROUTE: "/ws",
        semconv.CLIENT_ADDRESS: "192.0.2.0", semconv.USER_AGENT: "test", semconv.CLOSE_INITIATOR: "network",
        semconv.ERROR_TYPE: "ValueError", semconv.CLOSE_CODE: 1006, semconv.MESSAGES_RECEIVED: 1,
        semconv.MESSAGES_SENT: 2, semconv.BYTES_RECEIVED: 3, semconv.BYTES_SENT: 4, semconv.DURATION: 1.5,
        semconv.CHANNELS: ["a", "b"], "other": "kept",
    }  # fmt: skip
    record = event(1, "websocket.connection.closed", attributes, body="bye")
    record.trace_id = b"\x01" * 16
    record.span_id = b"\x02" * 8
    [(resource, columns)] = logs(record).events
    assert resource.instance_id == "one"
    assert columns[:-1] == (
        "test", ns(1), "websocket.connection.closed", 9, None, "bye", "01" * 16, "02" * 8, "c1", "u", "k", "/ws",
        "192.0.2.0", "test", "network", "ValueError", 1006, 1, 2, 3, 4, 1.5, ["a", "b"],
    )  # fmt: skip
    assert json.loads(columns[-1])["other"] == "kept"


def test_attributes_of_an_unexpected_type_leave_their_column_empty():
    record = event(1, "e", {semconv.BYTES_SENT: "many", semconv.CHANNELS: 7, semconv.CONNECTION_ID: 5})
    [(_, columns)] = logs(record).events
    by_name = columns[8], columns[20], columns[22]
    assert by_name == ("5", None, [])


def test_a_record_without_a_time_gets_the_observed_or_the_time_of_receipt():
    bare, observed = event(0, "e"), event(0, "e")
    bare.time_unix_nano = observed.time_unix_nano = 0
    observed.observed_time_unix_nano = 7
    assert [columns[1] for _, columns in logs(bare, observed).events] == [42, 7]


def test_a_record_with_a_time_out_of_range_is_rejected():
    record = event(0, "e")
    record.time_unix_nano = 2**63
    batch = logs(record, event(1, "good"))
    assert (batch.rejected, len(batch.events)) == (1, 1)


def test_a_span_gives_its_columns_with_events_and_links():
    whole = span("WS /ws", 1, parent_span_id=b"p" * 8, kind=Span.SPAN_KIND_SERVER, attributes=key_values({"a": 1}))
    whole.status.code = Status.STATUS_CODE_ERROR
    whole.status.message = "no"
    whole.events.add(name="e", time_unix_nano=5)
    whole.links.add(trace_id=b"l" * 16, span_id=b"k" * 8)
    [(_, columns)] = decode_spans(traces_request(whole).resource_spans).spans
    assert columns[:10] == (
        "test", "74" * 16, "73" * 8, "70" * 8, "WS /ws", "server", ns(1), ns(2), "error", "no",
    )  # fmt: skip
    attributes, events, links = map(json.loads, columns[10:])
    assert attributes == {"a": 1}
    assert events == [{"time_ns": 5, "name": "e", "attributes": {}}]
    assert links == [{"trace_id": "6c" * 16, "span_id": "6b" * 8, "attributes": {}}]


def test_a_span_without_valid_ids_or_times_is_rejected():
    bad = [span("short", 1, trace_id=b"t"), span("none", 1, start_time_unix_nano=0)]
    batch = decode_spans(traces_request(*bad, span("good", 1)).resource_spans)
    assert (batch.rejected, len(batch.spans)) == (2, 1)
    assert "short" in batch.reason
