"""What the hub promises, on servers with a wire and on plain ASGI alike."""

import asyncio
import json

import pytest
from tests.hub.servers import SERVERS, WIRED, hub_served, until
from tests.hub.slow_client import SlowClient, open_descriptors
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from socketscope.hub import ChannelOptions, Coalesce, Disconnect, DropNewest, DropOldest, Limits

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("server", SERVERS)]

BIG = "x" * 32_000
ROUNDS = 300
"""So many big messages no kernel takes for a client that does not read."""


async def test_text_bytes_and_json_arrive_as_what_they_are_in_their_order(server):
    async with hub_served(server) as served, connect(served.url) as ann, connect(served.url) as bob:
        await served.members(2)
        sent = ["plain", "größe 😀", b"\x00\xff", {"ä": [1, None]}, "", b"", "x" * 200, b"y" * 70_000]
        for message in sent:
            await served.hub.publish("room", message)
        for client in (ann, bob):
            found = [await client.recv() for _ in sent]
            assert [*found[:3], *found[4:]] == [*sent[:3], *sent[4:]]
            assert json.loads(found[3]) == sent[3]
        assert served.room[:3] == (2 * len(sent), 2 * len(sent), 0)


async def test_what_a_client_says_reaches_everyone_in_the_channel_and_nobody_else(server):
    async with hub_served(server) as served, connect(served.url) as ann, connect(served.url) as bob:
        await served.members(2)
        await ann.send("hello")
        assert [await ann.recv(), await bob.recv()] == ["hello", "hello"]
        await served.hub.publish("elsewhere", "not for them")
        await served.hub.publish("room", "next")
        assert [await ann.recv(), await bob.recv()] == ["next", "next"]


async def test_a_user_is_reached_and_sent_away_on_every_connection(server):
    async with hub_served(server) as served:
        async with (
            connect(served.url + "/?ann") as one,
            connect(served.url + "/?ann") as two,
            connect(served.url) as bob,
        ):
            await served.members(3)
            await served.hub.publish_to_user("ann", "for ann")
            assert [await one.recv(), await two.recv()] == ["for ann", "for ann"]
            await served.hub.disconnect("ann", 4001, "banned")
            for client in (one, two):
                with pytest.raises(ConnectionClosed) as closed:
                    await client.recv()
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "banned")
            await served.hub.publish("room", "still here")
            assert await bob.recv() == "still here"
        assert served.ledgers["_user"][:3] == (2, 2, 0)


async def test_a_client_that_does_not_read_holds_up_nobody_and_is_cut_off(server):
    async with hub_served(server) as served, connect(served.url) as reader:
        async with SlowClient(served.url):
            await served.members(2)
            before = open_descriptors()
            for _ in range(ROUNDS):
                await served.hub.publish("room", BIG)
                assert await reader.recv() == BIG
                waiting = [client.link.outbox.bytes for client in served.hub.clients.values()]
                assert max(waiting) <= served.hub.limits.queue_bytes
                served.balanced()
            await served.members(1)
            await until(lambda: len(served.hub.clients) == 1)
            if server == WIRED:
                assert open_descriptors() == before - 1
        counts = served.room
        assert counts.due == counts.delivered + sum(counts.dropped)
        assert counts.dropped[3] == sum(counts.dropped) > 1  # slow
        closed = [
            event.log_record for event in served.captured.events if event.log_record.event_name.endswith("closed")
        ]
        assert len(closed) == 1
        assert closed[0].attributes["websocket.close.code"] == 1008
        assert closed[0].attributes["websocket.close.initiator"] == "server"
        assert closed[0].attributes["websocket.close.reason"] == "reads too slowly"


POLICIES = {
    "oldest": ChannelOptions(DropOldest()),
    "newest": ChannelOptions(DropNewest()),
    "coalesced": ChannelOptions(Coalesce()),
}


@pytest.mark.parametrize("reason", POLICIES)
async def test_what_does_not_fit_is_dropped_as_the_policy_says_and_the_rest_is_in_order(server, reason):
    options = POLICIES[reason]
    async with hub_served(server, channels={"r*": options}) as served, SlowClient(served.url) as slow:
        await served.members(1)
        for number in range(ROUNDS):
            await served.hub.publish("room", f"{number:06}" + BIG, key=f"key {number % 3}")
            served.balanced()
        counts = served.room
        assert counts.pending > 0
        assert sum(counts.dropped) == counts.dropped[("oldest", "newest", "coalesced").index(reason)] > 0
        last = f"{ROUNDS - 1:06}".encode()
        expected = ROUNDS - sum(counts.dropped)
        found = [int(payload[:6]) for payload in await slow.read(lambda payloads: len(payloads) == expected)]
        assert len(found) == expected
        assert found == sorted(set(found))
        if reason == "newest":
            assert found == list(range(expected))
        else:
            assert found[-1] == int(last)
        if reason == "coalesced":
            assert {number % 3 for number in found[-3:]} == {0, 1, 2}
        await until(lambda: served.room.pending == 0)
        assert served.room.delivered == expected


