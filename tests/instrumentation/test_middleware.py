"""The middleware around applications as users write them, with a scripted client."""

import asyncio
import contextvars
import gc
import re
from typing import Any
from uuid import UUID

import pytest
from fastapi import APIRouter, FastAPI, WebSocket, WebSocketDisconnect
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

import socketscope
from socketscope.instrumentation.identity import Source
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.options import Options
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.clock import Clock
from socketscope.telemetry.process import Telemetry
from socketscope.testing import AsgiClient, Capture, FakeClock, capture

pytestmark = pytest.mark.anyio

RECEIVE = {"network.io.direction": "receive"}
TRANSMIT = {"network.io.direction": "transmit"}


def chat() -> FastAPI:
    app, router, inner = FastAPI(), APIRouter(prefix="/api"), FastAPI()

    @app.websocket("/ws/{room}")
    @router.websocket("/ws/{room}")
    @inner.websocket("/deep/{room}")
    async def room(websocket: WebSocket, room: str) -> None:
        if room == "closed":
            await websocket.close(4003)
            return
        await websocket.accept()
        try:
            while True:
                text = await websocket.receive_text()
                if text == "raise":
                    raise ValueError(text)
                if text == "close":
                    await websocket.close(4001, "bye")
                    return
                await websocket.send_text(text)
        except WebSocketDisconnect:
            pass

    app.include_router(router)
    app.mount("/mounted", inner)
    return app


async def echo(client: AsgiClient, *texts: str) -> None:
    for text in texts:
        await client.send_text(text)
        assert await client.receive_text() == text


async def test_an_echo_is_counted_each_way_with_its_bytes() -> None:
    with capture() as captured:
        async with AsgiClient(captured.watch(chat()), "/ws/a") as client:
            await client.accepted()
            await echo(client, "hello", "wörld")
            assert captured.value("websocket.server.active_connections") == 1
        assert captured.value("websocket.server.active_connections") == 0
        assert captured.value("websocket.server.messages", **RECEIVE) == 2
        assert captured.value("websocket.server.messages", **TRANSMIT) == 2
        assert captured.value("websocket.server.io", **RECEIVE) == 11
        assert captured.value("websocket.server.io", **TRANSMIT) == 11
        assert captured.value("websocket.server.handshakes", **{"websocket.handshake.outcome": "accepted"}) == 1
        assert captured.value("websocket.server.connections.closed", **{"websocket.close.code": 1000}) == 1
        assert captured.value("socketscope.drift") == 0
        assert captured.event_names() == ["websocket.connection.opened", "websocket.connection.closed"]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/ws/a", "/ws/{room}"),
        ("/api/ws/a", "/api/ws/{room}"),
        ("/mounted/deep/a", "/mounted/deep/{room}"),
    ],
)
async def test_the_route_is_the_template_with_its_prefixes(path: str, route: str) -> None:
    with capture() as captured:
        async with AsgiClient(captured.watch(chat()), path) as client:
            await client.accepted()
        assert captured.value("websocket.server.handshakes", **{"http.route": route}) == 1
        assert [span.name for span in captured.spans] == [f"WS {route}", f"WS {route} segment"]


async def test_a_path_that_no_route_matches_names_no_route_of_its_own() -> None:
    with capture() as captured:
        app = captured.watch(chat())
        for number in range(3):
            async with AsgiClient(app, f"/attack/{number}"):
                pass
        assert captured.value("websocket.server.handshakes", **{"http.route": "_unknown"}) == 3


async def test_a_denied_handshake_is_no_connection() -> None:
    with capture() as captured:
        async with AsgiClient(captured.watch(chat()), "/ws/closed") as client:
            await client.finished()
        outcome = {"websocket.handshake.outcome": "denied", "http.response.status_code": 403}
        assert captured.value("websocket.server.handshakes", **outcome) == 1
        assert captured.value("websocket.server.active_connections") == 0
        assert captured.event_names() == []
        (span,) = captured.spans
        assert span.status.status_code is StatusCode.UNSET


