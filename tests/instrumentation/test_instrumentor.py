import asyncio
import gc
import logging
from collections import Counter
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, WebSocket
from opentelemetry.sdk.metrics import MeterProvider

import socketscope
from socketscope.errors import ConfigurationError
from socketscope.instrumentation import instrumentor, own
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.options import Options
from socketscope.telemetry.live import ClosedRing
from socketscope.testing import AsgiClient, Capture, capture

pytestmark = pytest.mark.anyio


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Capture]:
    """A process of its own, as far as the instrumentor knows."""
    with capture() as captured:
        monkeypatch.setattr(own, "process_telemetry", lambda: captured.telemetry)
        for name in ("reporter", "options"):
            monkeypatch.setattr(own._Own, name, None)
        monkeypatch.setattr(own._Own, "providers", {})
        yield captured


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await echo(WebSocket(scope, receive, send))


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.receive()


def fastapi() -> FastAPI:
    app = FastAPI()
    app.websocket("/ws")(echo)
    return app


async def echo_once(app: Any) -> None:
    async with AsgiClient(app, "/ws") as client:
        await client.accepted()
        await client.send_text("x")
        assert await client.receive_text() == "x"
    assert client.error is None


@pytest.mark.parametrize("make", [fastapi, lambda: raw], ids=["fastapi", "raw"])
async def test_an_instrumented_application_is_watched_once_however_often(captured: Capture, make: Any) -> None:
    app = make()
    for _ in range(3):
        app = socketscope.instrument(app, **captured.providers)
    await echo_once(app)
    assert captured.value("websocket.server.handshakes") == 1
    assert captured.value("websocket.server.messages") == 2
    assert captured.event_names() == ["websocket.connection.opened", "websocket.connection.closed"]


def test_a_fastapi_application_stays_itself_and_another_is_wrapped(captured: Capture) -> None:
    app = fastapi()
    assert socketscope.instrument(app) is app
    assert isinstance(socketscope.instrument(raw), WebSocketMiddleware)


def test_a_framework_with_another_add_middleware_is_wrapped(captured: Capture) -> None:
    class App:
        def add_middleware(self, middleware: Any) -> None:
            raise AssertionError("it means something else here")

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    assert isinstance(socketscope.instrument(App()), WebSocketMiddleware)


def test_what_is_no_application_is_named() -> None:
    with pytest.raises(TypeError, match="takes an ASGI application, not str"):
        socketscope.instrument("app:app")


def test_options_of_code_go_before_the_environment_and_stand_everywhere(
    captured: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOCKETSCOPE_SEGMENT", "60")
    reporter = own.own_reporter()
    assert reporter.options.segment == 60
    options = Options(segment=30, channel_limit=5)
    assert own.own_reporter(options) is reporter
    assert reporter.options is options
    assert own.own_reporter() is reporter
    assert reporter.options is options
    assert captured.telemetry.accumulators.channel_cap.limit == 5
    with pytest.raises(ConfigurationError, match="the same options everywhere"):
        own.own_reporter(Options(segment=40))


def carrier(_message: Any) -> None:
    """Carries nothing."""


@pytest.mark.parametrize("give", [socketscope.instrument, WebSocketMiddleware], ids=lambda give: give.__name__)
def test_a_message_carrier_is_given_beside_the_options_of_the_environment(
    captured: Capture, monkeypatch: pytest.MonkeyPatch, give: Any
) -> None:
    monkeypatch.setenv("SOCKETSCOPE_SEGMENT", "7")
    reporter = own.own_reporter()
    for _ in range(2):
        give(raw, message_carrier=carrier)
    assert (reporter.options.segment, reporter.options.message_carrier) == (7, carrier)
    with pytest.raises(ConfigurationError, match="the same options everywhere"):
        give(raw, message_carrier=lambda _: None)


def test_a_message_carrier_is_put_into_options_of_code(captured: Capture) -> None:
    socketscope.instrument(raw, options=Options(segment=40), message_carrier=carrier)
    assert own.own_reporter().options == Options(segment=40, message_carrier=carrier)


def test_a_second_destination_is_refused(captured: Capture) -> None:
    socketscope.instrument(raw, **captured.providers)
    other = MeterProvider(shutdown_on_exit=False)
    with pytest.raises(ConfigurationError, match="the same providers everywhere"):
        socketscope.instrument(raw, meter_provider=other)


async def test_the_instrumentor_patches_and_restores(captured: Capture) -> None:
    load = uvicorn.Config.load
    made = instrumentor.SocketscopeInstrumentor()
    made.instrument(**captured.providers, skip_dep_check=True)
    try:
        config = uvicorn.Config(raw, log_config=None)
        config.load()
        assert isinstance(config.loaded_app, WebSocketMiddleware)
        await echo_once(config.loaded_app)
        assert captured.value("websocket.server.handshakes") == 1
    finally:
        made.uninstrument()
    assert uvicorn.Config.load is load


def test_a_setting_that_cant_be_used_is_said_and_the_application_goes_on(
    captured: Capture, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SOCKETSCOPE_SEGMENT", "soon")
    load = uvicorn.Config.load
    made = instrumentor.SocketscopeInstrumentor()
    with caplog.at_level(logging.ERROR):
        made.instrument(skip_dep_check=True)
    made.uninstrument()
    assert uvicorn.Config.load is load
    assert "SOCKETSCOPE_SEGMENT='soon'" in caplog.text


def ours() -> Counter[str]:
    """The objects of our own that there are, by their class."""
    gc.collect()
    kinds = (type(one) for one in gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("socketscope."))


@pytest.mark.parametrize("make", [fastapi, lambda: raw], ids=["fastapi", "raw"])
def test_nothing_of_ours_is_left_over_however_often_an_application_is_loaded_and_watched_anew(
    captured: Capture, make: Any
) -> None:
    def once() -> None:
        """A reload: the instrumentor switched on and off, the application made anew, its loop in a thread that ends."""
        watching = instrumentor.SocketscopeInstrumentor()
        watching.instrument(**captured.providers)
        app = socketscope.instrument(make(), **captured.providers)
        thread = Thread(target=lambda: asyncio.run(echo_once(app)))
        thread.start()
        thread.join()
        watching.uninstrument()

    def several(times: int) -> Counter[str]:
        for _ in range(times):
            once()
        assert captured.telemetry.ring is not None
        captured.telemetry.ring = ClosedRing(since_wall=0)  # it keeps a day's connections, up to a limit of its own
        return ours()

    before = several(5)
    after = several(20)
    assert captured.value("websocket.server.handshakes") == 25
    assert after - before == Counter()
