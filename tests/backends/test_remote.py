import math

import pytest
from pydantic import SecretStr

from connection_spans import CLOSED, a_closed_connection
from console_process import serving_console
from doubles.http_double import HttpDouble, Refusal
from otlp_requests import T0, counter, event, gauge, logs_request, metrics_request, number, put, resource
from socketscope import semconv
from socketscope.backends.base import Capabilities, Connections, Metrics, Traces
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.links import LinkOptions
from socketscope.backends.remote import RemoteBackend
from socketscope.console.options import ConsoleOptions
from socketscope.errors import BackendError, BackendStatusError, QueryError
from socketscope.query.model import Query, Ratio

pytestmark = pytest.mark.anyio
TOKEN = "a-token-of-the-tests"


@pytest.fixture
def embedded(store):
    """A store with two instances' counts, a gauge and two connections."""
    for name, value in (("one", 3), ("two", 4)):
        put(
            store,
            metrics_request(
                counter(
                    "m", number(10, value, attributes={"room": name}), number(20, 2 * value, attributes={"room": name})
                ),
                gauge("g", number(10, value), number(20, value + 1)),
                of=resource(name),
            ),
        )
    for time, of in ((5, semconv.OPENED), (6, semconv.PROGRESS)):
        put(store, logs_request(event(time, of.name, {semconv.CONNECTION_ID: "a" * 16, semconv.CHANNELS: ["lobby"]})))
    put(store, *a_closed_connection())
    return EmbeddedBackend(store)


@pytest.fixture
async def remote(store, embedded):
    with serving_console(store, LinkOptions(jaeger_url="http://jaeger.example")) as url:
        async with await RemoteBackend.connect(url) as remote:
            yield remote


async def test_it_is_what_the_protocols_ask_for(remote):
    metrics: Metrics = remote
    connections: Connections = remote
    traces: Traces = remote
    assert metrics.capabilities == Capabilities(metrics=True, connections=True, traces=True)
    assert connections is traces


@pytest.mark.parametrize(
    "query",
    [
        Query("m", over_time="increase", window=30, by=("room",)),
        Query("m", over_time="increase", window=30, where={"room": ("one", "three")}),
        Query("m", over_time="increase", window=30, where={"service.instance.id": ("two",)}, complement=True),
        Query("g", over_time="max", window=30, across="avg", offset=5),
        Query("nothing", absent=True),
        Query("nothing"),
        Ratio(Query("m", over_time="increase", window=30), Query("g", over_time="max", window=30)),
    ],
)
async def test_it_answers_queries_as_the_backend_behind_it(remote, embedded, query):
    assert await remote.instant(query, at=T0 + 25) == await embedded.instant(query, at=T0 + 25)
    period = {"start": T0, "end": T0 + 25, "step": 5}
    lines = await embedded.range(query, **period)
    assert [(line.labels, [tuple(point) for point in line.points]) for line in await remote.range(query, **period)] == [
        (line.labels, list(line.points)) for line in lines
    ]


async def test_a_number_that_json_does_not_have_comes_through(store, remote):
    put(store, metrics_request(counter("zero", number(10, 0), number(20, 0))))
    ratio = Ratio(Query("m", over_time="increase", window=30), Query("zero", over_time="increase", window=30))
    [sample] = await remote.instant(ratio, at=T0 + 25)
    assert sample.value == math.inf
    [line] = await remote.range(ratio, start=T0 + 25, end=T0 + 25, step=5)
    assert line.points[0][1] == math.inf


async def test_it_answers_about_instances_peaks_and_connections_as_the_backend_behind_it(remote, embedded):
    period = {"since": T0, "until": T0 + 25}
    assert await remote.instances(**period) == await embedded.instances(**period)
    assert await remote.peak("g", T0, T0 + 25) == await embedded.peak("g", T0, T0 + 25) == 9
    assert await remote.peak("nothing", T0, T0 + 25) is None
    page = {"at": T0 + 25, "limit": 10, "offset": 0}
    there = await embedded.open(**page)
    assert there.total == 1
    assert await remote.open(**page) == there
    assert await remote.summary(**period) == await embedded.summary(**period)


async def test_a_link_leads_where_the_console_says(remote):
    assert remote.link("0af7") == "http://jaeger.example/trace/0af7"
    assert (await remote.timeline(CLOSED, since=T0, until=T0 + 60)).closed


async def test_what_the_backend_refuses_is_a_query_error_here_too(remote):
    with pytest.raises(QueryError, match="moments"):
        await remote.range(Query("m"), start=0, end=1e6, step=1)
    with pytest.raises(QueryError, match="limit"):
        await remote.open(at=T0, limit=10**6, offset=0)


async def test_a_console_with_a_token_wants_it(store):
    options = ConsoleOptions(token=SecretStr(TOKEN))
    with serving_console(store, options=options) as url:
        for wrong in (None, "another-token-of-the-tests"):
            with pytest.raises(BackendError, match=r"console\.token"):
                await RemoteBackend.connect(url, token=wrong)
        async with await RemoteBackend.connect(url, token=TOKEN) as remote:
            assert await remote.instances(since=0, until=T0) == []
            assert TOKEN not in repr(vars(remote))


class NoConsole(HttpDouble):
    """Answers every question alike."""

    def __init__(self, answer):
        super().__init__()
        self.given = answer

    def answer(self, asked):
        if isinstance(self.given, Refusal):
            raise self.given
        return self.given


@pytest.mark.parametrize("answer", [{}, [], {"capabilities": {"metrics": "perhaps"}}, "text"])
async def test_something_else_that_answers_is_no_console(answer):
    with NoConsole(answer) as other, pytest.raises(BackendError, match=r"can't be read|JSON is expected"):
        await RemoteBackend.connect(other.url)


async def test_an_error_of_the_console_is_told_with_its_words():
    refusal = Refusal(503, {"detail": "The backend could not be asked."})
    with NoConsole(refusal) as other, pytest.raises(BackendStatusError, match="503: The backend could not be asked"):
        await RemoteBackend.connect(other.url)
