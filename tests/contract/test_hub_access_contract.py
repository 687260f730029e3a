"""Who may connect, join and publish, what a client may have and say, and how it all ends: on servers with a wire and
on plain ASGI alike."""

import asyncio
import contextlib
import json
import time

import pytest
from tests.hub.servers import SERVERS, chat, hub_served, until
from tests.hub.slow_client import SlowClient
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from socketscope.errors import LimitExceededError, RefusedError
from socketscope.hub import Access, Identity, Limits, Tickets
from socketscope.hub.brokers.memory import MemoryBroker

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("server", SERVERS)]


def quiet(hub):
    """A chat that does what the documentation says about refusals."""

    async def app(scope, receive, send):
        with contextlib.suppress(RefusedError):
            await chat(hub)(scope, receive, send)

    return app


def commands(hub):
    """Joins, publishes and renews as it is told; answers what it was refused."""

    async def app(scope, receive, send):
        with contextlib.suppress(RefusedError):
            async with hub.connect((scope, receive, send), user=scope["query_string"].decode() or None) as client:
                async for message in client:
                    what, *rest = json.loads(message)
                    if what == "insist":
                        raise RefusedError("it", 4003, "so there")
                    client.send(await done(client, what, *rest))

    return app


async def done(client, what, channel, *text):
    try:
        if what == "join":
            await client.subscribe(channel)
        elif what == "leave":
            client.unsubscribe(channel)
        elif what == "renew":
            client.renew(client.hub.clock.wall() / 1e9 + float(channel))
        else:
            await client.publish(channel, *text)
    except LimitExceededError as error:
        return f"limit {error.limit} {error.allowed}"
    except RefusedError as error:
        return f"refused {error.code}"
    return "done"


async def ask(client, *words):
    await client.send(json.dumps(words))
    return await client.recv()


async def closed(client):
    with pytest.raises(ConnectionClosed) as error:
        while True:
            await asyncio.wait_for(client.recv(), 20)
    return error.value.rcvd.code, error.value.rcvd.reason


@contextlib.asynccontextmanager
async def refused(url, **options):
    with pytest.raises(InvalidStatus) as error:
        async with connect(url, **options):
            pass
    yield
    assert error.value.response.status_code == 403


async def test_a_page_of_a_foreign_origin_is_refused_before_it_is_accepted(server):
    access = Access(origins=["https://chat.example.com"])
    async with hub_served(server, app=quiet, access=access) as served:
        for headers in ({"Origin": "https://chat.example.com.evil.org"}, {"Origin": "null"}, {}):
            async with refused(served.url, additional_headers=headers):
                pass
        async with connect(served.url, origin="https://chat.example.com"):
            await served.members(1)
        outcomes = "websocket.server.handshakes"
        assert served.captured.value(outcomes, **{"websocket.handshake.outcome": "denied"}) == 3


async def test_the_hook_that_is_asked_first_says_who_it_is(server):
    async def by_header(handshake):
        user = handshake.header("x-user")
        return Identity(user) if user else None

    async with hub_served(server, app=quiet, access=Access(connect=by_header)) as served:
        async with refused(served.url):
            pass
        async with connect(served.url, additional_headers={"X-User": "ann"}) as ann:
            await served.members(1)
            await served.hub.publish_to_user("ann", "hello ann")
            assert await ann.recv() == "hello ann"
            assert [record.user for record in served.captured.telemetry.live.records()] == ["ann"]


async def test_a_hook_that_takes_too_long_refuses(server):
    async def forever(_):
        await asyncio.Event().wait()

    async with (
        hub_served(server, app=quiet, access=Access(connect=forever, deadline=0.05)) as served,
        refused(served.url),
    ):
        pass


async def test_the_first_message_may_say_who_it_is(server):
    async def by_password(message):
        facts = json.loads(message)
        return Identity(facts["user"]) if facts["password"] == "open sesame" else None

    access = Access(authenticate=by_password, deadline=10)
    async with hub_served(server, app=quiet, access=access) as served:
        async with connect(served.url) as eve:
            await eve.send(json.dumps({"user": "ann", "password": "guess"}))
            assert await closed(eve) == (3000, "not authenticated")
        async with connect(served.url) as ann:
            await ann.send(json.dumps({"user": "ann", "password": "open sesame"}))
            await served.members(1)
            await served.hub.publish_to_user("ann", "hello")
            assert await ann.recv() == "hello"
        assert len(served.captured.telemetry.live.records()) <= 1