async def test_one_channel_is_dropped_while_another_cuts_off(server):
    channels = {"ticks": ChannelOptions(DropOldest()), "orders": ChannelOptions(Disconnect(4000, "lost an order"))}

    def app(hub):
        async def both(scope, receive, send):
            async with hub.connect((scope, receive, send)) as client:
                await client.subscribe("ticks")
                await client.subscribe("orders")
                async for _ in client:
                    pass

        return both

    async with hub_served(server, app=app, channels=channels) as served, SlowClient(served.url):
        await served.members(1, "orders")
        for _ in range(ROUNDS):
            await served.hub.publish("ticks", BIG)
        assert served.hub.subscribers("ticks") == 1
        for _ in range(ROUNDS):
            await served.hub.publish("orders", BIG)
        await until(lambda: not served.hub.clients)
        assert served.ledgers["ticks"].dropped[0] > 0
        assert served.ledgers["orders"].dropped[0] == 0


async def test_a_close_comes_after_what_waits(server):
    async with hub_served(server) as served, SlowClient(served.url) as slow:
        await served.members(1)
        [client] = served.hub.clients.values()
        number = 0
        while not client.link.behind or len(client.link.outbox) < 5:
            await served.hub.publish("room", f"{number:06}" + BIG)
            await asyncio.sleep(0)
            number += 1
        client.close(4002, "that is all")
        await served.hub.publish("room", "after the close")
        payloads = await slow.read(lambda _: slow.protocol.close_rcvd is not None)
        assert [int(payload[:6]) for payload in payloads] == list(range(number))
        assert (slow.protocol.close_rcvd.code, slow.protocol.close_rcvd.reason) == (4002, "that is all")
        await until(lambda: served.room.pending == 0)
        assert served.room[:2] == (number, number)


async def test_a_client_that_is_closed_and_takes_nothing_is_cut_off_in_the_end(server):
    limits = Limits(close_seconds=0.05)
    async with hub_served(server, limits=limits) as served, SlowClient(served.url):
        await served.members(1)
        [client] = served.hub.clients.values()
        while not client.link.behind or len(client.link.outbox) < 5:
            await served.hub.publish("room", BIG)
            await asyncio.sleep(0)
        client.close(4002)
        await until(lambda: not served.hub.clients)
        assert served.room.pending == 0


async def test_a_connection_that_breaks_leaves_nothing_behind(server):
    async with hub_served(server) as served, connect(served.url) as reader, SlowClient(served.url) as gone:
        await served.members(2)
        gone.reset()
        for _ in range(20):
            await served.hub.publish("room", "to whoever is there")
            assert await reader.recv() == "to whoever is there"
        await served.members(1)
        await until(lambda: len(served.hub.clients) == 1)


async def test_telemetry_counts_what_the_ledger_counts(server):
    async with hub_served(server) as served:
        async with connect(served.url + "/?ann") as ann, connect(served.url) as bob:
            await served.members(2)
            sizes = [0, 1, 2, 127, 128, 5000]
            for size in sizes:
                await served.hub.publish("room", "m" * size)
            await served.hub.publish("room", b"12")
            await served.hub.publish_to_user("ann", "only ann")
            [*_, one] = served.hub.clients.values()
            one.send("direct")
            for client in (ann, bob):
                for _ in sizes:
                    await client.recv()
                assert await client.recv() == b"12"
            assert await ann.recv() == "only ann"
            assert await bob.recv() == "direct"
            value = served.captured.value
            where = {"network.io.direction": "transmit"}
            assert value("websocket.server.messages", **where, **{"websocket.message.type": "text"}) == 14
            assert value("websocket.server.messages", **where, **{"websocket.message.type": "binary"}) == 2
            total = 2 * sum(sizes) + 4 + len("only ann") + len("direct")
            assert value("websocket.server.io", **where) == total
            [sent] = [
                histogram
                for histogram in served.captured.histograms("websocket.server.message.size")
                if histogram.attributes["network.io.direction"] == "transmit"
            ]
            assert (sum(sent.counts), sent.sum) == (16, total)
            assert sent.counts[:2] == [4, 4]  # 0 and 1; 2 and "12"
            room = {"websocket.channel.name": "room"}
            assert value("websocket.channel.messages", **where, **room) == 14
            assert value("websocket.channel.io", **where, **room) == 2 * sum(sizes) + 4
            assert value("websocket.channel.messages", **{"network.io.direction": "receive"}, **room) == 7
            assert value("websocket.channel.subscriber.count", **room) == 2
            assert {record.messages_sent for record in served.captured.telemetry.live.records()} == {8}
        await until(lambda: not served.hub.clients)
        assert served.captured.value("websocket.channel.subscriber.count") == 0


async def test_compression_that_was_agreed_on_survives_what_the_hub_sends(server):
    def app(hub):
        async def echo(scope, receive, send):
            async with hub.connect((scope, receive, send)) as client:
                await client.subscribe("room")
                async for message in client:
                    await send({"type": "websocket.send", "text": message})

        return echo

    async with hub_served(server, app=app) as served, connect(served.url, compression="deflate") as client:
        await served.members(1)
        assert client.protocol.extensions or server == "hypercorn"
        text = "the same words again and again, " * 40
        for number in range(12):
            await served.hub.publish("room", f"{number} to all: {text}")
            await client.send(f"{number} echoed: {text}")
            assert {await client.recv(), await client.recv()} == {
                f"{number} to all: {text}",
                f"{number} echoed: {text}",
            }


async def test_the_hub_closes_everyone_when_it_ends(server):
    async with hub_served(server) as served, connect(served.url) as client:
        await served.members(1)
        await served.hub.stop()
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1012
        await until(lambda: not served.hub.clients)
