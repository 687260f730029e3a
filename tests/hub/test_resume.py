"""Clients that return, over every broker: nothing is missing, nothing comes twice, or they are told."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from broker_parts import eventually

from socketscope.hub import Hub
from socketscope.hub.options import ChannelOptions
from socketscope.hub.resume import Joined
from socketscope.testing import AsgiClient

pytestmark = pytest.mark.anyio

OPTIONS = {"*": ChannelOptions(positions=True)}


@asynccontextmanager
async def hubs(*brokers):
    async with Hub(brokers[0], channels=OPTIONS) as one, Hub(brokers[-1], channels=OPTIONS) as other:
        yield one, other


class Guest:
    """A client whose application joins "room" from where it was, and says how that went."""

    def __init__(self, hub, last=None):
        self.hub = hub
        self.last = last
        self.joined = asyncio.get_running_loop().create_future()
        self.client = AsgiClient(self.app, "/")

    async def app(self, scope, receive, send):
        async with self.hub.connect((scope, receive, send), user="ann") as client:
            try:
                self.joined.set_result(await client.subscribe("room", last=self.last))
            except Exception as error:
                self.joined.set_exception(error)
                raise
            async for _ in client:
                pass

    async def __aenter__(self):
        await self.client.__aenter__()
        await self.client.accepted()
        return self

    async def __aexit__(self, *error):
        await self.client.__aexit__(*error)

    async def hears(self, count):
        return [json.loads(await self.client.receive_text()) for _ in range(count)]


async def test_who_returns_gets_what_was_missed_and_then_what_comes(make_broker):
    async with hubs(make_broker(), make_broker()) as (one, other):
        async with Guest(one) as guest:
            first = await guest.joined
            await one.publish("room", "a")
            (heard,) = await guest.hears(1)
        for text in "bcd":
            await other.publish("room", text)
        async with Guest(other, (heard["epoch"], heard["offset"])) as guest:
            joined = await guest.joined
            assert (joined.complete, joined.missed) == (True, 3)
            await one.publish("room", "e")
            heard = await guest.hears(4)
            assert [one["data"] for one in heard] == ["b", "c", "d", "e"]
            assert [one["offset"] for one in heard] == [first.position.offset + 2 + number for number in range(4)]


async def test_who_is_in_already_is_sent_nothing_again_and_told_so(make_broker):
    joined, heard = [], asyncio.Event()

    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send)) as client:
            first = (await client.subscribe("room")).position
            joined.append(await client.subscribe("room", last=first))
            await hub.publish("room", "a")
            await heard.wait()
            joined.append(await client.subscribe("room", last=first))
            joined.append(await client.subscribe("room"))

    async with Hub(make_broker()) as hub, AsgiClient(app) as client:
        await client.accepted()
        assert await client.receive_text() == "a"
        heard.set()
        await client.finished()
        assert [one.complete for one in joined] == [True, False, True]
        assert client.error is None


async def test_who_missed_nothing_is_told_so(make_broker):
    async with hubs(make_broker(), make_broker()) as (one, other):
        async with Guest(one) as guest:
            position = (await guest.joined).position
        async with Guest(other, position) as guest:
            assert await guest.joined == Joined(position, complete=True, missed=0)


async def test_who_was_away_for_too_long_is_told_so_and_gets_what_comes_from_then_on(make_broker):
    async with hubs(make_broker(), make_broker()) as (one, other):
        async with Guest(one) as guest:
            position = (await guest.joined).position
        await asyncio.gather(*(one.publish("room", number) for number in range(1500)))
        async with Guest(other, position) as guest:
            joined = await guest.joined
            assert (joined.complete, joined.missed) == (False, 0)
            assert joined.position.offset == position.offset + 1500
            await one.publish("room", "now")
            assert [heard["data"] for heard in await guest.hears(1)] == ["now"]


ELSEWHERE = [
    ("0123", 5),
    ("", 0),
    ("no epoch", -1),
    ["e"],
    [],
    [1, 2, 3],
    {"a": 1},
    "ab",
    "",
    5,
    1.5,
    True,
    [None, None],
]
ODD_EPOCHS = [5, None, "\ud800", "ä", ["e"], "\x00", "0" * 10_000]
ODD_OFFSETS = ["1", "", None, 0.5, 1.0, float("nan"), True, [1], -1, -(10**30), 10_000, 2**53, 2**63, 10**30]


async def test_a_position_that_is_none_is_told_so_and_what_comes_is_heard(make_broker):
    async with hubs(make_broker(), make_broker()) as (one, _):
        epoch, offset = await one.publish("room", "a")
        strange = [*ELSEWHERE, *([odd, offset] for odd in ODD_EPOCHS), *([epoch, odd] for odd in ODD_OFFSETS)]
        for last in strange:
            async with Guest(one, last) as guest:
                joined = await guest.joined
                assert (joined.complete, joined.missed) == (False, 0), last
                here = await one.publish("room", "now")
                assert joined.position == here._replace(offset=here.offset - 1)
                assert [heard["data"] for heard in await guest.hears(1)] == ["now"]


async def test_a_position_as_json_gives_it_is_one(make_broker):
    async with hubs(make_broker(), make_broker()) as (one, _):
        position = await one.publish("room", "a")
        await one.publish("room", "b")
        async with Guest(one, json.loads(json.dumps(position))) as guest:
            assert (await guest.joined)[1:] == (True, 1)
        async with Guest(one, [position.epoch, 0]) as guest:
            assert (await guest.joined)[1:] == (True, 2)


@pytest.mark.parametrize("history", [1000])
async def test_while_others_publish_all_the_time_who_returns_misses_nothing_and_hears_nothing_twice(make_broker):
    async with hubs(make_broker(), make_broker()) as (one, other):
        async with Guest(one) as guest:
            position = (await guest.joined).position
        total = 400

        async def talk():
            for number in range(total // 4):
                await asyncio.gather(*(hub.publish("room", number) for hub in (one, other) for _ in "ab"))

        async with Guest(one):
            talking = asyncio.create_task(talk())
            guests = []
            for _ in range(15):
                guest = Guest((one, other)[len(guests) % 2], position)
                await guest.__aenter__()
                guests.append(guest)
                assert (await guest.joined).complete
            await talking
            for guest in guests:
                heard = await guest.hears(total)
                assert [one["offset"] for one in heard] == list(range(position.offset + 1, position.offset + total + 1))
                await guest.__aexit__(None, None, None)


async def test_members_are_seen_in_all_processes_while_they_are_in_the_channel(make_broker):
    async with hubs(make_broker(), make_broker()) as (one, other):
        async with Guest(one) as guest, Guest(other) as second:
            await guest.joined
            await second.joined
            for hub in (one, other):
                assert [member.user for member in await hub.presence("room")] == ["ann", "ann"]
        for hub in (one, other):
            assert await hub.presence("room") == []


async def test_a_user_is_reached_and_disconnected_in_all_processes(make_broker):
    async with hubs(make_broker(), make_broker()) as (one, other), Guest(one) as guest, Guest(other) as second:
        await guest.joined
        await second.joined
        await other.publish_to_user("ann", {"for": "ann"})
        for client in (guest, second):
            (heard,) = await client.hears(1)
            assert heard == {"for": "ann"}
        await one.disconnect("ann", 4001, "go")
        for client in (guest, second):
            closed = await client.client.receive()
            assert (closed["type"], closed["code"], closed["reason"]) == ("websocket.close", 4001, "go")
            client.client.disconnect(4001)
        await eventually(lambda: not one.clients and not other.clients)
