import json
import math
import urllib.error
import urllib.request

import pytest

from doubles.datadog_double import API_KEY, APP_KEY, DatadogDouble
from doubles.datadog_held import CumulativeToDelta
from doubles.http_double import HttpDouble, Refusal
from otlp_requests import T0, buckets, counter, gauge, histogram, metrics_request, number, put, resource
from socketscope import semconv
from socketscope.backends.base import Metrics
from socketscope.backends.datadog import DatadogMetrics, DatadogOptions
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.errors import BackendError, BackendStatusError, MissingExtraError, QueryError
from socketscope.query.model import Query, Ratio

pytestmark = pytest.mark.anyio
DIRECTION, INSTANCE = semconv.DIRECTION.name, "service.instance.id"
MESSAGES, ACTIVE, SIZE, ERRORS = (
    metric.name for metric in (semconv.MESSAGES, semconv.ACTIVE_CONNECTIONS, semconv.MESSAGE_SIZE, semconv.ERRORS_TOTAL)
)
BOUNDS = [1.0, 2.0, 4.0, 8.0]
EXPORTS = range(5, 100, 10)
"""Seconds after T0 at which both instances report, in the middle of Datadog's stretches."""


def export(instance, time, step):
    """What an instance exports: cumulative, as the SDK does."""
    more = 3 if instance == "one" else 5
    ways = [("receive", step * more), ("transmit", step * more * 10)]
    return metrics_request(
        counter(MESSAGES, *(number(time, value, attributes={DIRECTION: way}) for way, value in ways)),
        counter(ACTIVE, number(time, more + step % 4), monotonic=False),
        histogram(SIZE, buckets(time, BOUNDS, [step, 2 * step, 0, more * step, 0], attributes={DIRECTION: "receive"})),
        gauge(semconv.SYSTEM_CPU.name, number(time, 0.5 + more / 100, attributes={"state": "idle"})),
        of=resource(instance),
    )


@pytest.fixture
def double():
    with DatadogDouble(known=semconv.METRICS) as double:
        yield double


def send(double, request, *, key=API_KEY):
    sent = urllib.request.Request(
        f"{double.url}/v1/metrics", data=request.SerializeToString(), headers={"DD-API-KEY": key}
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sent, timeout=10).close()


def options(double, **more):
    return DatadogOptions(**{"api_key": API_KEY, "app_key": APP_KEY, "url": double.url, **more})


@pytest.fixture
def datadog(double):
    return DatadogMetrics(options(double))


@pytest.fixture
def embedded(store, double):
    """The same exports in the embedded store and, through cumulative-to-delta, in the double."""
    processor = CumulativeToDelta()
    for step, time in enumerate(EXPORTS, start=1):
        for instance in ("one", "two"):
            request = export(instance, time, step)
            put(store, request)
            send(double, processor.convert(request))
    return EmbeddedBackend(store)


async def test_it_is_what_the_protocol_asks_for(datadog):
    metrics: Metrics = datadog
    assert metrics.capabilities.metrics
    assert not metrics.capabilities.connections
    assert metrics.capabilities.notes


def values(samples):
    return {tuple(sample.labels.items()): pytest.approx(sample.value) for sample in samples}


