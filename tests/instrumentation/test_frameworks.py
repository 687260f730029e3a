"""What is read of frameworks, with stand-ins of their classes; the real ones run in tests/compatibility."""

from types import SimpleNamespace
from typing import Any

import pytest

from socketscope.instrumentation import frameworks
from socketscope.testing import AsgiClient, capture

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        ("/ws/<room>", "/ws/{room}"),
        ("/ws/<string(length=3):room>/<int:seat>", "/ws/{room}/{seat}"),
        (r"^ws/(?P<room>\w+)/$", "ws/{room}/"),
        (r"ws/(?P<room>(a|b))/(?P<seat>\d+)", "ws/{room}/{seat}"),
        ("/plain", "/plain"),
    ],
)
def test_patterns_are_given_as_templates(pattern: str, template: str) -> None:
    assert frameworks.braces(pattern) == template


class Socket:
    """As `engineio.async_socket.AsyncSocket`."""

    async def receive(self, packet: Any) -> None: ...

    async def send(self, packet: Any) -> None: ...


class Server:
    """As `socketio.async_server.AsyncServer`."""

    async def _trigger_event(self, error: Exception | None = None) -> str:
        if error is not None:
            raise error
        return "done"


REFUSED = type("ConnectionRefusedError", (Exception,), {})
"""As python-socketio has one of its own."""


async def watched(handle: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await handle()
        await receive()

    with capture() as captured:
        async with AsgiClient(captured.watch(app), "/ws") as client:
            await client.accepted()
        return captured


async def test_packets_of_engine_io_are_counted_by_type_and_direction() -> None:
    undo = frameworks._engineio(SimpleNamespace(AsyncSocket=Socket))

    async def handle() -> None:
        socket = Socket()
        for kind in (2, 2, 4):
            await socket.receive(SimpleNamespace(packet_type=kind))
        await socket.send(SimpleNamespace(packet_type=3))
        await socket.send(SimpleNamespace(packet_type=77))

    try:
        captured = await watched(handle)
        await Socket().receive(SimpleNamespace(packet_type=2))  # of a connection that nobody watches
    finally:
        undo()
    kind, direction = "websocket.engineio.packet.type", "network.io.direction"
    assert {
        (dict(attributes)[kind], dict(attributes)[direction]): count
        for attributes, count in captured.points("websocket.engineio.packets").items()
    } == {("ping", "receive"): 2, ("message", "receive"): 1, ("pong", "transmit"): 1, ("_other", "transmit"): 1}


async def test_a_packet_s_handler_that_raises_is_an_error_and_a_refusal_is_not() -> None:
    undo = frameworks._socketio(SimpleNamespace(AsyncServer=Server))

    async def handle() -> None:
        assert await Server()._trigger_event() == "done"
        for error in (ValueError("theirs"), REFUSED()):
            with pytest.raises(type(error)) as raised:
                await Server()._trigger_event(error)
            assert raised.value is error

    try:
        captured = await watched(handle)
    finally:
        undo()
    assert captured.value("websocket.server.errors", **{"error.type": "ValueError"}) == 1
    assert captured.value("websocket.server.errors") == 1
