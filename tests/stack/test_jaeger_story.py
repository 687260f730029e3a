import pytest
from jaeger_story import CODE, CONNECTIONS, REASON, tell

from jaeger_process import required_jaeger


@pytest.fixture(scope="module", params=[False, True], ids=["without FastAPI's telemetry", "with FastAPI's telemetry"])
def facts(request, otelcol, tmp_path_factory):
    directory = tmp_path_factory.mktemp("jaeger")
    return tell(directory, jaeger=required_jaeger(), collector=otelcol, native=request.param)


def test_a_connection_is_one_trace_that_is_readable_while_it_is_open_and_warned_of_by_nothing(facts):
    assert facts.mistakes() == [], (facts.open.warnings, facts.closed.warnings)


def test_the_end_of_a_connection_is_in_its_last_segment(facts):
    assert len(facts.closed.timelines) == CONNECTIONS
    for timeline in facts.closed.timelines.values():
        last = timeline.spans[-1].attributes
        assert last["websocket.close.code"] == CODE
        assert last["websocket.close.reason"] == REASON
        assert last["websocket.close.initiator"] == "client"
        assert last["websocket.connection.messages.received"] == 1


def test_fastapis_own_span_is_above_the_handshake_after_the_close(facts):
    kinds = {
        tuple(span.kind for span in timeline.spans if span.name.endswith("/ws/{room}"))
        for timeline in facts.closed.timelines.values()
    }
    assert kinds == ({("server", "internal")} if facts.native else {("server",)})
