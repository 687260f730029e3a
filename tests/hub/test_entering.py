"""A hub is entered once, with a broker of its own."""

import asyncio

import pytest

from socketscope.errors import BrokerUnavailableError, RefusedError
from socketscope.hub import Hub
from socketscope.hub.brokers.memory import MemoryBroker
from socketscope.testing import AsgiClient

pytestmark = pytest.mark.anyio


def listener(hub):
    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send)) as client:
            await client.subscribe("room")
            async for _ in client:
                pass

    return app


async def test_a_hub_that_is_entered_twice_says_so_and_goes_on():
    before = asyncio.all_tasks()
    async with Hub() as hub:
        for enter in (hub.start, hub.__aenter__):
            with pytest.raises(RuntimeError, match=r"entered already.*lifespan"):
                await enter()
        async with AsgiClient(listener(hub)) as client:
            await client.accepted()
            await hub.publish("room", "still there")
            assert await client.receive_text() == "still there"
        assert client.error is None
    assert asyncio.all_tasks() == before


async def test_a_hub_may_be_entered_again_once_it_is_left():
    hub = Hub()
    for _ in range(2):
        async with hub, AsgiClient(listener(hub)) as client:
            await client.accepted()
            await hub.publish("room", "here")
            assert await client.receive_text() == "here"
        await hub.stop()  # once more does nothing


async def test_a_hub_whose_broker_could_not_be_reached_may_be_entered_again():
    class Late(MemoryBroker):
        late = True

        async def start(self, receiver):
            if self.late:
                raise BrokerUnavailableError(self.system, "not yet")
            await super().start(receiver)

    hub = Hub(broker := Late())
    with pytest.raises(BrokerUnavailableError):
        await hub.start()
    broker.late = False
    async with hub:
        await hub.publish("room", "x")


async def test_a_broker_of_another_hub_is_refused(make_broker):
    before = asyncio.all_tasks()
    async with Hub(broker := make_broker()):
        with pytest.raises(RuntimeError, match=r"started already.*its own"):
            await Hub(broker).start()
        assert broker.health.connected
    assert asyncio.all_tasks() == before


async def enter(hub):
    async with hub.connect(({"type": "websocket"}, None, None)):
        raise AssertionError


@pytest.mark.parametrize(
    "call",
    [
        lambda hub: hub.publish("room", "x"),
        lambda hub: hub.publish_to_user("ann", "x"),
        lambda hub: hub.disconnect("ann"),
        lambda hub: hub.presence("room"),
        enter,
    ],
    ids=["publish", "user", "disconnect", "presence", "connect"],
)
async def test_a_hub_that_is_not_entered_says_where_to(make_broker, call):
    hub = Hub(make_broker())
    with pytest.raises(RuntimeError, match=r"not entered.*lifespan.*mounted"):
        await call(hub)
    await hub.drain()  # there is nobody
    with pytest.raises(RuntimeError, match="not entered"):
        await call(hub)
    async with hub:
        await hub.publish("room", "x")


async def test_a_hub_that_is_left_has_no_broker_and_takes_nobody_in(make_broker):
    async with Hub(make_broker()) as hub:
        pass
    with pytest.raises(BrokerUnavailableError):
        await hub.publish("room", "x")
    refused = []

    async def app(scope, receive, send):
        with pytest.raises(RefusedError) as error:
            async with hub.connect((scope, receive, send)):
                raise AssertionError
        refused.append(error.value.code)

    async with AsgiClient(app) as client:
        await client.finished()
    assert refused == [1012]
