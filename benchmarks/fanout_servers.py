"""The subjects of `fanout.py`: each serves WebSockets on a free port and can publish a text to all of its clients."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

HOST = "127.0.0.1"
ROOM = "room"

Publish = Callable[[str], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs: how many clients are in its room, and how to publish to them."""

    port: int
    members: Callable[[], int]
    publish: Publish


@asynccontextmanager
async def uvicorn_server(app: Any, ws: str = "websockets-sansio", **options: Any) -> AsyncIterator[int]:
    """Run uvicorn as it comes, but for `options`; gives the port."""
    import uvicorn

    listening = socket.socket()
    listening.bind((HOST, 0))
    listening.listen(4096)  # all clients come at once
    config = uvicorn.Config(app, ws=ws, log_level="warning", access_log=False, **options)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listening]))  # noqa: SLF001 - `serve` would take our signals
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await task


def with_telemetry() -> Any:
    """Set up the SDK as `socketscope run` does, with exporters that throw everything away; gives our reporter."""
    from opentelemetry import _logs, metrics, trace
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from socketscope.instrumentation.own import own_reporter
    from socketscope.telemetry.sdk import HistogramExporter

    class Nowhere(MetricExporter):
        def export(self, *_: Any, **__: Any) -> MetricExportResult:
            return MetricExportResult.SUCCESS

        def force_flush(self, timeout_millis: float = 0) -> bool:  # noqa: ARG002
            return True

        def shutdown(self, timeout_millis: float = 0, **_: Any) -> None:
            """Nothing to do."""

    reader = PeriodicExportingMetricReader(HistogramExporter(Nowhere()), export_interval_millis=1000)
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    trace.set_tracer_provider(tracers)
    loggers = LoggerProvider(shutdown_on_exit=False)
    loggers.add_log_record_processor(BatchLogRecordProcessor(InMemoryLogRecordExporter()))
    _logs.set_logger_provider(loggers)
    return own_reporter()


def room_of(hub: Any, reporter: Any) -> Any:
    """Give an application whose clients are all in one room of `hub`, watched by our instrumentation."""
    from socketscope.instrumentation.middleware import WebSocketMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        async with hub.connect((scope, receive, send)) as client:
            await client.subscribe(ROOM)
            async for _ in client:
                pass

    return WebSocketMiddleware(app, reporter=reporter)


@asynccontextmanager
async def hub_on_uvicorn(ws: str) -> AsyncIterator[Serving]:
    """Ours, watched by our instrumentation."""
    from socketscope import Hub

    reporter = with_telemetry()
    async with Hub() as hub, uvicorn_server(room_of(hub, reporter), ws) as port:
        yield Serving(port, lambda: hub.subscribers(ROOM), lambda text: hub.publish(ROOM, text))


def ours() -> Any:
    """Ours on our uvicorn protocol."""
    return hub_on_uvicorn("socketscope.hub.uvicorn:Protocol")


def ours_plain() -> Any:
    """Ours on plain ASGI."""
    return hub_on_uvicorn("websockets-sansio")


@asynccontextmanager
async def bare_loop() -> AsyncIterator[Serving]:
    """Serve the least that plain ASGI allows: a loop over `send`."""
    members: dict[int, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        members[id(send)] = send
        while (await receive())["type"] != "websocket.disconnect":
            pass
        del members[id(send)]

    async def publish(text: str) -> None:
        for send in list(members.values()):
            await send({"type": "websocket.send", "text": text})

    async with uvicorn_server(app) as port:
        yield Serving(port, lambda: len(members), publish)


@asynccontextmanager
async def fastapi_loop() -> AsyncIterator[Serving]:
    """Serve what FastAPI's documentation shows as a connection manager."""
    app, members = FastAPI(), []

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        members.append(websocket)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            members.remove(websocket)

    async def publish(text: str) -> None:
        for member in members:
            await member.send_text(text)

    async with uvicorn_server(app) as port:
        yield Serving(port, lambda: len(members), publish)


@asynccontextmanager
async def websockets_broadcast() -> AsyncIterator[Serving]:
    """`websockets.broadcast`, without compression."""
    from websockets.asyncio.server import ServerConnection, broadcast, serve

    members: set[ServerConnection] = set()

    async def handler(connection: ServerConnection) -> None:
        members.add(connection)
        await connection.wait_closed()
        members.discard(connection)

    async def publish(text: str) -> None:
        broadcast(members, text)

    async with serve(handler, HOST, 0, compression=None, backlog=4096) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield Serving(port, lambda: len(members), publish)
        server.close(close_connections=True)


@asynccontextmanager
async def picows() -> AsyncIterator[Serving]:
    """Serve a loop over picows' transports."""
    from picows import WSListener, WSMsgType, ws_create_server

    members: set[Any] = set()

    class Listener(WSListener):  # type: ignore[misc]
        def on_ws_connected(self, transport: Any) -> None:
            members.add(transport)

        def on_ws_disconnected(self, transport: Any) -> None:
            members.discard(transport)

    async def publish(text: str) -> None:
        data = text.encode()
        for transport in list(members):
            transport.send(WSMsgType.TEXT, data)

    server = await ws_create_server(lambda _: Listener(), HOST, 0, backlog=4096)
    async with server:
        yield Serving(server.sockets[0].getsockname()[1], lambda: len(members), publish)
        for transport in list(members):
            transport.disconnect()


@asynccontextmanager
async def python_socketio() -> AsyncIterator[Serving]:
    """Serve a room of python-socketio, over WebSocket from the start."""
    import socketio

    server = socketio.AsyncServer(async_mode="asgi", transports=["websocket"], cors_allowed_origins="*")
    members: set[str] = set()

    @server.event  # type: ignore[untyped-decorator]
    async def connect(sid: str, _environ: Any, _auth: Any = None) -> None:
        await server.enter_room(sid, ROOM)
        members.add(sid)

    async def publish(text: str) -> None:
        await server.emit("m", text, room=ROOM)

    async with uvicorn_server(socketio.ASGIApp(server)) as port:
        yield Serving(port, lambda: len(members), publish)


SUBJECTS: dict[str, Callable[[], Any]] = {
    "ours, uvicorn protocol": ours,
    "ours, plain ASGI": ours_plain,
    "websockets.broadcast": websockets_broadcast,
    "picows": picows,
    "FastAPI loop hub": fastapi_loop,
    "python-socketio room": python_socketio,
    "bare loop over send": bare_loop,
}


async def serve(name: str) -> None:
    """Serve a subject; told what to do on standard input, answers on standard output, both a line at a time.

    `members` -> their number; `publish COUNT SIZE` -> at once; `cpu` -> seconds of processor time since then.
    """
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    since = 0.0
    async with SUBJECTS[name]() as serving:
        print(serving.port, flush=True)
        while words := (await lines.readline()).split():
            if words[0] == b"members":
                print(serving.members(), flush=True)
            elif words[0] == b"publish":
                text = "m" * int(words[2])
                gc.collect()  # what the garbage collector owes to the opening of a thousand connections
                since = time.process_time()
                for _ in range(int(words[1])):
                    await serving.publish(text)
                    await asyncio.sleep(0)
                print("published", flush=True)
            else:
                print(time.process_time() - since, flush=True)