async def test_an_exception_of_the_handler_is_an_error_and_reaches_the_server_unchanged() -> None:
    with capture() as captured:
        async with AsgiClient(captured.watch(chat()), "/ws/a") as client:
            await client.accepted()
            await client.send_text("raise")
            await client.finished()
        assert isinstance(client.error, ValueError)
        assert (
            captured.value("websocket.server.errors", **{"error.type": "ValueError", "websocket.phase": "handle"}) == 1
        )
        assert captured.event_names() == [
            "websocket.connection.opened",
            "websocket.error",
            "websocket.connection.closed",
        ]
        error = captured.events[1].log_record
        assert error.severity_text == "ERROR"
        assert error.attributes is not None
        assert error.attributes["exception.type"] == "ValueError"
        assert captured.spans[-1].status.status_code is StatusCode.ERROR


async def test_a_handler_that_lets_the_disconnect_through_made_no_error() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await socket.receive_text()

    with capture() as captured:
        async with AsgiClient(captured.watch(app)) as client:
            await client.accepted()
            client.disconnect(1001)
            await client.finished()
        assert captured.value("websocket.server.errors") == 0
        closed = {"websocket.close.code": 1001, "websocket.close.initiator": "client"}
        assert captured.value("websocket.server.connections.closed", **closed) == 1


@pytest.mark.parametrize(("reason", "initiator"), [(None, "network"), ("", "client")])
async def test_a_sender_that_never_reads_still_tells_how_its_client_left(reason: str | None, initiator: str) -> None:
    async def stream(scope: Any, receive: Any, send: Any) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        while True:
            await socket.send_text("token")
            await asyncio.sleep(0)

    with capture() as captured:
        async with AsgiClient(captured.watch(stream)) as client:
            await client.accepted()
            assert await client.receive_text() == "token"
            await client.send_text("never read")
            client.disconnect(1005, reason)
            await client.finished()
        assert captured.value("websocket.server.errors") == 0
        closed = {"websocket.close.code": 1005, "websocket.close.initiator": initiator}
        assert captured.value("websocket.server.connections.closed", **closed) == 1


async def test_a_handler_cancelled_by_the_server_was_shut_down() -> None:
    with capture() as captured:
        async with AsgiClient(captured.watch(chat()), "/ws/a") as client:
            await client.accepted()
            await echo(client, "x")
            client.cancel()
            await client.finished()
        assert isinstance(client.error, asyncio.CancelledError)
        assert captured.value("websocket.server.errors") == 0
        assert captured.value("websocket.server.connections.closed", **{"websocket.close.initiator": "shutdown"}) == 1


async def test_a_handler_that_awaits_what_was_cancelled_failed_by_itself() -> None:
    async def awaiting(scope: Any, receive: Any, send: Any) -> None:
        await WebSocket(scope, receive, send).accept()
        background = asyncio.ensure_future(asyncio.Event().wait())
        background.cancel()
        await background

    with capture() as captured:
        async with AsgiClient(captured.watch(awaiting), "/ws/a") as client:
            await client.accepted()
            await client.finished()
        assert isinstance(client.error, asyncio.CancelledError)
        assert captured.value("websocket.server.errors", **{"error.type": "asyncio.exceptions.CancelledError"}) == 1
        assert captured.value("websocket.server.connections.closed", **{"websocket.close.initiator": "server"}) == 1


async def test_a_receive_that_is_raced_and_cancelled_loses_nothing() -> None:
    async def racing(scope: Any, receive: Any, send: Any) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        try:
            while True:
                receiving = asyncio.ensure_future(socket.receive_text())
                await asyncio.wait({receiving}, timeout=0)
                if not receiving.done():
                    receiving.cancel()
                    await asyncio.wait({receiving})
                    if receiving.cancelled():
                        await asyncio.sleep(0)
                        continue
                await socket.send_text(receiving.result())
        except WebSocketDisconnect:
            pass

    with capture() as captured:
        async with AsgiClient(captured.watch(racing)) as client:
            await client.accepted()
            await echo(client, *map(str, range(20)))
        assert captured.value("websocket.server.messages", **RECEIVE) == 20
        assert captured.value("websocket.server.messages", **TRANSMIT) == 20


