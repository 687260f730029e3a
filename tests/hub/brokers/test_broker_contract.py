"""What every broker promises."""

import asyncio

import pytest
from broker_parts import ROOM, eventually, started

from socketscope.errors import BrokerUnavailableError, MessageTooLargeError
from socketscope.hub.brokers.base import Member
from socketscope.hub.message import Envelope, Position

pytestmark = pytest.mark.anyio


async def test_what_one_publishes_all_subscribers_receive_whole(make_broker):
    async with started(make_broker(), make_broker()) as (one, other):
        for node in (one, other):
            await node.broker.subscribe(ROOM)
        envelope = Envelope(ROOM, b"\x00\xff\n text", "binary", key="k", publisher="p")
        position = await one.broker.publish(envelope)
        for node in (one, other):
            await eventually(lambda node=node: node.receiver.deliveries)
            assert [(found.envelope, found.position) for found in node.receiver.deliveries] == [(envelope, position)]
            assert not node.receiver.deliveries[0].recovered


async def test_all_receive_the_messages_of_a_topic_in_the_same_order_those_of_each_publisher_in_its_own(make_broker):
    async with started(make_broker(), make_broker(), make_broker()) as nodes:
        for node in nodes:
            await node.broker.subscribe(ROOM)
        texts = [[f"{name}{number}" for number in range(100)] for name in "abc"]
        await asyncio.gather(*(node.say(*said) for node, said in zip(nodes, texts, strict=True)))
        for node in nodes:
            await eventually(lambda node=node: len(node.receiver.deliveries) == 300)
        first, *others = [node.receiver.payloads() for node in nodes]
        assert all(other == first for other in others)
        for said in texts:
            assert [text for text in first if text.decode() in said] == [text.encode() for text in said]


async def test_offsets_of_a_topic_count_from_where_it_stood(make_broker):
    async with started(make_broker(), make_broker()) as (one, other):
        await one.say("before")
        epoch, offset = await other.broker.subscribe(ROOM)
        positions = await one.say("a", "b", "c")
        assert positions == [Position(epoch, offset + 1 + index) for index in range(3)]
        await eventually(lambda: len(other.receiver.deliveries) == 3)
        assert [found.position for found in other.receiver.deliveries] == positions
        assert other.receiver.payloads() == [b"a", b"b", b"c"]


async def test_topics_do_not_mix_and_who_unsubscribes_receives_nothing_more(make_broker):
    names = [ROOM, "channel/other", "channel/ä {b} *?[c]", "user/room"]
    async with started(make_broker(), make_broker()) as (one, other):
        for name in names:
            await other.broker.subscribe(name)
        for name in names:
            await one.say(f"to {name}", topic=name)
        await eventually(lambda: len(other.receiver.deliveries) == len(names))
        for name in names:
            assert other.receiver.payloads(name) == [f"to {name}".encode()]
        await other.broker.unsubscribe(ROOM)
        await one.say("nobody listens")
        await one.say("last", topic="user/room")
        await eventually(lambda: len(other.receiver.payloads("user/room")) == 2)
        assert len(other.receiver.payloads()) == 1
        await other.broker.subscribe(ROOM)
        await one.say("again")
        await eventually(lambda: len(other.receiver.payloads()) == 2)
        assert other.receiver.payloads()[-1] == b"again"


async def test_the_ledger_of_a_topic_closes(make_broker):
    async with started(make_broker(), make_broker()) as (one, other):
        await one.say("before anybody is here")
        for node in (one, other):
            await node.broker.subscribe(ROOM)
        await one.say("a", "b")
        await other.say("c")
        for node in (one, other):
            await eventually(lambda node=node: node.counters().due == 3)
        assert one.counters().published == 2
        assert other.counters().published == 1
        assert (one.counters().received, one.counters().lost, one.counters().duplicate) == (3, 0, 0)
        assert one.broker.telemetry.counters.published == 3


async def test_the_history_gives_what_came_after_a_position(make_broker):
    async with started(make_broker(), make_broker()) as (one, other):
        positions = await one.say(*(str(number) for number in range(10)))
        history = await other.broker.history(ROOM, positions[3])
        assert history.complete
        assert history.position == positions[-1]
        assert [found.envelope.payload for found in history.deliveries] == [b"4", b"5", b"6", b"7", b"8", b"9"]
        assert [found.position for found in history.deliveries] == positions[4:]
        nothing = await other.broker.history(ROOM, positions[-1])
        assert (list(nothing.deliveries), nothing.complete, nothing.position) == ([], True, positions[-1])


async def test_a_history_that_was_cut_off_says_so(make_broker):
    async with started(make_broker()) as (one,):
        positions = await one.say(*(str(number) for number in range(2000)))
        history = await one.broker.history(ROOM, positions[0])
        assert not history.complete
        assert history.position == positions[-1]
        assert len(history.deliveries) >= 100
        assert [found.position for found in history.deliveries] == positions[-len(history.deliveries) :]
        assert (await one.broker.history(ROOM, positions[-101])).complete


