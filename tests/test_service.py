import asyncio
import json
import signal
import threading
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from otlp_source import Source
from service_process import ServiceProcess
from socketscope.config import Settings
from socketscope.errors import PortInUseError, StoreLockedError
from socketscope.service import Service

MONITORING = "/monitoring/websocket"


def ask(service, path, **parameters):
    answer = httpx.get(f"{service.url}{MONITORING}/{path}", params=parameters)
    answer.raise_for_status()
    return answer.json()


def fill(source):
    """Three connections, of which one left and one failed; what the console must say of it."""
    source.connect("c1", "lobby", "ada")
    source.connect("c2", "lobby", "ada")
    source.connect("c3", "games", "bob")
    source.talk(received=10, sent=30, size=7)
    source.flush()
    source.fail()
    source.disconnect("c2", "lobby", "ada", initiator="network")
    source.flush()
    return {
        "current_connections": 2,
        "connections_by_channel": {"lobby": 1, "games": 1},
        "messages_received": 10,
        "messages_sent": 30,
        "bytes_received": 70,
        "bytes_sent": 210,
        "errors": 1,
        "connections_accepted": 3,
        "connections_denied": 0,
        "connections_lost": 1,
        "peak_connections": 3,
        "unique_users": 2,
        "channels": 2,
        "instances": 1,
        "stale": False,
    }


def test_what_the_sdk_sends_comes_back_as_exact_numbers_and_outlives_a_restart(tmp_path):
    with ServiceProcess("--data", tmp_path) as service:
        source = Source(service.grpc, "a")
        expected = fill(source)
        answer = ask(service, "metrics")
        assert {key: answer[key] for key in expected} == expected
        system = answer["system_metrics"]
        assert (system["cpu_usage"], system["memory_usage"], system["active_threads"]) == (40, 25, 4)
        page = ask(service, "connections")
        assert {(one["id"], one["user_hash"]) for one in page["active_connections"]} == {("c1", "ada"), ("c3", "bob")}
        stats = ask(service, "stats/1")
        assert (stats["total_connections"], stats["closed_connections"], stats["avg_duration"]) == (3, 1, 2.5)
        history = ask(service, "history", minutes=1)
        assert history["points"][-1]["current_connections"] in {2, 3, None}  # the flush may be newer than the point
        assert ask(service, "health")["status"] == "healthy"
        with connect(f"{service.url.replace('http', 'ws')}{MONITORING}/live") as socket:
            pushed = json.loads(socket.recv(timeout=10))["data"]
        assert {key: pushed[key] for key in expected} == expected
        again = ask(service, "metrics", at=pushed["timestamp"])
        assert again == pushed
        source.close()
        assert service.stop() == 0
        assert service.complaints == []

    with ServiceProcess("--data", tmp_path) as service:
        answer = ask(service, "metrics")
        for key in ("messages_received", "messages_sent", "errors", "connections_accepted", "peak_connections"):
            assert answer[key] == expected[key], key
        assert service.stop() == 0


def test_everything_that_was_acknowledged_is_kept_through_sigterm(tmp_path):
    with ServiceProcess("--data", tmp_path) as service:
        source = Source(service.grpc, "a", interval=3600)
        source.connect("c1")
        for _ in range(20):
            source.talk(sent=1)
            source.flush()
        assert service.stop() == 0
    with ServiceProcess("--data", tmp_path) as service:
        answer = ask(service, "metrics")
        assert (answer["messages_sent"], answer["unique_users"]) == (20, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_0_at_a_signal_while_a_live_socket_is_open(number):
    with ServiceProcess("--memory") as service:
        with connect(f"{service.url.replace('http', 'ws')}{MONITORING}/live") as socket:
            socket.recv(timeout=10)
            assert service.stop(number) == 0
        assert service.complaints == []


def test_it_is_ready_when_it_says_so_and_serves_the_page_or_says_how_to_build_it():
    with ServiceProcess("--memory") as service:
        assert service.lines[-1].split() == ["ready", service.url]
        assert httpx.get(f"{service.url}/readyz").json() == {"status": "ready", "reasons": []}
        assert "socketscope" in httpx.get(service.url).text
        assert httpx.get(f"{service.url}{MONITORING}/health").status_code == 503


def test_a_store_that_another_service_has_open_is_refused(tmp_path):
    with ServiceProcess("--data", tmp_path):

        async def second():
            async with Service(settings(tmp_path)):
                pytest.fail("two services have one store")

        with pytest.raises(StoreLockedError):
            asyncio.run(second())


def settings(data=None, port=0):
    return Settings(
        console={"port": port},
        otlp={"grpc_port": 0, "http_port": 0},
        store={"data": data} if data else {"memory": True},
    )


def test_after_a_failed_start_nothing_listens_and_a_next_one_works(tmp_path):
    async def scenario():
        async with Service(settings(tmp_path)) as first:
            port = int(first.console_url.rpartition(":")[2])
            with pytest.raises(PortInUseError):
                await Service(settings(tmp_path / "other", port)).__aenter__()
        async with Service(settings(tmp_path, port)) as again:
            assert again.console_url.endswith(str(port))
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{again.console_url}/readyz")).status_code == 200

    asyncio.run(scenario())


def test_stopping_leaves_no_thread_behind():
    async def scenario():
        before = set(threading.enumerate())
        async with Service(settings()):
            pass
        await asyncio.get_running_loop().shutdown_default_executor()
        return {thread for thread in threading.enumerate() if thread not in before and not thread.daemon}

    assert asyncio.run(scenario()) == set()


def test_the_store_is_where_it_was_said(tmp_path):
    with ServiceProcess(environment={"XDG_DATA_HOME": str(tmp_path)}) as service:
        assert service.told("store") == str(tmp_path / "socketscope" / "socketscope.duckdb")
        assert Path(service.told("store")).exists()
