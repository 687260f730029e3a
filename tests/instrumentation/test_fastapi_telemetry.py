"""FastAPI's own telemetry beside ours: one trace, one SERVER span, nothing under a parent that is never exported."""

from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, WebSocket
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.testing import AsgiClient, Capture, capture

pytestmark = pytest.mark.anyio


def make(captured: Capture, *, native: bool) -> FastAPI:
    provider: Any = captured.providers["tracer_provider"]
    app = FastAPI(telemetry={"tracing": native, "metrics": False, "logs": False, "tracer_provider": provider})
    tracer = provider.get_tracer("app")

    def refuse() -> None:
        raise ValueError("before accept")

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        with tracer.start_as_current_span("query"):
            await websocket.send_text("x")
        await websocket.receive()

    @app.websocket("/broken")
    async def broken(websocket: WebSocket, _: Annotated[None, Depends(refuse)]) -> None: ...

    return app


async def spans_of(captured: Capture, *, native: bool, outside: bool) -> list[ReadableSpan]:
    app = make(captured, native=native)
    watched: Any = app
    if outside:
        watched = captured.watch(app)
    else:
        app.add_middleware(WebSocketMiddleware, reporter=captured.reporter)
    async with AsgiClient(watched, "/ws") as client:
        await client.accepted()
        await client.receive_text()
    assert client.error is None
    return list(captured.spans)


def ours(spans: list[ReadableSpan]) -> list[ReadableSpan]:
    return [span for span in spans if span.instrumentation_scope and span.instrumentation_scope.name == "socketscope"]


@pytest.mark.parametrize("outside", [True, False], ids=["around FastAPI", "inside FastAPI"])
@pytest.mark.parametrize("native", [True, False], ids=["native", "no native"])
async def test_every_span_is_in_one_trace_under_exported_parents(native: bool, outside: bool) -> None:
    with capture() as captured:
        spans = await spans_of(captured, native=native, outside=outside)
    exported = {span.context.span_id for span in spans if span.context}
    assert len({span.context.trace_id for span in spans if span.context}) == 1
    assert all(span.parent is None or span.parent.span_id in exported for span in spans)
    assert [span.name for span in spans if span.kind is SpanKind.SERVER] == ["WS /ws"]
    handshake, segment = ours(spans)
    assert handshake.kind is (SpanKind.INTERNAL if native else SpanKind.SERVER)
    assert segment.parent == handshake.context
    assert "query" in {span.name for span in spans}


@pytest.mark.parametrize("native", [True, False], ids=["native", "no native"])
async def test_the_frameworks_span_tells_how_the_connection_ended(native: bool) -> None:
    with capture() as captured:
        spans = await spans_of(captured, native=native, outside=True)
    server = next(span for span in spans if span.kind is SpanKind.SERVER)
    assert server.attributes is not None
    assert "websocket.connection.id" in server.attributes
    assert server.attributes.get("websocket.close.code") == (1000 if native else None)


async def test_a_handshake_that_failed_before_accept_is_told_with_native_telemetry() -> None:
    with capture() as captured:
        async with AsgiClient(captured.watch(make(captured, native=True)), "/broken") as client:
            await client.finished()
        assert isinstance(client.error, ValueError)
        assert captured.value("websocket.server.handshakes", **{"websocket.handshake.outcome": "failed"}) == 1
        assert [span.name for span in captured.spans if span.kind is SpanKind.SERVER] == ["WS /broken"]
        assert ours(list(captured.spans)) == []  # its scope told nothing any more, and FastAPI's span tells the failure


async def test_a_connection_that_fastapi_was_told_to_leave_out_has_our_span() -> None:
    with capture() as captured:
        provider: Any = captured.providers["tracer_provider"]
        app = FastAPI(telemetry={"tracer_provider": provider, "exclude": lambda _: True})
        app.add_api_websocket_route("/ws", accept)
        async with AsgiClient(captured.watch(app), "/ws") as client:
            await client.accepted()
        assert [(span.name, span.kind) for span in captured.spans] == [
            ("WS /ws", SpanKind.SERVER),
            ("WS /ws segment", SpanKind.INTERNAL),
        ]


async def accept(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive()