async def test_who_says_nothing_is_sent_away_at_the_deadline(server):
    async def anybody(_):
        return Identity("ann")

    async with hub_served(server, app=quiet, access=Access(authenticate=anybody, deadline=0.05)) as served:
        async with connect(served.url) as silent:
            assert await closed(silent) == (3008, "not authenticated in time")
        assert not served.hub.clients


async def test_a_ticket_is_good_once_in_the_query_or_as_the_first_message(server):
    broker = MemoryBroker()
    tickets = Tickets(broker, "a secret of this test alone")
    access = Access(connect=tickets.in_query())
    async with hub_served(server, app=quiet, broker=broker, access=access) as served:
        ticket = tickets.issue("ann")
        async with connect(f"{served.url}/?ticket={ticket}"):
            await served.members(1)
            assert [client.user for client in served.hub.clients.values()] == ["ann"]
        for again in (ticket, "", "x.y", tickets.issue("bob")[:-1], ticket.replace(".", ".0")):
            async with refused(f"{served.url}/?ticket={again}"):
                pass
    broker = MemoryBroker()
    tickets = Tickets(broker, "a secret of this test alone")
    access = Access(authenticate=tickets.in_message)
    async with hub_served(server, app=quiet, broker=broker, access=access) as served, connect(served.url) as bob:
        await bob.send(tickets.issue("bob"))
        await served.members(1)
        assert [client.user for client in served.hub.clients.values()] == ["bob"]


async def test_credentials_expire_in_mid_connection_unless_they_are_renewed(server):
    async def briefly(handshake):
        return Identity("ann", expires=time.time() + float(handshake.query("seconds")))

    async with hub_served(server, app=commands, access=Access(connect=briefly)) as served:
        async with connect(f"{served.url}/?seconds=0.1") as ann:
            assert await closed(ann) == (3000, "the credentials have expired")
        async with refused(f"{served.url}/?seconds=-1"):
            pass
        async with connect(f"{served.url}/?seconds=60") as ann:
            assert await ask(ann, "renew", 3600) == "done"
            await ann.send(json.dumps(["renew", 0]))
            assert await closed(ann) == (3000, "the credentials have expired")
        await until(lambda: not served.hub.clients)


async def test_joining_and_publishing_ask_their_hooks(server):
    async def not_secret(_, channel):
        return channel != "secret"

    async def only_short(client, channel, message):
        if channel == "closed":
            raise RefusedError("publishing", 4444, "closed for good")
        return len(message) < 10 and client.user == "ann"

    access = Access(subscribe=not_secret, publish=only_short)
    async with hub_served(server, app=commands, access=access) as served, connect(served.url + "/?ann") as ann:
        assert await ask(ann, "join", "secret") == "refused 3003"
        assert served.hub.subscribers("secret") == 0
        assert await ask(ann, "say", "room", "far too long a text") == "refused 3003"
        assert await ask(ann, "say", "closed", "hm") == "refused 4444"
        assert await ask(ann, "join", "room") == "done"
        await ann.send(json.dumps(["say", "room", "short"]))
        assert {await ann.recv(), await ann.recv()} == {"short", "done"}
        await served.hub.publish("room", "the application itself may say anything")
        assert await ann.recv() == "the application itself may say anything"


async def test_a_refusal_that_leaves_the_block_closes_the_connection(server):
    async with hub_served(server, app=commands) as served, connect(served.url) as ann:
        await ann.send(json.dumps(["insist", ""]))
        assert await closed(ann) == (4003, "so there")
        await until(lambda: not served.hub.clients)


async def test_what_no_close_frame_can_have_is_made_to_fit(server):
    async def refusing(_, channel):
        raise RefusedError("it", 42, "ä" * 200 + channel)

    async with hub_served(server, app=quiet, access=Access(subscribe=refusing)) as served, connect(served.url) as ann:
        assert await closed(ann) == (1008, "ä" * 61)


async def test_a_client_and_a_user_may_be_in_so_many_channels(server):
    limits = Limits(channels=2, user_channels=3)
    async with (
        hub_served(server, app=commands, limits=limits) as served,
        connect(served.url + "/?ann") as one,
        connect(served.url + "/?ann") as two,
    ):
        assert [await ask(one, "join", name) for name in "aba"] == ["done"] * 3
        assert await ask(one, "join", "c") == "limit channels 2"
        assert await ask(two, "join", "c") == "done"
        assert await ask(two, "join", "d") == "limit user_channels 3"
        assert await ask(one, "leave", "a") == "done"
        assert await ask(two, "join", "d") == "done"


