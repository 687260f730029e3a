"""A hub is entered once, with a broker of its own."""

import asyncio

import pytest

from socketscope.errors import BrokerUnavailableError
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