QUERIES = [
    Query(MESSAGES, "increase", 100),
    Query(MESSAGES, "increase", 40, by=(DIRECTION, INSTANCE)),
    Query(MESSAGES, "increase", 40, offset=30),
    Query(MESSAGES, "increase", 40, where={DIRECTION: ("receive",), INSTANCE: ("one", "two", "three")}),
    Query(MESSAGES, "rate", 50, by=(DIRECTION,)),
    Query(SIZE, "increase", 40, by=(DIRECTION,)),
    Query(ERRORS, "increase", 40),
    Query(ACTIVE, window=20),
    Query(ACTIVE, window=20, by=("service.name",)),
    Query(ACTIVE, window=20, across="max", offset=30),
    Query(ACTIVE, "avg", 40),
    Query(ACTIVE, "max", 40, across="max"),
    Query(ACTIVE, "min", 40, across="min"),
    Query(semconv.SYSTEM_CPU.name, "avg", 40, "avg", where={"state": ("idle",)}, complement=True),
    Ratio(
        Query(MESSAGES, "increase", 40, where={DIRECTION: ("transmit",)}),
        Query(MESSAGES, "increase", 40, where={DIRECTION: ("receive",)}),
    ),
    Ratio(Query(MESSAGES, "increase", 40), Query(MESSAGES, "increase", 40, offset=30)),
    Ratio(Query(ACTIVE, window=20, by=(INSTANCE,)), Query(ACTIVE, window=20, by=(INSTANCE,), offset=20)),
    Ratio(Query(ERRORS, "increase", 40), Query(ERRORS, "increase", 40)),
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_it_answers_at_a_moment_as_the_embedded_backend_does(datadog, embedded, query):
    there = await embedded.instant(query, at=T0 + 100)
    assert values(await datadog.instant(query, at=T0 + 100)) == values(there)
    assert there or ERRORS in str(query)


@pytest.mark.parametrize("query", QUERIES, ids=str)
async def test_it_answers_along_a_line_as_the_embedded_backend_does(datadog, embedded, query):
    period = {"start": T0 + 50, "end": T0 + 100, "step": 10}
    here, there = [
        {tuple(line.labels.items()): [(time, pytest.approx(value)) for time, value in line.points] for line in lines}
        for lines in (await datadog.range(query, **period), await embedded.range(query, **period))
    ]
    assert here == there


@pytest.mark.parametrize("quantile", ["p50", "p90", "p95", "p99"])
async def test_quantiles_are_right_to_a_bucket(datadog, embedded, quantile):
    query = Query(SIZE, quantile, 50, by=(DIRECTION,))
    [here] = await datadog.instant(query, at=T0 + 100)
    [there] = await embedded.instant(query, at=T0 + 100)
    assert math.isclose(math.log2(here.value), math.log2(there.value), abs_tol=1)
    period = {"start": T0 + 50, "end": T0 + 100, "step": 50}
    [line] = await datadog.range(query, **period)
    assert [time for time, _ in line.points] == [T0 + 50, T0 + 100]
    assert line.points[-1][1] == here.value
    with pytest.raises(QueryError, match="whole stretches"):
        await datadog.range(query, **period | {"step": 10})


async def test_a_ratio_to_nothing_is_infinite(datadog, embedded, double):
    processor = CumulativeToDelta()
    send(double, processor.convert(metrics_request(counter(ERRORS, number(95, 0)))))
    ratio = Ratio(Query(MESSAGES, "increase", 40), Query(ERRORS, "increase", 40))
    [sample] = await datadog.instant(ratio, at=T0 + 100)
    assert sample.value == math.inf


@pytest.mark.parametrize("query", [Query(ACTIVE, window=20), Query(ACTIVE, "avg", 20), Query(ACTIVE, "max", 20, "max")])
async def test_a_stretch_that_is_not_complete_is_not_looked_at(datadog, embedded, query):
    [at_its_end] = await datadog.instant(query, at=T0 + 90)
    [later] = await datadog.instant(query, at=T0 + 97)
    assert (later.value, later.measured_at) == (at_its_end.value, T0 + 90)
    assert [at_its_end.value] == [sample.value for sample in await embedded.instant(query, at=T0 + 90)]


async def test_the_newest_value_says_when_it_was_measured(datadog, embedded):
    [sample] = await datadog.instant(Query(ACTIVE, window=1e9), at=T0 + 300)
    assert sample.measured_at == T0 + 100
    assert await datadog.instant(Query(ACTIVE, window=60), at=T0 + 300) == []


async def test_instances_and_peaks_are_found_by_stretches(datadog, embedded):
    instances = await datadog.instances(since=T0, until=T0 + 100)
    assert [(instance.id, instance.service, instance.last_seen) for instance in instances] == [
        ("one", "chat", T0 + 100),
        ("two", "chat", T0 + 100),
    ]
    assert await datadog.peak(ACTIVE, T0, T0 + 100) == await embedded.peak(ACTIVE, T0, T0 + 100)
    assert await datadog.peak(ACTIVE, T0 + 500, T0 + 600) is None


async def test_a_label_that_a_series_has_not_got_is_empty(datadog, double):
    send(double, metrics_request(gauge("g", number(5, 1), number(5, 2, attributes={"room": "Lobby {1}"}))))
    samples = await datadog.instant(Query("g", window=20, by=("room",)), at=T0 + 20)
    assert {sample.labels["room"]: sample.value for sample in samples} == {"": 1, "lobby_1": 2}


@pytest.mark.parametrize("keys", [{"api_key": "wrong"}, {"app_key": "wrong"}])
async def test_wrong_keys_are_an_error_and_no_key_is_shown(double, keys):
    metrics = DatadogMetrics(options(double, **keys))
    with pytest.raises(BackendStatusError, match="403: Forbidden") as error:
        await metrics.instant(Query(MESSAGES, "increase"), at=T0)
    for shown in (str(error.value), repr(options(double)), repr(vars(metrics))):
        assert API_KEY not in shown
        assert APP_KEY not in shown


async def test_keys_and_site_of_the_environment_are_of_no_importance(double, monkeypatch):
    monkeypatch.setenv("DD_API_KEY", "somebody-else")
    monkeypatch.setenv("DD_APP_KEY", "somebody-else")
    monkeypatch.setenv("DD_SITE", "example.com")
    assert await DatadogMetrics(options(double)).instant(Query(MESSAGES, "increase"), at=T0) == []
    assert DatadogMetrics(DatadogOptions(api_key="a", app_key="b", site="us5.datadoghq.com"))._api.url == (
        "https://api.us5.datadoghq.com"
    )


async def test_what_datadog_does_not_know_is_an_error_with_its_words(datadog):
    with pytest.raises(BackendError, match=r"metric of\.somebody is not known"):
        await datadog.instant(Query("of.somebody", "increase"), at=T0)
    with pytest.raises(BackendError, match=r"metric of\.somebody is not known"):
        await datadog.range(Query("of.somebody"), start=T0, end=T0 + 10, step=10)


async def test_a_datadog_that_is_gone_is_an_error():
    with DatadogDouble() as double:
        metrics = DatadogMetrics(options(double))
    with pytest.raises(BackendError, match="could not be asked"):
        await metrics.instant(Query(MESSAGES, "increase"), at=T0)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": {}},
        {"data": {"attributes": {"columns": [{"type": "number", "values": [1, 2]}]}}},
        {"data": {"attributes": {"columns": [{"type": "group", "name": "x", "values": [["a"]]}]}}},
        [],
        "text",
        Refusal(500, "oops"),
    ],
)
async def test_an_answer_that_is_none_is_an_error(answer):
    class Other(HttpDouble):
        def answer(self, _):
            if isinstance(answer, Refusal):
                raise answer
            return answer

    with Other() as other, pytest.raises(BackendError):
        await DatadogMetrics(options(other)).instant(Query(ACTIVE, "avg", by=("room",)), at=T0)


