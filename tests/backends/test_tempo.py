import pytest

from connection_spans import OPEN, TRACE, an_open_connection
from doubles.tempo_double import TempoDouble
from otlp_requests import T0
from socketscope.backends.http import Access
from socketscope.backends.tempo import TempoTraces
from socketscope.errors import BackendError, BackendStatusError

pytestmark = pytest.mark.anyio
PERIOD = {"since": T0 - 60, "until": T0 + 60}


@pytest.mark.parametrize("version", [1, 2])
async def test_a_trace_is_read_by_either_version_of_the_api(version):
    with TempoDouble(version=version) as double:
        for request in an_open_connection():
            double.take(request)
        async with TempoTraces(double.url) as traces:
            timeline = await traces.timeline(OPEN, **PERIOD)
    assert len(timeline.spans) == 4
    assert {span.trace_id for span in timeline.spans} == {TRACE[OPEN].hex()}
    assert double.asked[0].query["q"] == [f'{{ span.websocket.connection.id = "{OPEN}" }}']


async def test_a_trace_that_is_gone_between_search_and_reading_is_no_error(monkeypatch):
    with TempoDouble() as double:
        for request in an_open_connection():
            double.take(request)
        found = double.search
        monkeypatch.setattr(double, "search", lambda query: (found(query), double.traces.clear())[0])
        async with TempoTraces(double.url) as traces:
            assert await traces.timeline(OPEN, **PERIOD) is None


async def test_the_wrong_tenant_is_an_error_that_says_what_tempo_said():
    with TempoDouble(tenant="team-a") as double:
        async with TempoTraces(double.url, access=Access(tenant="team-b")) as traces:
            with pytest.raises(BackendStatusError, match="401: no org id"):
                await traces.timeline(OPEN, **PERIOD)


@pytest.mark.parametrize("answer", [[], {"traces": [{}]}, {"traces": [3]}])
async def test_an_answer_that_is_no_search_result_is_an_error(monkeypatch, answer):
    with TempoDouble() as double:
        monkeypatch.setattr(double, "search", lambda _: answer)
        async with TempoTraces(double.url) as traces:
            with pytest.raises(BackendError, match="can't be read"):
                await traces.timeline(OPEN, **PERIOD)


@pytest.mark.parametrize("answer", [[], {"trace": {"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}}])
async def test_an_answer_that_is_no_trace_is_an_error(monkeypatch, answer):
    with TempoDouble() as double:
        for request in an_open_connection():
            double.take(request)
        monkeypatch.setattr(double, "trace", lambda *_: answer)
        async with TempoTraces(double.url) as traces:
            with pytest.raises(BackendError, match="can't be read"):
                await traces.timeline(OPEN, **PERIOD)
