"""How Prometheus is asked, and what is made of answers that are none. What its answers mean is in tests/contract."""

import base64
from urllib.parse import parse_qs

import httpx2
import pytest

from socketscope import semconv
from socketscope.backends.base import Capabilities
from socketscope.backends.http import Access
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.backends.prometheus_names import LOOK_AGAIN
from socketscope.errors import BackendError, QueryError
from socketscope.query.model import Query, Ratio

pytestmark = pytest.mark.anyio

MESSAGES = semconv.MESSAGES.name


class Double:
    """A double of Prometheus' HTTP API: lists `names` and `labels`, and answers expressions by `answer`."""

    def __init__(self, names=("websocket_server_messages_total",), labels=("job", "instance"), answer=None):
        self.names, self.labels = list(names), list(labels)
        self.answer = answer or (lambda _: [])
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        path = request.url.path
        if path.endswith("/api/v1/label/__name__/values"):
            return self.success(self.names)
        if path.endswith("/api/v1/labels"):
            return self.success(self.labels)
        assert path.endswith(("/api/v1/query", "/api/v1/query_range"))
        form = parse_qs(request.content.decode())
        found = self.answer(form["query"][0])
        return found if isinstance(found, httpx2.Response) else self.success({"resultType": "vector", "result": found})

    @staticmethod
    def success(data):
        return httpx2.Response(200, json={"status": "success", "data": data})

    def asked(self):
        return [parse_qs(request.content.decode())["query"][0] for request in self.requests if request.content]


def sample(value, **labels):
    return {"metric": labels, "value": [100.0, value]}


@pytest.fixture
async def connect():
    opened = []

    def connect(double, url="http://127.0.0.1:9090", **options):
        opened.append(PrometheusMetrics(url, transport=httpx2.MockTransport(double), **options))
        return opened[-1]

    yield connect
    for backend in opened:
        await backend.aclose()


async def test_it_has_numbers_and_says_why_nothing_else(connect):
    capabilities = connect(Double()).capabilities
    assert (capabilities.metrics, capabilities.connections, capabilities.traces) == (True, False, False)
    assert isinstance(capabilities, Capabilities)
    assert any(note.startswith("connections: not available, as") for note in capabilities.notes)


@pytest.mark.parametrize(
    ("access", "header", "value"),
    [
        (Access(bearer="s3cret-token"), "authorization", "Bearer s3cret-token"),
        (Access(basic=("ana", "pass:word")), "authorization", "Basic " + base64.b64encode(b"ana:pass:word").decode()),
        (Access(tenant="team-a"), "x-scope-orgid", "team-a"),
        (Access(tenant="7", tenant_header="AccountID"), "accountid", "7"),
        (Access(headers={"X-Extra": "1"}), "x-extra", "1"),
    ],
)
async def test_every_request_shows_who_asks(connect, access, header, value):
    double = Double()
    await connect(double, access=access).instant(Query(MESSAGES), at=100)
    assert len(double.requests) > 2
    assert {request.headers[header] for request in double.requests} == {value}


async def test_no_secret_is_told(connect):
    double = Double(answer=lambda _: httpx2.Response(401, text="who are you?"))
    backend = connect(double, access=Access(bearer="s3cret-token"))
    with pytest.raises(BackendError) as refused:
        await backend.instant(Query(MESSAGES), at=100)
    for text in (repr(backend), repr(Access(basic=("ana", "s3cret-token"))), str(refused.value), repr(vars(backend))):
        assert "s3cret-token" not in text


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://127.0.0.1:9090", "/api/v1/query"),
        ("http://127.0.0.1:9090/", "/api/v1/query"),
        ("https://mimir.example/prometheus", "/prometheus/api/v1/query"),
        ("https://grafana.example/api/prom/", "/api/prom/api/v1/query"),
    ],
)
async def test_it_is_asked_below_its_url(connect, url, path):
    double = Double()
    await connect(double, url).instant(Query(MESSAGES), at=100)
    assert {request.url.path for request in double.requests if request.method == "POST"} == {path}


async def test_labels_become_attributes_again_and_what_is_not_a_number_is_no_data(connect):
    def answer(promql):
        if "timestamp" in promql:
            return [sample("90.5", http_route="/ws"), sample("91", http_route="/b")]
        return [sample("3", http_route="/ws"), sample("NaN", http_route="/b"), sample("+Inf")]

    query = Query(MESSAGES, by=("http.route",))
    first, second = await connect(Double(answer=answer)).instant(query, at=100)
    assert (first.labels, first.value) == ({"http.route": ""}, float("inf"))
    assert (second.labels, second.value, second.measured_at) == ({"http.route": "/ws"}, 3.0, 90.5)


async def test_the_newest_points_are_asked_for_too(connect):
    double = Double()
    await connect(double).instant(Query(MESSAGES), at=100)
    forms = [parse_qs(request.content.decode()) for request in double.requests if request.content]
    assert {(form["latency_offset"][0], form["nocache"][0]) for form in forms} == {("1ms", "1")}, "VictoriaMetrics' own"


