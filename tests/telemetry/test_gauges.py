"""The gauge of open connections is checked against the live table at each collection: what is wrong is told and mended,
and no count of messages is touched by it."""

from typing import Any

import pytest

from socketscope.testing import AsgiClient, Capture, capture

pytestmark = pytest.mark.anyio

ACTIVE, DRIFT, MESSAGES = "websocket.server.active_connections", "socketscope.drift", "websocket.server.messages"


async def echo(_scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


async def say(client: AsgiClient, text: str) -> None:
    await client.send_text(text)
    assert await client.receive_text() == text


def told(captured: Capture) -> tuple[int | float, int | float, int | float]:
    return captured.value(ACTIVE), captured.value(DRIFT), captured.value(MESSAGES)


@pytest.mark.parametrize("off", [3, -1])
async def test_a_gauge_that_is_wrong_is_mended_at_the_next_collection(off: int) -> None:
    with capture() as captured:
        async with AsgiClient(captured.watch(echo), "/ws") as client:
            await client.accepted()
            await say(client, "one")
            (where,) = captured.telemetry.accumulators.connections.active()
            captured.telemetry.accumulators.connections._active[where] += off
            assert told(captured) == (1, abs(off), 2)
            await say(client, "two")
            assert told(captured) == (1, abs(off), 4)
        assert told(captured) == (0, abs(off), 4)


async def test_a_connection_that_the_table_has_lost_is_counted_out_once_and_its_messages_all() -> None:
    with capture() as captured:
        async with AsgiClient(captured.watch(echo), "/ws") as client:
            await client.accepted()
            await say(client, "one")
            (record,) = captured.telemetry.live.records()
            captured.telemetry.live.remove(record)
            assert told(captured)[:2] == (0, 1)
            await say(client, "two")
        assert told(captured) == (0, 1, 4)
        assert captured.value("websocket.server.connections.closed") == 1