@pytest.mark.parametrize("strange", [Position("0123", 1), Position("", 0), Position("x y", 7)])
async def test_a_position_of_another_epoch_is_no_place_in_the_history(make_broker, strange):
    async with started(make_broker()) as (one,):
        (position,) = await one.say("a")
        history = await one.broker.history(ROOM, strange)
        assert not history.complete
        assert history.position == position
        assert not (await one.broker.history(ROOM, position._replace(offset=100))).complete


async def test_a_topic_of_which_nothing_is_known_has_no_history(make_broker):
    async with started(make_broker()) as (one,):
        history = await one.broker.history("channel/nowhere", Position("0123", 1))
        assert (list(history.deliveries), history.complete) == ([], False)


async def test_members_are_seen_by_all_in_the_order_of_their_arrival_until_they_leave(make_broker):
    ann, bob, cem = (
        Member("1", "ann", "host-a", 1.5),
        Member("2", None, "host-b", 2.5),
        Member("3", "cem ☕", "host-a", 3.5),
    )
    async with started(make_broker(), make_broker()) as (one, other):
        assert await other.broker.members(ROOM) == []
        one.broker.enter(ROOM, ann)
        other.broker.enter(ROOM, bob)
        one.broker.enter(ROOM, cem)
        one.broker.enter("channel/other", ann)
        assert await one.broker.members(ROOM) == [ann, bob, cem]
        assert await other.broker.members(ROOM) == [ann, bob, cem]
        one.broker.leave(ROOM, "1")
        one.broker.leave(ROOM, "nobody")
        assert await one.broker.members(ROOM) == [bob, cem]
        assert await other.broker.members("channel/other") == [ann]


async def test_members_go_with_the_broker_that_entered_them(make_broker):
    async with started(make_broker()) as (other,):
        async with started(make_broker()) as (one,):
            one.broker.enter(ROOM, Member("1", "ann", "host-a", 1.0))
            await one.broker.members(ROOM)
            assert len(await other.broker.members(ROOM)) == 1
        assert await other.broker.members(ROOM) == []


async def test_thousands_of_joins_and_leaves_leave_the_members_exact(make_broker):
    async with started(make_broker(), make_broker()) as (one, other):
        for number in range(3000):
            node = (one, other)[number % 2]
            node.broker.enter(ROOM, Member(str(number), None, "host", float(number)))
            if number >= 500:
                earlier = number - 500
                (one, other)[earlier % 2].broker.leave(ROOM, str(earlier))
        await one.broker.members(ROOM)
        found = [member.connection for member in await other.broker.members(ROOM)]
        assert found == [str(number) for number in range(2500, 3000)]


async def test_a_key_is_claimed_once_by_all(make_broker):
    async with started(make_broker(), make_broker()) as (one, other):
        claims = await asyncio.gather(*(node.broker.claim("ticket", 60) for node in (one, other) for _ in range(5)))
        assert sorted(claims) == [False] * 9 + [True]
        assert await one.broker.claim("another", 0.05)
        while not await other.broker.claim("another", 60):
            await asyncio.sleep(0.01)


async def test_a_message_that_is_too_large_is_refused_with_both_sizes(make_broker):
    async with started(make_broker()) as (one,):
        await one.broker.publish(Envelope(ROOM, b"x" * 1000))
        with pytest.raises(MessageTooLargeError) as raised:
            await one.broker.publish(Envelope(ROOM, b"x" * 1001))
        assert (raised.value.size, raised.value.allowed) == (1001, 1000)
        assert one.broker.telemetry.counters.published == 1


async def test_a_broker_that_is_not_started_says_so_and_its_health_too(make_broker):
    broker = make_broker()
    assert not broker.health.connected
    for call in (
        broker.publish(Envelope(ROOM, b"x")),
        broker.subscribe(ROOM),
        broker.history(ROOM, Position("", 0)),
        broker.members(ROOM),
        broker.claim("key", 1),
    ):
        with pytest.raises(BrokerUnavailableError, match="not started"):
            await call
    async with started(broker):
        assert broker.health.connected
        assert broker.health.round_trip is not None
        assert broker.health.round_trip < 60
    assert not broker.health.connected


async def test_after_its_end_nothing_is_received_and_no_task_is_left(make_broker):
    before = asyncio.all_tasks()
    async with started(make_broker()) as (other,):
        async with started(make_broker()) as (one,):
            await one.broker.subscribe(ROOM)
            await one.say("a")
            await eventually(lambda: one.receiver.deliveries)
        await other.say("b")
        assert one.receiver.payloads() == [b"a"]
        await one.broker.stop()
    assert asyncio.all_tasks() == before


async def test_a_broker_can_be_started_again(make_broker):
    broker = make_broker()
    for _ in range(2):
        async with started(broker) as (one,):
            await one.broker.subscribe(ROOM)
            await one.say("a")
            await eventually(lambda one=one: one.receiver.payloads() == [b"a"])