async def test_a_partial_answer_is_none(connect):
    double = Double(answer=lambda _: httpx2.Response(
        200, json={"status": "success", "isPartial": True, "data": {"resultType": "vector", "result": []}}
    ))  # fmt: skip
    with pytest.raises(BackendError, match="a part of the data only"):
        await connect(double).instant(Query(MESSAGES), at=100)
    forms = [parse_qs(request.content.decode()) for request in double.requests if request.content]
    assert all(form["partial_response"] == ["false"] and form["deny_partial_response"] == ["1"] for form in forms)


def vector(*result):
    return Double.success({"resultType": "vector", "result": list(result)})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (httpx2.Response(422, json={"status": "error", "error": "too many samples"}), "422.*too many samples"),
        (httpx2.Response(200, text="<html>"), "JSON is expected"),
        (httpx2.Response(200, json={"hello": 1}), "http://127.0.0.1:9090 answered, but not as Prometheus"),
        (Double.success({"resultType": "vector"}), "http://127.0.0.1:9090 gave an answer that can't be read"),
        (vector({"metric": {}, "value": 1}), "can't be read"),
        (vector({"metric": {}, "value": [1, "many"]}), "can't be read"),
    ],
)
async def test_what_is_no_answer_is_a_clear_error(connect, answer, says):
    with pytest.raises(BackendError, match=says):
        await connect(Double(answer=lambda _: answer)).instant(Query(MESSAGES), at=100)


@pytest.mark.parametrize("listed", [5, [5], None, {"a": 1}])
async def test_names_that_are_none_are_a_clear_error(connect, listed):
    double = Double()
    double.names = listed
    with pytest.raises(BackendError, match="a list of names is expected"):
        await connect(double).instant(Query(MESSAGES), at=100)


async def test_nobody_there_is_a_clear_error():
    backend = PrometheusMetrics("http://127.0.0.1:1")
    with pytest.raises(BackendError, match=r"http://127\.0\.0\.1:1/api/v1"):
        await backend.instant(Query(MESSAGES), at=100)
    await backend.aclose()


# names ----------------------------------------------------------------------------------------------------------------


async def test_names_are_looked_up_once_and_pinned(connect):
    double = Double(names=["websocket.server.messages", "websocket_server_errors_total"])
    backend = connect(double)
    lines = (await backend.probe()).report()
    assert "websocket.server.messages: websocket.server.messages" in lines
    assert "websocket.server.handshakes: not found" in lines
    double.names = ["websocket_server_messages_total"]
    await backend.instant(Query(MESSAGES), at=100)
    assert all('__name__="websocket.server.messages"' in promql for promql in double.asked())
    assert len([request for request in double.requests if request.method == "GET"]) == 2


async def test_what_was_not_found_is_said_no_data_and_looked_for_again_after_a_while(connect, caplog):
    now = 0.0
    double = Double(names=[], answer=lambda _: [sample("1")])
    backend = connect(double)
    backend._names._clock = lambda: now
    for moment, listings in ((0.0, 1), (LOOK_AGAIN - 1, 1), (LOOK_AGAIN, 2)):
        now = moment
        assert await backend.instant(Query(MESSAGES), at=100) == []
        assert await backend.range(Query(MESSAGES, "increase"), start=0, end=10, step=5) == []
        assert len([request for request in double.requests if request.method == "GET"]) == 2 * listings
    [said] = caplog.messages
    assert f"no metric {MESSAGES}" in said
    double.names = ["websocket_server_messages_total"]
    now = 3 * LOOK_AGAIN
    [found] = await backend.instant(Query(MESSAGES), at=100)
    assert found.value == 1
    assert caplog.messages[1:] == [f"the backend has the metric {MESSAGES} now"]


async def test_a_metric_that_is_not_there_is_absent(connect):
    [found] = await connect(Double(names=[], answer=lambda _: [sample("1")])).instant(
        Query(MESSAGES, absent=True), at=100
    )
    assert (found.labels, found.value) == ({}, 1)


async def test_questions_that_promql_cannot_express_reach_nobody(connect):
    double = Double(names=["websocket_server_message_size_bytes", "websocket_server_messages_total"])
    backend = connect(double)
    for query, says in (
        (Query(semconv.MESSAGE_SIZE.name, "min"), "native histogram"),
        (Query(MESSAGES, "p95"), "no histogram"),
        (Ratio(Query(MESSAGES, by=("a",)), Query(MESSAGES)), "by="),
    ):
        with pytest.raises(QueryError, match=says):
            await backend.instant(query, at=100)
    assert double.asked() == []


async def test_moments_are_whole_milliseconds_that_have_begun(connect):
    double = Double()
    backend = connect(double)
    await backend.instant(Query(MESSAGES), at=1_795_000_000.302)
    await backend.instant(Query(MESSAGES), at=1_795_000_000.302_999)
    forms = [parse_qs(request.content.decode()) for request in double.requests if request.content]
    assert {form["time"][0] for form in forms} == {"1795000000.302"}