async def test_nothing_is_counted_twice_by_two_layers() -> None:
    with capture() as captured:
        app = captured.watch(captured.watch(captured.watch(chat())))
        async with AsgiClient(app, "/ws/a") as client:
            await client.accepted()
            await echo(client, "x")
        assert captured.value("websocket.server.messages", **RECEIVE) == 1
        assert captured.value("websocket.server.handshakes") == 1
        assert len(captured.spans) == 2


async def test_a_trace_reads_while_the_connection_is_open_and_the_handlers_spans_fall_into_it() -> None:
    with capture() as captured:
        tracer = captured.providers["tracer_provider"].get_tracer("app")
        parent = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            socket = WebSocket(scope, receive, send)
            await socket.accept()
            await socket.receive_text()
            with tracer.start_as_current_span("query"):
                pass
            await socket.send_text("done")
            await socket.receive()

        async with AsgiClient(captured.watch(app), "/ws", headers=parent) as client:
            await client.accepted()
            (handshake,) = captured.spans
            assert (handshake.name, handshake.kind) == ("WS /ws", SpanKind.SERVER)
            await client.send_text("x")
            await client.receive_text()
        handshake, query, segment = captured.spans
        assert handshake.context is not None
        assert handshake.parent is not None
        assert f"{handshake.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
        assert f"{handshake.parent.span_id:016x}" == "b7ad6b7169203331"
        for child in (query, segment):
            assert child.parent is not None
            assert child.parent.span_id == handshake.context.span_id
        assert segment.attributes is not None
        assert segment.attributes["websocket.connection.messages.received"] == 1
        assert segment.attributes["websocket.close.code"] == 1000


async def test_a_long_connection_has_segments_that_grow_up_to_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeClock()
    with capture(Options(segment=15), fake.clock) as captured:
        loop = asyncio.get_running_loop()
        time, ahead = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: time() + ahead)

        async def later(seconds: float) -> None:
            nonlocal ahead
            fake.advance(seconds)
            ahead += seconds
            for _ in range(3):
                await asyncio.sleep(0)

        async with AsgiClient(captured.watch(chat()), "/ws/a") as client:
            await client.accepted()
            await echo(client, "one", "two")
            await later(9)
            assert captured.event_names().count("websocket.connection.progress") == 0
            await later(1)
            assert captured.event_names().count("websocket.connection.progress") == 1
            await echo(client, "three")
            await later(15)
            assert captured.event_names().count("websocket.connection.progress") == 2
            await later(14)
        first, second, last = captured.spans[1:]
        assert first.attributes is not None
        assert last.attributes is not None
        assert (first.attributes["websocket.segment.index"], last.attributes["websocket.segment.index"]) == (0, 2)
        counts = [
            span.attributes["websocket.segment.messages.received"] for span in captured.spans[1:] if span.attributes
        ]
        assert counts == [2, 1, 0]
        assert "websocket.close.code" not in first.attributes
        assert last.attributes["websocket.connection.messages.received"] == 3
        assert (first.end_time, second.end_time) == (second.start_time, last.start_time)
        assert captured.event_names().count("websocket.connection.progress") == 2


async def test_user_and_channel_come_from_the_request() -> None:
    options = Options(
        user_from=Source("query", "user"), channel_from=Source("path", "room"), user_key=b"key", channel_limit=1
    )
    with capture(options) as captured:
        app = captured.watch(chat())
        async with AsgiClient(app, "/ws/a?user=zoe") as ann, AsgiClient(app, "/ws/b?user=zoe") as again:
            await ann.accepted()
            await again.accepted()
            await echo(ann, "x")
            await echo(again, "yy")
            assert captured.value("websocket.server.user.count") == 1
            assert captured.value("websocket.channel.subscriber.count", **{"websocket.channel.name": "a"}) == 1
            assert captured.value("websocket.channel.subscriber.count", **{"websocket.channel.name": "_other"}) == 1
        assert captured.value("websocket.channel.subscriber.count") == 0
        assert captured.value("websocket.channel.messages", **RECEIVE) == 2
        assert captured.value("websocket.channel.io", **{"websocket.channel.name": "_other"}, **TRANSMIT) == 2
        attributes = [event.log_record.attributes or {} for event in captured.events]
        assert {tuple(found["websocket.channels"]) for found in attributes} == {("a",), ("b",)}
        assert len({found["user.hash"] for found in attributes}) == 1
        assert len({found["socketscope.user_key.id"] for found in attributes}) == 1
        assert "zoe" not in str(attributes)
        assert attributes[0]["client.address"] == "192.0.2.0"


