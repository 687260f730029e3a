"""What becomes of a client that reads nothing, where the hub has its transport: whoever closes it, and whenever."""

import pytest
from starlette.websockets import WebSocket
from tests.hub.servers import WIRED, hub_served, until
from tests.hub.slow_client import SlowClient, open_descriptors

from socketscope.hub import ChannelOptions, DropOldest, Hub, Limits

pytestmark = pytest.mark.anyio

MUCH = "x" * 20_000_000
IN_TIME = Limits(stalled_seconds=60, close_seconds=0.2)


async def stuck(found):
    """Publish until something of it stays in the buffer of the one client, which has joined."""
    await found.members(1)
    [client] = found.hub.clients.values()
    while not client.link.transport.get_write_buffer_size():
        await found.hub.publish("room", "x" * 20_000)
    return client


def after_a_snapshot(hub):
    """Give an application that sends much before its clients enter the hub."""

    async def app(scope, receive, send):
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await socket.send_text(MUCH)
        async with hub.connect(socket) as client:
            await client.subscribe("room")
            async for _ in client:
                pass

    return app


async def test_one_that_the_server_closes_since_it_answers_no_ping_is_dropped():
    async with hub_served(WIRED, limits=IN_TIME, channels={"*": ChannelOptions(DropOldest())}) as found:
        before = open_descriptors()
        async with SlowClient(found.url):
            client = await stuck(found)
            client.link.wire.keepalive_timeout()  # as uvicorn's timer does
            assert not client.open
            # One descriptor is the client's own.
            await until(lambda: not found.hub.clients and open_descriptors() == before + 1)


async def test_one_that_is_closed_with_little_in_its_buffer_is_dropped():
    async with hub_served(WIRED, limits=IN_TIME) as found:
        before = open_descriptors()
        async with SlowClient(found.url):
            client = await stuck(found)
            assert not client.link.behind
            client.close(4000, "out")
            await until(lambda: not found.hub.clients and open_descriptors() == before + 1)


async def test_one_that_has_more_to_take_than_it_may_before_it_enters_the_hub_is_behind():
    limits = Limits(stalled_seconds=0.2, close_seconds=0.2)
    async with hub_served(WIRED, app=after_a_snapshot, limits=limits) as found, SlowClient(found.url):
        await found.members(1)
        [client] = found.hub.clients.values()
        held = client.link.transport.get_write_buffer_size()
        assert client.link.behind
        await found.hub.publish("room", "x" * 1000)
        assert client.link.transport.get_write_buffer_size() == held
        assert found.room.pending == 1
        await until(lambda: not found.hub.clients)  # it takes nothing


async def test_one_that_takes_what_it_had_to_before_it_entered_gets_what_came_meanwhile():
    async with hub_served(WIRED, app=after_a_snapshot) as found, SlowClient(found.url, 1 << 20) as slow:
        await found.members(1)
        assert [client.link.behind for client in found.hub.clients.values()] == [True]
        for number in range(3):
            await found.hub.publish("room", str(number))
        payloads = await slow.read(lambda payloads: len(payloads) == 4)
        assert payloads[1:] == [b"0", b"1", b"2"]
        await until(lambda: found.room.delivered == 3)


async def test_a_connection_is_in_one_hub():
    def in_two(hub):
        async def app(scope, receive, send):
            socket = WebSocket(scope, receive, send)
            await socket.accept()
            async with hub.connect(socket), Hub() as other:
                with pytest.raises(RuntimeError, match="in a hub already"):
                    async with other.connect(socket):
                        raise AssertionError
                refused.append(True)

        return app

    refused = []
    async with hub_served(WIRED, app=in_two) as found, SlowClient(found.url):
        await until(lambda: refused)
