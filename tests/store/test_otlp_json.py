"""OTLP/JSON, as the specification's examples have it."""

import gzip
import json

import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from starlette.testclient import TestClient

from otlp_requests import counter, exponential, exponents, metrics_request, number, resource
from socketscope.errors import StoreError, StoreFullError
from socketscope.store.receive_http import http_app
from socketscope.store.store import Store

JSON = {"content-type": "application/json"}
SERVICE = {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]}
TRACE_ID, SPAN_ID, PARENT_ID = "5B8EFFF798038103D269B633813FC60C", "EEE19B7EC3C1B174", "EEE19B7EC3C1B173"
TRACES = {"resourceSpans": [{"resource": SERVICE, "scopeSpans": [{"scope": {"name": "my.library"}, "spans": [{
    "traceId": TRACE_ID, "spanId": SPAN_ID, "parentSpanId": PARENT_ID,
    "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000",
    "name": "I'm a server span", "kind": 2, "status": {"code": 2, "message": "no"}, "attributes": [
        {"key": "traceId", "value": {"stringValue": "not one"}},
        {"key": "much", "value": {"intValue": "9007199254740993"}},
        {"key": "list", "value": {"arrayValue": {"values": [{"doubleValue": 0.5}, {"boolValue": True}]}}},
        {"key": "raw", "value": {"bytesValue": "AP8="}},
    ],
    "links": [{"traceId": TRACE_ID.lower(), "spanId": SPAN_ID.lower()}], "neverHeardOf": {"a": [1]},
}]}]}]}  # fmt: skip
METRICS = {"resourceMetrics": [{"resource": SERVICE, "scopeMetrics": [{"scope": {"name": "my.library"}, "metrics": [
    {"name": "my.counter", "unit": "1", "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [
        {"asInt": "5", "startTimeUnixNano": "1544712660300000000", "timeUnixNano": "1544712660300000000"},
    ]}},
    {"name": "my.gauge", "gauge": {"dataPoints": [{"asDouble": 10, "timeUnixNano": "1544712660300000000"}]}},
    {"name": "bad", "gauge": {"dataPoints": [{"asDouble": "NaN", "timeUnixNano": "1544712660300000000"}]}},
    {"name": "my.histogram", "histogram": {"aggregationTemporality": 1, "dataPoints": [
        {"timeUnixNano": "1544712660300000000", "count": "2", "sum": 2, "bucketCounts": ["1", "1"],
         "explicitBounds": [1]},
    ]}},
]}]}]}  # fmt: skip
LOGS = {"resourceLogs": [{"resource": SERVICE, "scopeLogs": [{"logRecords": [{
    "timeUnixNano": "1544712660300000000", "severityNumber": 10, "eventName": "e", "traceId": TRACE_ID,
    "spanId": SPAN_ID, "body": {"stringValue": "Example"},
    "attributes": [{"key": "websocket.connection.id", "value": {"stringValue": "c"}}],
}]}]}]}  # fmt: skip


@pytest.fixture
def http(store):
    with TestClient(http_app(store)) as client:
        yield client


def test_spans_keep_ids_numbers_and_attributes(store, http):
    answer = http.post("/v1/traces", json=TRACES)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", {})
    [row] = store.select(
        "SELECT trace_id, span_id, parent_span_id, name, kind, status, start_ns, attributes, links FROM spans"
    )
    assert row[:7] == (
        TRACE_ID.lower(), SPAN_ID.lower(), PARENT_ID.lower(), "I'm a server span", "server", "error",
        1544712660000000000,
    )  # fmt: skip
    assert json.loads(row[7]) == {
        "traceId": "not one", "much": 9007199254740993, "list": [0.5, True], "raw": "AP8=",
    }  # fmt: skip
    assert json.loads(row[8]) == [{"trace_id": TRACE_ID.lower(), "span_id": SPAN_ID.lower(), "attributes": {}}]


def test_metrics_are_taken_and_what_is_not_is_said(store, http):
    answer = http.post("/v1/metrics", content=gzip.compress(json.dumps(METRICS).encode()), headers={
        **JSON, "content-encoding": "gzip",
    })  # fmt: skip
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedDataPoints"] == "1"
    assert "not finite" in partial["errorMessage"]
    numbers = "SELECT metric, value FROM number_points JOIN series ON id = series_id ORDER BY metric"
    assert store.select(numbers) == [("my.counter", 5), ("my.gauge", 10)]
    assert store.select("SELECT count, counts FROM histogram_points") == [(2, [1, 1])]


def test_events_are_taken(store, http):
    assert http.post("/v1/logs", json=LOGS).status_code == 200
    assert store.select("SELECT event_name, connection_id, body, trace_id FROM events") == [
        ("e", "c", "Example", TRACE_ID.lower())
    ]


def test_json_and_protobuf_are_the_same_series(store, http):
    request = metrics_request(
        counter("m", number(1, 1, attributes={"a": 1, "b": True, "c": 0.5})),
        exponential("e", exponents(1, 3, {-2: 1, 5: 2}, negative={1: 1}, zero=4)),
        of=resource("one"),
    )
    for later in (0, 1):
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            for data in (metric.sum, metric.exponential_histogram):
                for point in data.data_points:
                    point.time_unix_nano += later
        if later:
            body, headers = request.SerializeToString(), {"content-type": "application/x-protobuf"}
        else:
            body, headers = json_format.MessageToJson(request), JSON
        assert http.post("/v1/metrics", content=body, headers=headers).status_code == 200
    assert store.select("SELECT count(*) FROM series") == [(2,)]
    assert store.select("SELECT count(*) FROM number_points") == [(2,)]
    assert store.select("SELECT count(DISTINCT positive_counts) FROM histogram_points") == [(1,)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "an object is expected"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "deep"),
        (b'{"resourceSpans": {"a": 1}}', "resourceSpans"),
        (b'{"resourceSpans": 5}', "resourceSpans"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}', "traceId='xyz'"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": "ab"}]}]}]}', "16 hexadecimal digits"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"spanId": 7}]}]}]}', "spanId=7"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "soon"}]}]}]}', "soon"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "-1"}]}]}]}', "-1"),
    ],
)
def test_what_is_wrong_is_said_in_json(store, http, body, said):
    answer = http.post("/v1/traces", content=body, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json()["code"] == 3
    assert said in answer.json()["message"]
    assert store.select("SELECT count(*) FROM spans") == [(0,)]
    assert http.post("/v1/traces", json=TRACES).status_code == 200, "and breaks nothing"


@pytest.mark.parametrize(
    ("error", "http_status", "code", "seconds"), [(StoreFullError(7), 429, 8, 1), (StoreError("disk full"), 503, 14, 5)]
)
def test_when_to_try_again_is_said_in_json(http, monkeypatch, error, http_status, code, seconds):
    def submit(self, batch):
        raise error

    monkeypatch.setattr(Store, "submit", submit)
    answer = http.post("/v1/traces", json=TRACES)
    assert (answer.status_code, answer.headers["retry-after"]) == (http_status, str(seconds))
    status = json_format.ParseDict(answer.json(), status_pb2.Status())
    assert (status.code, status.message) == (code, str(error))
    retry = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == seconds