async def test_a_handler_names_its_user_and_channels_itself() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        connection = socketscope.current_connection()
        connection.user = "ann"
        connection.channels.add("news")
        assert set(connection.channels) == {"news"}
        await socket.send_text("in")
        await socket.receive_text()
        connection.channels.discard("news")
        await socket.send_text("out")
        await socket.receive()

    with capture() as captured:
        async with AsgiClient(captured.watch(app)) as client:
            await client.accepted()
            await client.receive_text()
            assert captured.value("websocket.channel.subscriber.count", **{"websocket.channel.name": "news"}) == 1
            await client.send_text("x")
            await client.receive_text()
            assert captured.value("websocket.channel.subscriber.count", **{"websocket.channel.name": "news"}) == 0
        assert client.error is None
        assert captured.value("websocket.channel.messages", **{"websocket.channel.name": "news"}, **RECEIVE) == 1
        assert captured.value("websocket.channel.messages", **{"websocket.channel.name": "news"}, **TRANSMIT) == 1
        closed = captured.events[-1].log_record.attributes or {}
        assert len(str(closed["user.hash"])) == 32
        assert closed["websocket.channels"] == ("news",), "it was in it, though not at the end"


@pytest.mark.parametrize(
    ("user", "channel"),
    [(42, 7), (UUID(int=1), UUID(int=2)), (b"ann", b"news"), ("\ud800", "\ud800"), ("x" * 1000, "y" * 1000)],
)
async def test_any_identifier_names_a_user_and_a_channel_and_can_be_exported(user: Any, channel: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        socketscope.current_connection().user = user
        socketscope.current_connection().channels.add(channel)
        await socket.receive()

    with capture() as captured:
        async with AsgiClient(captured.watch(app)) as client:
            await client.accepted()
        closed: Any = captured.events[-1].log_record.attributes
        (name,) = closed["websocket.channels"]
        assert name.encode()
        assert len(name) <= 256
        assert len(closed["user.hash"]) == 32
        assert captured.reporter.failures == 0


async def test_the_parameters_of_a_mount_stand_in_the_route_by_their_names() -> None:
    app, inner = FastAPI(), FastAPI()

    @inner.websocket("/rooms/{room}")
    async def room(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.receive()

    app.mount("/tenants/{tenant}", inner)
    with capture() as captured:
        async with AsgiClient(captured.watch(app), "/tenants/acme/rooms/7") as client:
            await client.accepted()
        assert captured.value("websocket.server.handshakes", **{"http.route": "/tenants/{tenant}/rooms/{room}"}) == 1


@pytest.mark.parametrize(("path", "route"), [("/ws", "/ws"), ("/u/alice-secret", "/u/*"), ("/", "/")])
async def test_without_a_template_only_the_first_segment_is_told(path: str, route: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    with capture() as captured:
        async with AsgiClient(captured.watch(app), path) as client:
            await client.accepted()
        assert captured.value("websocket.server.handshakes", **{"http.route": route}) == 1


async def test_a_broadcast_to_somebody_who_left_is_an_error_of_the_handler_that_dies_of_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await socket.receive_text()
        raise WebSocketDisconnect(1006)  # of another member's socket

    with capture() as captured:
        async with AsgiClient(captured.watch(app)) as client:
            await client.accepted()
            await client.send_text("x")
            await client.finished()
        assert captured.value("websocket.server.errors", **{"websocket.phase": "handle"}) == 1
        assert captured.value("websocket.server.connections.closed", **{"websocket.close.initiator": "server"}) == 1


async def test_a_message_that_the_server_refuses_is_an_error_of_transmitting() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": {"a": 1}})

    async def strict(scope: Any, receive: Any, send: Any) -> None:
        async def checked(message: Any) -> None:
            if not isinstance(message.get("text", ""), str):
                raise TypeError("text must be str")
            await send(message)

        await captured.watch(app)(scope, receive, checked)

    with capture() as captured:
        async with AsgiClient(strict) as client:
            await client.accepted()
            await client.finished()
        assert captured.value("websocket.server.errors", **{"websocket.phase": "transmit"}) == 1
        assert captured.value("websocket.server.connections.closed", **{"websocket.close.initiator": "server"}) == 1
        assert captured.value("websocket.server.messages") == 0


async def test_outside_a_connection_naming_a_user_does_nothing() -> None:
    connection = socketscope.current_connection()
    connection.user = "ann"
    connection.channels.add("news")
    assert connection.id is None
    assert len(connection.channels) == 0


async def test_excluded_connections_are_not_watched() -> None:
    with capture(Options(excluded_urls=re.compile("^/ws/private"))) as captured:
        app = captured.watch(chat())
        async with AsgiClient(app, "/ws/private") as client:
            await client.accepted()
        assert captured.value("websocket.server.handshakes") == 0
        assert captured.spans == ()


async def test_without_an_sdk_the_application_gets_its_own_callables() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((receive, send))

    async def receive() -> Any: ...
    async def send(message: Any) -> None: ...

    await WebSocketMiddleware(app, reporter=Reporter(Telemetry(), Options()))(
        {"type": "websocket", "path": "/"}, receive, send
    )
    assert seen == [(receive, send)]


async def test_an_error_of_ours_never_reaches_the_application(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> int:
        raise RuntimeError("the clock stopped")

    with capture() as captured:
        captured.telemetry.clock = Clock(wall=broken)
        async with AsgiClient(captured.watch(chat()), "/ws/a") as client:
            await client.accepted()
            await echo(client, "x")
        assert client.error is None
    assert "socketscope could not report a connection" in caplog.text


async def test_error_records_are_rate_limited_and_the_suppressed_ones_counted() -> None:
    fake = FakeClock()
    with capture(clock=fake.clock) as captured:
        app = captured.watch(chat())

        async def fail() -> None:
            async with AsgiClient(app, "/ws/a") as client:
                await client.accepted()
                await client.send_text("raise")
                await client.finished()

        for _ in range(100):
            await fail()
        assert captured.event_names().count("websocket.error") == 20
        fake.advance(10)
        await fail()
        errors = [event.log_record for event in captured.events if event.log_record.event_name == "websocket.error"]
        assert (errors[-1].attributes or {})["websocket.error.suppressed"] == 80
        assert captured.value("websocket.server.errors") == 101


async def failing(captured: Capture, connections: int) -> None:
    """So many connections, each of which fails."""
    for _ in range(connections):
        async with AsgiClient(captured.watch(chat()), "/ws/a") as client:
            await client.accepted()
            await client.send_text("raise")
            await client.finished()


def told_as_suppressed(captured: Capture) -> list[Any]:
    return [
        (event.log_record.event_name, (event.log_record.attributes or {})["websocket.error.suppressed"])
        for event in captured.events
        if event.log_record.event_name in {"websocket.error", "websocket.errors.suppressed"}
    ]


async def test_errors_without_a_record_are_told_once_it_is_quiet_though_no_other_error_comes() -> None:
    fake = FakeClock()
    with capture(clock=fake.clock) as captured:
        await failing(captured, 50)
        assert told_as_suppressed(captured) == [("websocket.error", 0)] * 20
        fake.advance(2)
        for _ in range(2):
            async with AsgiClient(captured.watch(chat()), "/ws/a") as client:
                await client.accepted()
        assert told_as_suppressed(captured)[20:] == [("websocket.errors.suppressed", 30)]


async def test_errors_without_a_record_are_told_before_the_process_ends() -> None:
    with capture(clock=FakeClock().clock) as captured:
        await failing(captured, 23)
        app = captured.watch(chat())
        messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(_message: Any) -> None: ...

        await app({"type": "lifespan", "state": {}}, receive, send)
        assert told_as_suppressed(captured)[20:] == [("websocket.errors.suppressed", 3)]
        await failing(captured, 2)
        captured.reporter.end_all()
        captured.reporter.end_all()
        assert told_as_suppressed(captured)[21:] == [("websocket.errors.suppressed", 2)]


async def test_the_current_span_of_the_server_is_the_same_after_the_connection() -> None:
    with capture() as captured:
        before = trace.get_current_span()
        client = AsgiClient(chat(), "/ws/a")
        await client.send({"type": "websocket.connect"})
        client.disconnect()
        await captured.watch(chat())(client.scope, client._to_app.get, client._take)
        assert trace.get_current_span() is before
        assert len(captured.spans) == 2


@pytest.mark.parametrize("spans", ["notable", "all"])
async def test_of_a_connection_that_is_ignored_nothing_is_told_though_it_fails_before_it_is_answered(
    spans: Any,
) -> None:
    async def app(scope: Any, receive: Any, _send: Any) -> None:
        scope["socketscope.ignore"] = True
        await receive()
        raise ValueError("no")

    with capture(Options(message_spans=spans)) as captured:
        async with AsgiClient(captured.watch(app), "/ws") as client:
            await client.finished()
        assert isinstance(client.error, ValueError)
        assert not captured.value("websocket.server.errors")
        assert not captured.value("websocket.server.handshakes")
        assert not captured.events
        assert not captured.spans


async def test_a_handshake_takes_as_long_as_it_takes_whatever_comes_of_naming_its_channel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(_source: Source, _scope: Any) -> str:
        raise ValueError("no channel")

    monkeypatch.setattr(Source, "read", failing)
    fake = FakeClock()

    async def slow(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        fake.advance(0.25)
        await send({"type": "websocket.accept"})

    with capture(Options(channel_from=Source("scope", "room")), clock=fake.clock) as captured:
        async with AsgiClient(captured.watch(slow), "/ws") as client:
            await client.accepted()
    [shaken] = captured.histograms("websocket.server.handshake.duration")
    assert (sum(shaken.counts), shaken.sum) == (1, 0.25)
    assert captured.value("websocket.server.handshakes") == 1


async def test_a_connection_that_the_garbage_collector_ends_is_counted_out_before_the_next_reading() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(_message: Any) -> None:
        """Take it."""

    def lose(captured: Capture) -> None:
        itself: list[Any] = []

        async def endless(_scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await asyncio.Event().wait()
            itself.clear()

        running = captured.watch(endless)({"type": "websocket", "path": "/ws", "headers": []}, receive, send)
        itself.append(running)  # so that only the garbage collector finds it
        contextvars.copy_context().run(running.send, None)

    with capture() as captured:
        lose(captured)
        assert captured.value("websocket.server.active_connections") == 1
        with captured.telemetry.accumulators.lock:  # it may run just then
            assert gc.collect() > 0
        assert captured.event_names() == ["websocket.connection.opened"]
        assert captured.value("websocket.server.active_connections") == 0
        assert captured.value("socketscope.drift") == 0
        assert captured.event_names() == ["websocket.connection.opened", "websocket.connection.closed"]
        lose(captured)
        gc.collect()
        lose(captured)
        assert len(captured.telemetry.live) == 1
        gc.collect()


async def test_a_connection_that_the_garbage_collector_ends_leaves_the_task_alone_in_which_it_does() -> None:
    waits = asyncio.Event()

    async def endless(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await waits.wait()

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(_message: Any) -> None:
        """Take it."""

    with capture() as captured:
        tracer = trace.get_tracer("server", tracer_provider=captured.providers["tracer_provider"])
        running = captured.watch(endless)({"type": "websocket", "path": "/ws", "headers": []}, receive, send)

        async def begin() -> None:
            with tracer.start_as_current_span("the server's of this connection"):
                running.send(None)

        async def close() -> None:
            with tracer.start_as_current_span("another connection's") as span:
                running.close()
                assert trace.get_current_span() is span

        await asyncio.create_task(begin())
        await asyncio.create_task(close())
