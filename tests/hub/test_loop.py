"""A hub belongs to the event loop in which it is entered."""

import asyncio

import pytest

from socketscope.hub import Hub
from socketscope.testing import AsgiClient

pytestmark = pytest.mark.anyio

REFUSED = r"another event loop or thread.*run_coroutine_threadsafe\(hub.publish"


def chat(hub, inside):
    """An application whose client is handed on once it is in "room"."""

    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send), user="ann") as client:
            await client.subscribe("room")
            inside.set_result(client)
            async for _ in client:
                pass

    return app


async def enter(hub):
    async with hub.connect(({"type": "websocket"}, None, None)):
        pass


@pytest.mark.parametrize(
    "call",
    [
        lambda hub, _: hub.publish("room", "x"),
        lambda hub, _: hub.publish_to_user("ann", "x"),
        lambda hub, _: hub.disconnect("ann"),
        lambda hub, _: hub.presence("room"),
        lambda hub, _: enter(hub),
        lambda hub, _: hub.drain(),
        lambda hub, _: hub.stop(),
        lambda _, client: client.publish("room", "x"),
        lambda _, client: client.subscribe("other"),
    ],
    ids=["publish", "user", "disconnect", "presence", "connect", "drain", "stop", "client publishes", "client joins"],
)
async def test_what_is_asked_in_another_loop_is_refused_and_changes_nothing(make_broker, call):
    inside = asyncio.get_running_loop().create_future()
    async with Hub(make_broker()) as hub, AsgiClient(chat(hub, inside)) as client:
        member = await inside
        with pytest.raises(RuntimeError, match=REFUSED):
            await asyncio.to_thread(lambda: asyncio.run(call(hub, member)))
        assert member.channels == {"room"}
        await hub.publish("room", "properly")
        await client.accepted()
        assert await client.receive_text() == "properly"
        hub.check()
        assert len(await hub.presence("room")) == 1


@pytest.mark.parametrize(
    "call",
    [lambda client: client.send("x"), lambda client: client.close(), lambda client: client.unsubscribe("room")],
    ids=["send", "close", "unsubscribe"],
)
async def test_what_a_thread_asks_of_a_client_is_refused_and_changes_nothing(call):
    inside = asyncio.get_running_loop().create_future()
    async with Hub() as hub, AsgiClient(chat(hub, inside)) as client:
        member = await inside
        with pytest.raises(RuntimeError, match=REFUSED):
            await asyncio.to_thread(call, member)
        assert member.open
        await hub.publish("room", "properly")
        await client.accepted()
        assert await client.receive_text() == "properly"


async def test_a_thread_publishes_through_the_loop_of_the_hub(make_broker):
    inside = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()
    async with Hub(make_broker()) as hub, AsgiClient(chat(hub, inside)) as client:
        await inside
        await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(hub.publish("room", "x"), loop).result(20))
        await client.accepted()
        assert await client.receive_text() == "x"


def test_a_hub_that_was_left_may_be_entered_in_another_loop():
    hub = Hub()

    async def once():
        async with hub:
            return await hub.publish("room", "x")

    assert [asyncio.run(once()).offset for _ in range(2)] == [1, 2]
