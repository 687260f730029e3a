import pytest

from connection_spans import OPEN, a_closed_connection, an_open_connection
from doubles.http_double import HttpDouble, Refusal
from jaeger_process import JaegerProcess, required_jaeger
from otlp_requests import T0
from socketscope.backends.jaeger import JaegerTraces
from socketscope.errors import BackendError

pytestmark = pytest.mark.anyio
PERIOD = {"since": T0 - 60, "until": T0 + 60}
V1 = {
    "traceID": "a",
    "processes": {"p1": {"serviceName": "chat", "tags": []}},
    "spans": [
        {
            "traceID": "a",
            "spanID": "1",
            "operationName": "WS",
            "references": [
                {"refType": "CHILD_OF", "traceID": "a", "spanID": "2"},
                {"refType": "FOLLOWS_FROM", "traceID": "b", "spanID": "3"},
            ],
            "startTime": T0 * 1_000_000,
            "duration": 1_500_000,
            "tags": [
                {"key": "websocket.connection.id", "type": "string", "value": OPEN},
                {"key": "span.kind", "type": "string", "value": "server"},
                {"key": "error", "type": "bool", "value": True},
            ],
            "processID": "p1",
        }
    ],
}


class JaegerDouble(HttpDouble):
    """A double of Jaeger's query API that knows one service; what it answers to searches is given."""

    def __init__(self, v1, v3):
        super().__init__()
        self.answers = {"/api/services": {"data": ["chat"]}, "/api/traces": v1, "/api/v3/traces": v3}

    def answer(self, asked):
        answer = self.answers[asked.path]
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def searches(self):
        return [asked.path for asked in self.asked if asked.path.endswith("traces")]


@pytest.mark.parametrize(
    "v3",
    [
        Refusal(404, "404 page not found"),
        Refusal(404, {"error": {"httpCode": 404, "message": "No traces found"}}),
        "<!doctype html>",
    ],
)
async def test_where_api_v3_is_not_there_the_first_one_is_asked_from_then_on(v3):
    with JaegerDouble({"data": [V1]}, v3) as double:
        async with JaegerTraces(double.url) as traces:
            [span] = (await traces.timeline(OPEN, **PERIOD)).spans
            await traces.timeline(OPEN, **PERIOD)
    assert double.searches() == ["/api/v3/traces", "/api/traces", "/api/traces"]
    assert (span.trace_id, span.span_id, span.parent_id) == ("a".zfill(32), "1".zfill(16), "2".zfill(16))
    assert (span.kind, span.status, span.start, span.end) == ("server", "error", T0, T0 + 1.5)
    [link] = span.links
    assert (link.trace_id, link.span_id) == ("b".zfill(32), "3".zfill(16))


@pytest.mark.parametrize(
    ("v1", "v3"),
    [
        ({"data": [{}]}, "no"),
        ({"data": [{**V1, "processes": {}}]}, "no"),
        ([], "no"),
        ({}, {"result": {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "x"}]}]}]}}),
        ({}, {"result": None}),
    ],
)
async def test_an_answer_that_is_no_trace_is_an_error(v1, v3):
    with JaegerDouble(v1, v3) as double:
        async with JaegerTraces(double.url) as traces:
            with pytest.raises(BackendError, match="can't be read"):
                await traces.timeline(OPEN, **PERIOD)


@pytest.mark.parametrize("api", ["v1", "v3"])
async def test_an_error_of_jaeger_is_an_error(api):
    failure = Refusal(500, {"error": {"httpCode": 500, "message": "storage is down"}})
    with JaegerDouble(failure, failure if api == "v3" else "no") as double:
        async with JaegerTraces(double.url) as traces:
            with pytest.raises(BackendError, match="storage is down"):
                await traces.timeline(OPEN, **PERIOD)


async def test_the_real_one_takes_no_notice_of_attributes_in_v3_which_is_found_out(tmp_path):
    with JaegerProcess(required_jaeger(), tmp_path) as jaeger:
        jaeger.take(*an_open_connection())
        jaeger.wait_until(lambda: b'"chat"' in jaeger.get("/api/services"))
        async with JaegerTraces(jaeger.url) as traces:
            alone = await traces.timeline(OPEN, **PERIOD)
            assert traces._v3, "all that it gave was searched for"
            jaeger.take(*a_closed_connection())
            assert await traces.timeline("f" * 16, **PERIOD) is None
            assert not traces._v3
            by_v1 = await traces.timeline(OPEN, **PERIOD)
    assert [span.span_id for span in by_v1.spans] == [span.span_id for span in alone.spans]
    for first, second in zip(by_v1.spans, alone.spans, strict=True):
        assert first.attributes == second.attributes
        assert (first.kind, first.status, first.parent_id) == (second.kind, second.status, second.parent_id)
