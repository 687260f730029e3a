"""Real uvicorn, real sockets, a real client: the hooks, and facts that only a network shows."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from socketscope.instrumentation import patches
from socketscope.instrumentation.options import Options
from socketscope.testing import Capture, capture

pytestmark = pytest.mark.anyio


def echo() -> FastAPI:
    app = FastAPI()

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                text = await websocket.receive_text()
                if text == "raise":
                    raise ValueError(text)
                if text == "close":
                    await websocket.close(4001)
                    return
                await websocket.send_text(text)
        except WebSocketDisconnect:
            pass

    return app


@contextlib.asynccontextmanager
async def served(app: Any, ws: str = "websockets-sansio") -> AsyncIterator[str]:
    """Serve `app` on a free port; at the end shut down as SIGTERM would."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, ws=ws, log_level="critical"))
    with contextlib.ExitStack() as stack:
        stack.callback(sock.close)
        task = asyncio.create_task(server._serve([sock]))
        await until(lambda: server.started or task.done())
        try:
            yield f"ws://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@contextlib.contextmanager
def patched(options: Options | None = None) -> Any:
    with capture(options) as captured:
        undo = patches.patch_uvicorn(captured.reporter)
        assert undo is not None
        try:
            yield captured
        finally:
            undo()


async def until(condition: Callable[[], bool], within: float = 10) -> None:
    async with asyncio.timeout(within):
        while not condition():  # the condition belongs to uvicorn and the SDK: no event to wait for
            await asyncio.sleep(0.005)


async def ended(captured: Capture, within: float = 10) -> dict[str, Any]:
    await until(lambda: "websocket.connection.closed" in captured.event_names(), within)
    return dict(captured.events[-1].log_record.attributes or {})


def reset(client: ClientConnection) -> None:
    """Drop the connection as a host does that dies: RST, no close frame."""
    raw = client.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.transport.abort()


async def clean(client: ClientConnection) -> None:
    await client.close(1000)


async def going_away(client: ClientConnection) -> None:
    await client.close(1001, "bye")


async def lost(client: ClientConnection) -> None:
    reset(client)


async def closed_by_server(client: ClientConnection) -> None:
    await client.send("close")
    await client.wait_closed()


async def raising(client: ClientConnection) -> None:
    await client.send("raise")
    await client.wait_closed()


@pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto", "websockets"])
@pytest.mark.parametrize(
    ("leave", "initiator", "codes"),
    [
        (clean, "client", {1000}),
        (going_away, "client", {1001}),
        (lost, "network", {1005, 1006}),
        (closed_by_server, "server", {4001}),
        (raising, "server", {1006}),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_the_end_of_a_connection_is_told_right(
    ws: str, leave: Callable[[ClientConnection], Any], initiator: str, codes: set[int]
) -> None:
    with patched() as captured:
        async with served(echo(), ws) as url, connect(url + "/ws") as client:
            await client.send("x")
            assert await client.recv() == "x"
            await leave(client)
            closed = await ended(captured)
        assert closed["websocket.close.initiator"] == initiator
        assert closed["websocket.close.code"] in codes
        assert captured.value("websocket.server.active_connections") == 0
        assert captured.value("websocket.server.errors") == (1 if leave is raising else 0)


async def test_a_server_that_shuts_down_with_open_connections_tells_so() -> None:
    with patched() as captured:
        async with contextlib.AsyncExitStack() as stack:
            url = await stack.enter_async_context(served(echo()))
            client = await connect(url + "/ws").__aenter__()
            await client.send("x")
            await client.recv()
            closing = asyncio.create_task(client.wait_closed())
        await closing
        closed = await ended(captured)
        assert (closed["websocket.close.initiator"], closed["websocket.close.code"]) == ("shutdown", 1012)


async def test_a_client_that_stops_reading_is_dropped_and_counted_as_lost() -> None:
    app = FastAPI()

    @app.websocket("/ws")
    async def flood(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_bytes(b"x" * 1_000_000)

    with patched(Options(tcp_user_timeout=1)) as captured:
        async with served(app) as url:
            host, port = url.removeprefix("ws://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
            writer.write(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            assert b"101" in await reader.readline()  # and nothing is read from here on
            closed = await ended(captured, within=30)
            writer.close()
        assert closed["websocket.close.initiator"] == "network"


async def test_a_path_without_a_route_is_a_denied_handshake() -> None:
    with patched() as captured:
        async with served(echo()) as url:
            with pytest.raises(InvalidStatus):
                await connect(url + "/nowhere")
        outcome = {"websocket.handshake.outcome": "denied", "http.response.status_code": 403}
        assert captured.value("websocket.server.handshakes", **outcome) == 1


async def test_uninstrumented_uvicorn_is_as_it_was() -> None:
    load, shutdown = uvicorn.Config.load, uvicorn.Server.shutdown
    with patched() as captured:
        assert uvicorn.Config.load is not load
    assert uvicorn.Config.load is load
    assert uvicorn.Server.shutdown is shutdown
    async with served(echo()) as url, connect(url + "/ws"):
        pass
    assert captured.event_names() == []


async def test_patching_twice_wraps_once() -> None:
    with patched() as captured:
        second = patches.patch_uvicorn(captured.reporter)
        assert second is not None
        second()  # undoes nothing: it did nothing
        async with served(echo()) as url, connect(url + "/ws") as client:
            await client.send("x")
            await client.recv()
        assert captured.value("websocket.server.handshakes") == 1


async def test_opentelemetrys_own_middleware_leaves_watched_connections_alone() -> None:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware

    undo = patches.patch_opentelemetry_asgi()
    assert undo is not None
    try:
        with patched() as captured:
            providers = captured.providers
            app = OpenTelemetryMiddleware(echo(), tracer_provider=providers["tracer_provider"])
            async with served(app) as url, connect(url + "/ws") as client:
                for _ in range(5):
                    await client.send("x")
                    await client.recv()
            assert sorted(span.name for span in captured.spans) == ["WS /ws", "WS /ws segment"]
    finally:
        undo()
