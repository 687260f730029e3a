"""What every implementation of `Traces` answers to, over the same spans: the embedded store, a console, Jaeger, and a
double of Tempo."""

import pytest

from connection_spans import (
    BUSY,
    CLOSED,
    FOREIGN,
    OPEN,
    TRACE,
    a_busy_connection,
    a_closed_connection,
    an_open_connection,
)
from console_process import serving_console
from doubles.tempo_double import TempoDouble
from jaeger_process import JaegerProcess, required_jaeger
from otlp_requests import T0, put
from socketscope.backends.base import Capabilities, Traces
from socketscope.backends.embedded_traces import EmbeddedTraces
from socketscope.backends.http import Access
from socketscope.backends.jaeger import JaegerTraces
from socketscope.backends.links import LinkOptions
from socketscope.backends.remote import RemoteBackend
from socketscope.backends.tempo import TempoTraces
from socketscope.backends.timeline import is_message
from socketscope.errors import BackendError, QueryError
from socketscope.store.store import Store

pytestmark = pytest.mark.anyio
PERIOD = {"since": T0 - 60, "until": T0 + 60}
LINKS = LinkOptions(jaeger_url="http://jaeger.example", grafana_url="http://grafana.example")


class Embedded:
    def __init__(self, _directory):
        self.store = Store.open(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.store.close()

    def take(self, *requests):
        for request in requests:
            put(self.store, request)

    async def connect(self):
        return EmbeddedTraces(self.store, links=LINKS)


class Remote(Embedded):
    def __enter__(self):
        self.console = serving_console(self.store, LINKS)
        self.url = self.console.__enter__()
        return self

    def __exit__(self, *_):
        self.console.__exit__(None, None, None)
        super().__exit__()

    async def connect(self):
        return await RemoteBackend.connect(self.url)


class Jaeger(JaegerProcess):
    def __init__(self, directory):
        super().__init__(required_jaeger(), directory)

    def take(self, *requests):
        super().take(*requests)
        self.wait_until(lambda: b'"chat"' in self.get("/api/services"))

    async def connect(self):
        return JaegerTraces(self.url)


class Tempo(TempoDouble):
    def __init__(self, _directory):
        super().__init__(tenant="team-a")

    def take(self, *requests):
        for request in requests:
            super().take(request)

    async def connect(self):
        return TempoTraces(self.url, access=Access(tenant="team-a"), links=LinkOptions(grafana_url="http://g.example"))


PLACES = {"embedded": Embedded, "remote": Remote, "jaeger": Jaeger, "tempo double": Tempo}


@pytest.fixture(scope="module", params=PLACES.values(), ids=PLACES.keys())
def place(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("traces")) as place:
        place.take(*an_open_connection(), *a_closed_connection(), *a_busy_connection())
        yield place


@pytest.fixture
async def traces(place):
    traces = await place.connect()
    yield traces
    if hasattr(traces, "aclose"):
        await traces.aclose()


async def test_it_is_what_the_protocol_asks_for(traces):
    asked: Traces = traces
    assert isinstance(asked.capabilities, Capabilities)
    assert asked.capabilities.traces


async def test_an_open_connection_has_what_it_sent_so_far_and_what_other_services_did_for_it(traces):
    timeline = await traces.timeline(OPEN, **PERIOD)
    assert (timeline.connection_id, timeline.closed) == (OPEN, False)
    told = [(span.name, span.kind, span.service, span.start - T0, span.end - T0) for span in timeline.spans]
    assert told == [
        ("WS /ws/{room}", "server", "chat", 0, pytest.approx(0.25, abs=2e-6)),
        ("WS /ws/{room} segment", "internal", "chat", *(pytest.approx(t, abs=2e-6) for t in (0.25, 5.25))),
        ("SELECT", "client", "chat", 1, 2),
        ("find", "server", "database", 1, 2),
    ]
    assert {span.trace_id for span in timeline.spans} == {TRACE[OPEN].hex()}


async def test_attributes_come_back_as_they_were_sent(traces):
    handshake, segment, *_ = (await traces.timeline(OPEN, **PERIOD)).spans
    assert handshake.attributes == {
        "websocket.connection.id": OPEN,
        "http.route": "/ws/{room}",
        "websocket.handshake.outcome": "accepted",
        "http.response.status_code": 101,
    }
    assert segment.attributes["websocket.channels"] == ["lobby", "news"]
    assert segment.attributes["websocket.segment.messages.sent"] == 12
    assert segment.attributes["websocket.segment.handling.duration.max"] == 0.0125
    assert segment.parent_id == handshake.span_id


async def test_a_closed_connection_has_its_end_and_nothing_of_another_in_the_same_trace(traces):
    timeline = await traces.timeline(CLOSED, **PERIOD)
    assert timeline.closed
    assert [span.span_id for span in timeline.spans] == [b"handshak".hex(), b"segment0".hex(), b"segment1".hex()]
    last = timeline.spans[-1]
    assert (last.status, last.status_message) == ("error", "ZeroDivisionError")
    assert last.attributes["websocket.close.code"] == 4001
    assert timeline.spans[0].parent_id == b"browser0".hex()
    assert [span.name for span in (await traces.timeline(FOREIGN, **PERIOD)).spans] == ["WS /ws/{room}", "other"]


async def test_a_connection_is_there_however_many_of_its_messages_are(traces):
    spans = (await traces.timeline(BUSY, **PERIOD)).spans
    assert [span.span_id for span in spans if span.trace_id == TRACE[BUSY].hex()] == [
        b"busyhand".hex(),
        b"busysegm".hex(),
    ]
    messages = [span for span in spans if is_message(span)]
    assert len(messages) >= 10
    assert {link.span_id for span in messages for link in span.links} == {b"busyhand".hex()}


@pytest.mark.parametrize("period", [(-600, -500), (500, 600)])
async def test_outside_the_period_there_is_nothing(traces, period):
    assert await traces.timeline(CLOSED, since=T0 + period[0], until=T0 + period[1]) is None


async def test_a_segment_that_reaches_into_the_period_brings_its_connection(traces):
    timeline = await traces.timeline(CLOSED, since=T0 + 10, until=T0 + 20)
    assert len(timeline.spans) == 3


async def test_an_id_that_nobody_has_is_no_timeline(traces):
    assert await traces.timeline("ffffffffffffffff", **PERIOD) is None


async def test_a_service_narrows_the_search_not_the_timeline(traces):
    assert await traces.timeline(OPEN, **PERIOD, service="chat") == await traces.timeline(OPEN, **PERIOD)
    assert await traces.timeline(OPEN, **PERIOD, service="nobody") is None


@pytest.mark.parametrize("wrong", ["", "a1", '" } || { true', "00000000000000A1", "00000000000000a1/.."])
async def test_what_can_be_no_id_is_refused_before_anything_is_asked(traces, wrong):
    with pytest.raises(QueryError, match="16 hexadecimal digits"):
        await traces.timeline(wrong, **PERIOD)


async def test_a_link_has_the_whole_id(traces):
    assert TRACE[OPEN].hex() in traces.link(TRACE[OPEN].hex())


@pytest.mark.parametrize("kind", PLACES.values(), ids=PLACES.keys())
async def test_a_backend_that_is_gone_is_an_error_and_no_empty_answer(kind, tmp_path):
    with kind(tmp_path) as place:
        traces = await place.connect()
    with pytest.raises(BackendError):
        await traces.timeline(OPEN, **PERIOD)
    if hasattr(traces, "aclose"):
        await traces.aclose()