async def test_a_message_that_is_too_large_ends_the_connection(server):
    limits = Limits(message_bytes=1000, queue_bytes=1000)
    async with hub_served(server, limits=limits) as served, connect(served.url) as ann:
        await ann.send("x" * 1000)
        assert await ann.recv() == "x" * 1000
        await ann.send("ä" * 501)
        assert await closed(ann) == (1009, "at most 1000 bytes")
        await until(lambda: not served.hub.clients)


async def test_what_no_message_and_no_channel_can_be_is_refused(server):
    async with hub_served(server, app=commands) as served, connect(served.url) as ann:
        for message in ("\ud800", {"\ud800": 1}, float("nan"), [float("-inf")]):
            assert await ask(ann, "say", "room", message) == "refused 1007"
        for name in ("", "x" * 257, "\ud800", 7, None, ["room"]):
            assert await ask(ann, "say", name, "x") == "refused 1008"
            assert await ask(ann, "join", name) == "refused 1008"
        assert await ask(ann, "join", "room") == "done"


async def test_a_user_whose_name_can_not_be_used_is_refused(server):
    async def as_it_says(asked):
        return Identity(asked if isinstance(asked, str) else asked.query("user"))

    async with (
        hub_served(server, app=quiet, access=Access(connect=as_it_says)) as served,
        refused(f"{served.url}/?user={'x' * 257}"),
    ):
        pass
    async with hub_served(server, app=quiet, access=Access(authenticate=as_it_says)) as served:
        async with connect(served.url) as ann:
            await ann.send("x" * 257)
            assert await closed(ann) == (1008, "the name of a user is a str of 1 to 256 characters")
        assert not served.hub.clients


async def test_who_says_too_much_is_sent_away(server):
    async with hub_served(server, limits=Limits(rate=5, user_rate=0)) as served, connect(served.url) as ann:
        for number in range(60):
            with contextlib.suppress(ConnectionClosed):
                await ann.send(str(number))
        assert await closed(ann) == (1008, "more than 5 messages a second (connection)")
        await until(lambda: not served.hub.clients)
        assert 10 <= served.room.due < 60


async def test_what_a_user_says_on_all_connections_counts_together(server):
    async with (
        hub_served(server, app=commands, limits=Limits(user_rate=5)) as served,
        connect(served.url + "/?ann") as one,
        connect(served.url + "/?ann") as two,
        connect(served.url + "/?bob") as bob,
    ):
        for client in (one, two) * 5:
            assert await ask(client, "say", "nowhere", "x") == "done"
        for client in (one, two) * 20:
            with contextlib.suppress(ConnectionClosed):
                await client.send(json.dumps(["say", "nowhere", "x"]))
        assert "more than 5 messages a second (user)" in {(await closed(one))[1], (await closed(two))[1]}
        assert await ask(bob, "say", "nowhere", "x") == "done"


async def test_a_client_that_takes_nothing_for_too_long_is_cut_off(server):
    async with hub_served(server, limits=Limits(stalled_seconds=0.1)) as served, SlowClient(served.url):
        await served.members(1)
        [client] = served.hub.clients.values()
        while not client.link.behind:
            await served.hub.publish("room", "x" * 32_000)
            await asyncio.sleep(0)
        await until(lambda: not served.hub.clients)
        assert served.room.pending == 0


async def test_everyone_is_told_when_to_come_back_each_at_another_time(server):
    async with hub_served(server, app=quiet, reconnect_seconds=3) as served:
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connect(served.url)) for _ in range(8)]
            await served.members(8)
            await served.hub.drain()
            ends = [await closed(client) for client in clients]
            assert {code for code, _ in ends} == {1012}
            waits = {reason for _, reason in ends}
            assert len(waits) > 1
            assert all(0 <= float(reason.removeprefix("retry-after=")) <= 3 for reason in waits)
        async with refused(served.url):
            pass


async def test_what_waits_is_sent_before_the_hub_ends(server):
    async with hub_served(server) as served, SlowClient(served.url) as slow:
        await served.members(1)
        [client] = served.hub.clients.values()
        number = 0
        while not client.link.behind or len(client.link.outbox) < 5:
            await served.hub.publish("room", f"{number:06}" + "x" * 32_000)
            await asyncio.sleep(0)
            number += 1
        draining = asyncio.create_task(served.hub.drain())
        payloads = await slow.read(lambda _: slow.protocol.close_rcvd is not None)
        await draining
        assert [int(payload[:6]) for payload in payloads] == list(range(number))
        assert slow.protocol.close_rcvd.code == 1012
