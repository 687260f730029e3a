import json
import socket
import time

import pytest

from connection_spans import BUSY, CLOSED, OPEN, a_busy_connection, a_closed_connection, an_open_connection
from console_process import serving_console
from doubles.tempo_double import TempoDouble
from otlp_requests import T0, put
from socketscope.backends.links import LinkOptions
from socketscope.store.store import Store

NOW_LESS_T0 = time.time() - T0 - 30
"""When the spans of these tests begin: half a minute ago, since the command asks about the past until now."""


@pytest.fixture
def trace(socketscope, tmp_path):
    def run(*arguments, **environment):
        surroundings = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment}
        return socketscope("trace", *arguments, cwd=tmp_path, environment=surroundings)

    return run


def fill(store):
    for request in (
        *an_open_connection(NOW_LESS_T0),
        *a_closed_connection(NOW_LESS_T0),
        *a_busy_connection(NOW_LESS_T0),
    ):
        put(store, request)


@pytest.fixture
def console():
    store = Store.open(None)
    fill(store)
    with serving_console(store, LinkOptions(jaeger_url="http://jaeger.example")) as url:
        yield url
    store.close()


def test_a_closed_connection_is_told_from_handshake_to_close(trace, console):
    ran = trace(CLOSED, "--url", console)
    assert ran.returncode == 0, ran.stderr
    lines = [" ".join(line.split()) for line in ran.stdout.splitlines()]
    assert lines[0] == f"Connection {CLOSED}"
    assert {"service chat", "route /ws/{room}", "channels lobby, news"} <= set(lines)
    table = [line.split(" ", 1)[1] for line in lines if line[:1].isdigit()]
    traffic = "received 3 (120 B) sent 12 (3.4 kB) slowest handling 12.5 ms back-pressure: longest send 500 ms"
    assert table == [
        "0 ms handshake 250 ms accepted status 101",
        f"250 ms segment 0 5 s {traffic}",
        f"5.25 s segment 1 5 s {traffic} error: ZeroDivisionError",
    ]
    assert lines[-2:] == [
        "Closed with 4001 by server, reason 'enough', after 10 s: received 6 (240 B), sent 24 (6.8 kB), 1 error.",
        f"Trace http://jaeger.example/trace/{'bb' * 16}",
    ]


def test_an_open_connection_is_said_to_be_open_and_has_its_handlers_spans(trace, console):
    ran = trace(OPEN, "--url", console)
    assert ran.returncode == 0, ran.stderr
    assert "client span of chat" in ran.stdout
    assert "server span of database" in ran.stdout
    assert "Open, for" in ran.stdout
    assert "Closed" not in ran.stdout


def test_messages_are_told_by_their_direction_and_size(trace, console):
    ran = trace(BUSY, "--url", console)
    assert ran.returncode == 0, ran.stderr
    rows = [" ".join(line.split()[1:]) for line in ran.stdout.splitlines() if "message received" in line]
    assert rows[:2] == [
        "1 s message received 1 s 7 others before it in its process had no span",
        "1.01 s message received 1 s 120 B of text",
    ]


def test_json_is_the_timeline_and_the_link(trace, console):
    told = json.loads(trace(OPEN, "--url", console, "--json").stdout)
    assert told.keys() == {"connection_id", "spans", "closed", "link"}
    assert (told["connection_id"], told["closed"], len(told["spans"])) == (OPEN, False, 4)
    assert told["link"].endswith(told["spans"][0]["trace_id"])


@pytest.mark.parametrize(
    ("arguments", "searched"),
    [
        (["f" * 16], "the console at"),
        ([CLOSED, "--service", "other"], "service other"),
        ([CLOSED, "--since", "1s"], "in the 1s until now"),
    ],
)
def test_an_unknown_id_ends_with_1_and_says_where_and_when_it_was_searched_for(trace, console, arguments, searched):
    ran = trace(*arguments, "--url", console)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"No span of a connection {arguments[0]} was found in the console at {console}" in ran.stderr
    assert searched in ran.stderr


def test_the_store_itself_can_be_asked_while_no_service_has_it(trace, tmp_path):
    store = Store.open(tmp_path / "socketscope.duckdb")
    fill(store)
    store.close()
    ran = trace(CLOSED, "--backend", "embedded", "--data", tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "Closed with 4001" in ran.stdout
    store = Store.open(tmp_path / "socketscope.duckdb")
    ran = trace(CLOSED, "--backend", "embedded", "--data", tmp_path)
    store.close()
    assert (ran.returncode, "another process" in ran.stderr) == (2, True)


def test_tempo_gets_tenant_and_token(trace):
    with TempoDouble(tenant="team-a") as tempo:
        for request in a_closed_connection(NOW_LESS_T0):
            tempo.take(request)
        ran = trace(
            *(CLOSED, "--backend", "tempo", "--url", tempo.url, "--tenant", "team-a"),
            SOCKETSCOPE_TRACE_TOKEN="s3cret",
        )
    assert ran.returncode == 0, ran.stderr
    assert tempo.asked[0].headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["xyz", "--url", "URL"], "'xyz' is no connection's id"),
        ([CLOSED, "--url", "localhost:8300"], "url='localhost:8300' can't be used"),
        ([CLOSED, "--since", "yesterday"], "--since='yesterday' can't be used"),
        ([CLOSED, "--since", "0h"], "--since='0h' can't be used"),
        ([CLOSED, "--backend", "jaeger"], "--url=None can't be used: expected the address of Jaeger"),
        ([CLOSED, "--backend", "embedded", "--data", "nowhere"], "--data='nowhere' can't be used"),
        ([CLOSED, "--user", "s3cret"], "NAME:PASSWORD"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(trace, console, tmp_path, arguments, complaint):
    ran = trace(*(console if argument == "URL" else argument for argument in arguments))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert complaint in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert "s3cret" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_console_that_is_not_there_is_named(trace):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        ran = trace(CLOSED, SOCKETSCOPE_CONSOLE_PORT=str(probe.getsockname()[1]))
        assert ran.returncode == 2
        assert f"could not be asked at http://127.0.0.1:{probe.getsockname()[1]}/api/backend" in ran.stderr
