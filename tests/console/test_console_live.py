import asyncio
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from socketscope import semconv
from socketscope.errors import BackendError
from socketscope.monitoring.live import Live
from socketscope.monitoring.schemas import CHANNEL, LiveMessage, Metrics

LIVE = "ws://127.0.0.1:8300/monitoring/websocket/live"


def metrics(connections):
    return Metrics(
        current_connections=connections,
        connections_by_channel={},
        messages_sent=None,
        messages_received=None,
        errors=None,
        uptime=None,
        timestamp=datetime(2027, 1, 1, tzinfo=UTC),
        system_metrics=None,
    )


class Reading:
    """Counts how often it was read, and can fail."""

    def __init__(self):
        self.count = 0
        self.error = None

    async def __call__(self):
        self.count += 1
        if self.error:
            raise self.error
        return metrics(self.count)


class Client:
    """The server's end of a socket, for `Live.serve`."""

    def __init__(self):
        self.received = []
        self.closed = None
        self.reads = asyncio.Event()
        self.reads.set()
        self.left = asyncio.Event()

    async def accept(self):
        pass

    async def receive(self):
        await self.left.wait()
        return {"type": "websocket.disconnect", "code": 1000}

    async def send_text(self, text):
        await self.reads.wait()
        self.received.append(LiveMessage.model_validate_json(text).data.current_connections)

    async def close(self, code, reason):
        self.closed = code


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def test_the_live_socket_pushes_the_same_numbers_as_the_route(client):
    with client.websocket_connect(LIVE) as socket:
        first = socket.receive_json()
        assert first["channel"] == CHANNEL == "monitoring_metrics"
        assert first["data"] == client.get("/monitoring/websocket/metrics").json()
        assert socket.receive_json()["data"]["current_connections"] == 7


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8300", None])
def test_pages_of_the_console_and_programs_may_listen(client, origin):
    headers = {"origin": origin} if origin else {}
    with client.websocket_connect(LIVE, headers=headers) as socket:
        assert socket.receive_json()["channel"] == CHANNEL


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:9000",
        "https://127.0.0.1:8300",
        "http://localhost:8300",
        "http://127.0.0.1:bad",
    ],
)
def test_pages_of_others_may_not_listen(client, origin):
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect(LIVE, headers={"origin": origin}),
    ):
        pass


def test_a_socket_to_another_host_name_is_refused(client):
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("ws://evil.example/monitoring/websocket/live"),
    ):
        pass


def test_a_backend_that_cannot_be_asked_closes_with_1011(connect, backend):
    backend.error = BackendError("it does not answer")
    with connect(backend).websocket_connect(LIVE) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == 1011


def test_what_a_client_sends_is_ignored(client):
    with client.websocket_connect(LIVE) as socket:
        socket.send_text("hello")
        socket.send_bytes(b"hello")
        for _ in range(3):
            assert socket.receive_json()["channel"] == CHANNEL


def test_the_live_socket_itself_is_not_counted_should_the_console_be_instrumented(client):
    scopes = []

    async def outermost(scope, receive, send):
        scopes.append(scope)
        await client.app(scope, receive, send)

    with TestClient(outermost).websocket_connect(LIVE):
        assert scopes[0][semconv.IGNORE_KEY] is True


async def serve_all(live, clients):
    return [asyncio.create_task(live.serve(client)) for client in clients]


def test_a_tick_is_computed_once_for_all_clients():
    async def scenario():
        reading = Reading()
        live = Live(reading, period=0.001)
        clients = [Client() for _ in range(50)]
        async with live.ticking():
            tasks = await serve_all(live, clients)
            await until(lambda: all(len(client.received) > 10 for client in clients))
            for client in clients:
                client.left.set()
            await asyncio.gather(*tasks)
        # Each client reads once when it comes; apart from that all saw the numbers of the same ticks.
        ticks = reading.count - len(clients)
        assert ticks >= 10
        assert ticks <= max(len(client.received) for client in clients) + 2

    asyncio.run(scenario())


def test_nothing_is_read_while_nobody_listens():
    async def scenario():
        reading = Reading()
        live = Live(reading, period=0.001)
        async with live.ticking():
            await until(lambda: not live._wanted.is_set())
            assert reading.count == 0
            client = Client()
            (task,) = await serve_all(live, [client])
            await until(lambda: len(client.received) > 2)
            client.left.set()
            await task
            assert live.clients == 0
            await until(lambda: not live._wanted.is_set())
            count = reading.count
            await until(lambda: len(asyncio.all_tasks()) == 2)
            assert reading.count == count

    asyncio.run(scenario())


def test_a_client_that_does_not_read_is_closed_with_1013_and_stalls_nobody():
    async def scenario():
        live = Live(Reading(), period=0.001, patience=0.2)
        slow, quick = Client(), Client()
        slow.reads.clear()
        async with live.ticking():
            slow_task, quick_task = await serve_all(live, [slow, quick])
            await until(lambda: len(quick.received) > 20)
            assert slow.received == []
            await asyncio.wait_for(slow_task, 10)
            assert slow.closed == 1013
            assert live.clients == 1
            quick.left.set()
            await quick_task

    asyncio.run(scenario())


def test_a_client_that_was_busy_gets_only_the_newest():
    async def scenario():
        live = Live(Reading(), period=0.001)
        busy, quick = Client(), Client()
        busy.reads.clear()
        async with live.ticking():
            tasks = await serve_all(live, [busy, quick])
            await until(lambda: len(quick.received) > 20)
            busy.reads.set()
            await until(lambda: len(busy.received) > 2)
            for client in (busy, quick):
                client.left.set()
            await asyncio.gather(*tasks)
        missed = busy.received[1] - busy.received[0]
        assert missed > 15  # the one under way, then at once the newest

    asyncio.run(scenario())


def test_the_ticker_outlives_a_failure_and_its_clients_are_told():
    async def scenario():
        reading = Reading()
        live = Live(reading, period=0.001)
        first, second = Client(), Client()
        async with live.ticking():
            (task,) = await serve_all(live, [first])
            await until(lambda: first.received)
            reading.error = ZeroDivisionError("a mistake of ours")
            await asyncio.wait_for(task, 10)
            assert first.closed == 1011
            reading.error = None
            (task,) = await serve_all(live, [second])
            await until(lambda: len(second.received) > 2)
            second.left.set()
            await task

    asyncio.run(scenario())