def test_without_its_client_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "datadog_api_client", None)
    monkeypatch.delitem(sys.modules, "socketscope.backends.datadog_api", raising=False)
    with pytest.raises(MissingExtraError, match=r"socketscope\[datadog\]"):
        DatadogMetrics(DatadogOptions(api_key="a", app_key="b"))


# the double's own strictness ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metric",
    [
        counter("m", number(1, 1)),
        histogram("m", buckets(1, BOUNDS, [1, 0, 0, 0, 0])),
    ],
)
def test_the_double_refuses_cumulative_sums_and_histograms(double, metric):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        send(double, metrics_request(metric))
    with refusal.value as answer:
        assert answer.status == 400
        assert "cumulative" in json.load(answer)["errors"][0]
    assert double.intake.metrics == {}


def test_the_double_refuses_another_key_at_its_intake(double):
    with pytest.raises(urllib.error.HTTPError) as refusal:
        send(double, metrics_request(gauge("g", number(1, 1))), key="another")
    with refusal.value as answer:
        assert answer.status == 403


def ask(double, *, path="scalar", query="sum:g{*}", formula="a", aggregator="sum", more=None):
    attributes = {
        "from": 1000 * T0,
        "to": 1000 * (T0 + 60),
        "queries": [{"data_source": "metrics", "name": "a", "query": query, "aggregator": aggregator}],
        "formulas": [{"formula": formula}],
        **(more or {}),
    }
    if path == "timeseries":
        attributes["queries"][0].pop("aggregator", None)
    sent = urllib.request.Request(
        f"{double.url}/api/v2/query/{path}",
        data=json.dumps({"data": {"type": f"{path}_request", "attributes": attributes}}).encode(),
        headers={"DD-API-KEY": API_KEY, "DD-APPLICATION-KEY": APP_KEY},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sent, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.status, json.load(refusal)


@pytest.mark.parametrize("path", ["scalar", "timeseries"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"query": "g{*}"},
        {"query": "sum:g"},
        {"query": "sum:g{*} by room"},
        {"query": "median:g{*}"},
        {"query": "sum:g{a b}"},
        {"query": "sum:g{a:b OR c:d}"},
        {"query": "sum:g{*}.rollup(last, 10)"},
        {"query": "sum:g{*}.as_count()"},
        {"query": "p95:g{*}"},
        {"formula": "b"},
        {"formula": "a +"},
        {"formula": "__import__('os')"},
        {"formula": "timeshift(a, 300)"},
        {"more": {"from": 2000 * T0}},
        {"more": {"whatever": 1}},
        {"more": {"formulas": None}},
        {"more": {"queries": [{"data_source": "logs", "name": "a", "query": "x"}]}},
    ],
    ids=str,
)
def test_the_double_refuses_what_it_cannot_parse(double, path, wrong):
    send(double, metrics_request(gauge("g", number(5, 1))))
    status, answer = ask(double, path=path, **wrong)
    assert (status, list(answer)) == (400, ["errors"])


def test_the_double_answers_what_it_can(double):
    send(double, metrics_request(gauge("g", number(5, 1), number(15, 3))))
    status, answer = ask(double, formula="timeshift(a, -0) * 2 + 1")
    assert (status, answer["data"]["attributes"]["columns"][-1]["values"]) == (200, [9.0])
    status, answer = ask(double, path="timeseries", more={"interval": 10_000})
    assert answer["data"]["attributes"]["times"] == [1000 * T0, 1000 * (T0 + 10)]
    assert ask(double, query="sum:unknown{*}")[1] == {"errors": "metric unknown is not known"}


async def test_which_exports_came_is_not_known(datadog):
    assert await datadog.exports(since=T0, until=T0 + 100) is None
