"""The hub's own metrics: what they are called, and that they are the ledger."""

import asyncio

import pytest
import uvicorn
from tests.hub.servers import WIRED, hub_served, until
from tests.hub.slow_client import SlowClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from socketscope.hub import ChannelOptions, DropOldest

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("server", [WIRED, "uvicorn, sansio"])
async def test_deliveries_and_queues_come_out_as_the_ledger_has_them(server):
    channels = {"room": ChannelOptions(DropOldest())}
    async with hub_served(server, channels=channels) as served, connect(served.url) as reader:
        async with SlowClient(served.url):
            await served.members(2)
            for _ in range(300):
                await served.hub.publish("room", "x" * 32_000)
                await reader.recv()
            counts, value = served.room, served.captured.value
            name = {"websocket.channel.name": "room"}
            outcome = "websocket.delivery.outcome"
            assert value("websocket.channel.deliveries", **name, **{outcome: "delivered"}) == counts.delivered
            dropped = {outcome: "dropped", "error.type": "oldest"}
            assert value("websocket.channel.deliveries", **name, **dropped) == sum(counts.dropped) > 0
            assert value("websocket.channel.pending", **name) == counts.pending > 0
            [queue] = served.captured.histograms("websocket.hub.queue.size")
            assert sum(queue.counts) >= counts.pending + sum(counts.dropped)
            assert value("websocket.channel.messages", **name, **{"network.io.direction": "transmit"}) == (
                counts.delivered
            )
        await until(lambda: served.room.pending == 0)


async def test_pings_are_measured_where_our_protocol_runs(monkeypatch):
    config = uvicorn.Config
    monkeypatch.setattr(uvicorn, "Config", lambda *args, **options: config(*args, **options, ws_ping_interval=0.02))
    async with hub_served(WIRED) as served, connect(served.url):
        await served.members(1)
        await until(lambda: any(served.captured.histograms("websocket.server.ping.duration")))
        [pings] = served.captured.histograms("websocket.server.ping.duration")
        assert sum(pings.counts) >= 1
        assert set(pings.attributes) == {"http.route", "server.port"}


async def test_a_server_that_shuts_down_gives_the_advice_of_the_hub():
    async with hub_served(WIRED, reconnect_seconds=2) as served:
        client = await connect(served.url)
        await served.members(1)
        running = served
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd.code == 1012
    assert closed.value.rcvd.reason.startswith("retry-after=")
    assert not running.hub.clients


async def test_a_ledger_that_does_not_close_is_found_in_production(caplog):
    async with hub_served(WIRED, audit_seconds=0.01) as served, connect(served.url):
        await served.members(1)
        served.hub.direct.queued()
        await until(lambda: "the ledger of the hub does not close" in caplog.text)
        with pytest.raises(AssertionError, match="_direct"):
            served.hub.check()
        served.hub.direct.settled(0)
        served.hub.check()


async def test_nothing_of_a_hub_is_left_when_it_ends():
    before = asyncio.all_tasks()
    async with hub_served(WIRED) as served:
        async with connect(served.url), connect(served.url + "/?ann"):
            await served.members(2)
        await until(lambda: not served.hub.clients)
        assert not len(served.hub.users)
    assert asyncio.all_tasks() == before
