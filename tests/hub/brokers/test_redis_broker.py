"""What only the Redis broker can be asked: its server, its links, its limits."""

import asyncio
import re
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme
from broker_parts import ROOM, eventually, started
from redis import Redis

from redis_process import RedisProcess, required_redis
from socketscope.demo.stack.options import HOST, free_port
from socketscope.errors import BrokerUnavailableError, ConfigurationError
from socketscope.hub.brokers.base import Member
from socketscope.hub.brokers.redis import RedisBroker, RedisOptions
from socketscope.hub.message import Envelope

pytestmark = pytest.mark.anyio

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "brokers.md"
(ACL,) = re.findall("^user app .*$", DOCUMENTATION.read_text("utf-8"), re.MULTILINE)


# Who may connect --------------------------------


async def test_over_tls_with_a_certificate_of_ones_own_authority(tmp_path):
    authority = trustme.CA()
    server = authority.issue_cert(HOST)
    files = SimpleNamespace(authority=tmp_path / "ca.pem", certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    authority.cert_pem.write_to_path(files.authority)
    server.cert_chain_pems[0].write_to_path(files.certificate)
    server.private_key_pem.write_to_path(files.key)
    with RedisProcess(required_redis(), tmp_path, tls=files) as redis:
        async with started(*(RedisBroker(redis.url, ssl_ca_certs=str(files.authority)) for _ in "ab")) as (one, other):
            await other.broker.subscribe(ROOM)
            await one.say("a secret")
            await eventually(lambda: other.receiver.payloads() == [b"a secret"])
        with pytest.raises(BrokerUnavailableError, match="certificate verify failed"):
            await RedisBroker(redis.url, options=RedisOptions(patience=0.5)).start(None)


async def test_with_a_user_who_may_do_what_the_documentation_says_and_nothing_else(tmp_path):
    with RedisProcess(required_redis(), tmp_path, options=(ACL, "user default off")) as redis:
        url = redis.url.replace("//", "//app:s3cret@")
        async with started(RedisBroker(url), RedisBroker(url)) as (one, other):
            await other.broker.subscribe(ROOM)
            (position,) = await one.say("a")
            await eventually(lambda: other.receiver.payloads() == [b"a"])
            assert (await other.broker.history(ROOM, position)).complete
            one.broker.enter(ROOM, Member("1", None, "host", 1.0))
            async with asyncio.timeout(20):
                while len(await other.broker.members(ROOM)) != 1:  # it is told in the background
                    await asyncio.sleep(0.01)
            assert await one.broker.claim("key", 10)
        for wrong in ("app:wrong@", "app:s3cret@"):
            options = RedisOptions(patience=0.5, prefix="socketscope" if "wrong" in wrong else "another")
            with pytest.raises(BrokerUnavailableError) as raised:
                await RedisBroker(redis.url.replace("//", f"//{wrong}"), options=options).start(None)
            assert re.search("no permissions|invalid username-password", str(raised.value))
            assert "s3cret" not in str(raised.value)
            assert redis.url in str(raised.value)


async def test_where_no_server_is_the_start_fails_soon_and_leaves_nothing_behind():
    before = asyncio.all_tasks()
    url = f"redis://app:s3cret@{HOST}:{free_port()}"
    with pytest.raises(BrokerUnavailableError, match="Connect call failed") as raised:
        await RedisBroker(url, options=RedisOptions(patience=0.3)).start(None)
    assert "s3cret" not in str(raised.value)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("url", ["http://app:s3cret@host", "", "host:6379"])
def test_what_is_no_url_of_a_server_is_named_without_its_password(url):
    with pytest.raises(ConfigurationError, match="redis://HOST:PORT") as raised:
        RedisBroker(url)
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"history_messages": 0}, "history_messages"),
        ({"patience": float("inf")}, "patience"),
        ({"prefix": ""}, "prefix"),
        ({"prefix": "a b"}, "prefix"),
        ({"prefix": "a\n"}, "prefix"),
        ({"presence_seconds": 1}, "presence_seconds"),
    ],
)
def test_options_that_can_not_be_used_are_named(options, named):
    with pytest.raises(ConfigurationError, match=f"RedisOptions.{named}"):
        RedisOptions(**options)


# What comes over a link --------------------------------


async def test_a_message_of_a_version_that_is_not_known_is_counted_as_lost_and_the_next_one_arrives(
    redis, redis_options
):
    async with started(*(RedisBroker(redis.url, options=redis_options()) for _ in "ab")) as (one, other):
        await other.broker.subscribe(ROOM)

        class Newer(Envelope):
            def encode(self):
                return b"\xff" + super().encode()[1:]

        await one.broker.publish(Newer(ROOM, b"from the future"))
        await one.say("a")
        await eventually(lambda: other.receiver.payloads() == [b"a"])
        assert (other.counters().lost, other.counters().unreadable, other.counters().received) == (1, 1, 1)
        assert other.receiver.lost_messages == {ROOM: 1}


async def test_what_others_publish_on_a_channel_of_ours_changes_nothing(redis, redis_options):
    async with started(RedisBroker(redis.url, options=redis_options())) as (one,):
        await one.broker.subscribe(ROOM)
        channel = f"{redis_options().prefix}:1:c:{ROOM}"
        for garbage in (b"", b"hello", b"m x", b"m e 1 p one\n", b"q e 1 p 1\n", b"m \xff 1 p 1\n", b"m 1 2 3 4 5\n"):
            assert redis.do("PUBLISH", channel, garbage).startswith(b":1")
        await one.say("a")
        await eventually(lambda: one.receiver.payloads() == [b"a"])
        assert (one.counters().received, one.counters().lost) == (1, 0)


async def test_where_the_history_ends_before_a_message_that_was_told_of_the_reading_ends_too(redis, redis_options):
    async with started(RedisBroker(redis.url, options=redis_options())) as (one,):
        epoch, _ = await one.broker.subscribe(ROOM)
        forged = f"m {epoch} 1000 feed.0 1\n".encode()
        redis.do("PUBLISH", f"{redis_options().prefix}:1:c:{ROOM}", forged)
        await one.say("a")
        await eventually(lambda: one.receiver.payloads() == [b"a"])
        await eventually(lambda: not one.broker._state.subscriptions[ROOM].following.behind)


@pytest.fixture
def entering(redis, redis_options):
    """A process that has a member."""
    program = f"""
import asyncio
from socketscope.hub.brokers.base import Member
from socketscope.hub.brokers.redis import RedisBroker, RedisOptions
async def main():
    broker = RedisBroker({redis.url!r}, options=RedisOptions(prefix={redis_options().prefix!r}, presence_seconds=3))
    await broker.start(None)
    broker.enter({ROOM!r}, Member("1", "ann", "host", 1.0))
    await broker.members({ROOM!r})
    print("entered", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"entered\n"
        yield process
        process.kill()


async def test_members_of_a_process_that_was_killed_are_gone_after_their_time(redis, redis_options, entering):
    async with started(RedisBroker(redis.url, options=redis_options())) as (other,):
        other.broker.enter(ROOM, Member("2", "bob", "host", 2.0))
        assert [member.user for member in await other.broker.members(ROOM)] == ["ann", "bob"]
        entering.kill()
        while [member.user for member in await other.broker.members(ROOM)] != ["bob"]:
            await asyncio.sleep(0.05)
        client, start = Redis.from_url(redis.url), f"{redis_options().prefix}:1:"
        await eventually(lambda: client.zcard(f"{start}nodes") == 1)
        assert len(client.keys(f"{start}m:*:{ROOM}")) == 1, "what it had entered is taken away"


async def test_members_are_entered_again_in_a_server_that_forgot_them(redis, redis_options):
    async with started(*(RedisBroker(redis.url, options=redis_options()) for _ in "ab")) as (one, other):
        one.broker.enter(ROOM, Member("1", "ann", "host", 1.0))
        assert len(await one.broker.members(ROOM)) == 1
        client = Redis.from_url(redis.url)
        client.delete(*client.keys(f"{redis_options().prefix}:*"))
        while not await other.broker.members(ROOM):
            await asyncio.sleep(0.05)


# A link that is dead --------------------------------


class DeafProxy:
    """Passes on what goes between clients and the server; while `deaf`, nothing of what is subscribed."""

    def __init__(self, port):
        self._port = port
        self.deaf = False

    async def handle(self, reader, writer):
        server_reader, server_writer = await asyncio.open_connection(HOST, self._port)
        subscribing = asyncio.Event()

        async def up():
            while data := await reader.read(65536):
                if b"SUBSCRIBE" in data:
                    subscribing.set()
                server_writer.write(data)
                await server_writer.drain()

        async def down():
            while data := await server_reader.read(65536):
                if self.deaf and subscribing.is_set():
                    continue
                writer.write(data)
                await writer.drain()

        tasks = [asyncio.create_task(up()), asyncio.create_task(down())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            server_writer.close()
            writer.close()


@asynccontextmanager
async def proxied(port):
    proxy = DeafProxy(port)
    server = await asyncio.start_server(proxy.handle, HOST, 0)
    async with server:
        yield proxy, server.sockets[0].getsockname()[1]


async def test_subscriptions_that_are_dead_without_a_word_are_noticed_by_the_canary(redis, redis_options):
    async with proxied(redis.port) as (proxy, port):
        deaf = RedisBroker(f"redis://{HOST}:{port}", options=redis_options(answer_seconds=1.0))
        async with started(RedisBroker(redis.url, options=redis_options()), deaf) as (one, other):
            await other.broker.subscribe(ROOM)
            await one.say("a")
            await eventually(lambda: other.receiver.payloads() == [b"a"])
            proxy.deaf = True
            await one.say("b", "c")
            await eventually(lambda: not other.broker.health.connected)
            assert other.receiver.payloads() == [b"a"]
            proxy.deaf = False
            await eventually(lambda: other.receiver.payloads() == [b"a", b"b", b"c"])
            assert (other.counters().received, other.counters().recovered, other.counters().lost) == (1, 2, 0)
            assert other.broker.health.connected


async def test_messages_that_vanish_on_the_way_are_found_by_comparing_positions(redis, redis_options):
    async with started(
        RedisBroker(redis.url, options=redis_options()),
        RedisBroker(redis.url, options=redis_options(audit_seconds=0.1)),
    ) as (one, other):
        await other.broker.subscribe(ROOM)
        client = Redis.from_url(redis.url)
        # A message that the history has and the channel never had.
        (position,) = await one.say("a")
        await eventually(lambda: other.receiver.payloads() == [b"a"])
        prefix = f"{redis_options().prefix}:1"
        client.xadd(f"{prefix}:h:{ROOM}", {"p": "feed.0", "n": 1, "m": Envelope(ROOM, b"b").encode()}, id="0-2")
        client.hset(f"{prefix}:f:{ROOM}", mapping={"top": 2, "p:feed.0": f"1 1 {position.epoch}"})
        await eventually(lambda: other.receiver.payloads() == [b"a", b"b"])
        assert other.receiver.deliveries[-1].recovered


# Waiting --------------------------------


async def test_what_waits_for_the_server_is_bounded_and_refused_with_its_reason(tmp_path):
    options = RedisOptions(waiting_messages=10, waiting_bytes=100_000, patience=0.5, answer_seconds=0.3)
    with RedisProcess(required_redis(), tmp_path) as redis:
        async with started(RedisBroker(redis.url, options=options)) as (one,):
            redis.kill()
            await eventually(lambda: not one.broker.health.connected)
            waiting = [asyncio.create_task(one.broker.publish(Envelope(ROOM, b"x"))) for _ in range(10)]
            await asyncio.sleep(0)
            with pytest.raises(BrokerUnavailableError, match="10 messages wait"):
                await one.broker.publish(Envelope(ROOM, b"x"))
            with pytest.raises(BrokerUnavailableError, match="10 messages wait"):
                await one.broker.publish(Envelope(ROOM, b"y" * 100_001))
            for task in waiting:
                with pytest.raises(BrokerUnavailableError, match="Connect") as raised:
                    await task
                assert not raised.value.in_doubt
            for call in (one.broker.subscribe(ROOM), one.broker.members(ROOM), one.broker.claim("key", 1)):
                with pytest.raises(BrokerUnavailableError, match="Connect"):
                    await call
            redis.again()
            await eventually(lambda: one.broker.health.connected)
            await one.broker.subscribe(ROOM)
            await one.say("z")
            await eventually(lambda: one.receiver.payloads() == [b"z"])
            assert one.broker.telemetry.counters.published == 1


async def test_a_caller_who_gives_up_leaves_the_link_in_order(redis, redis_options):
    async with started(RedisBroker(redis.url, options=redis_options())) as (one,):
        (position,) = await one.say("a")
        for turns in range(8):
            for call in (
                one.broker.history(ROOM, position._replace(offset=0)),
                one.broker.members(ROOM),
                one.broker.claim("key", 60),
                one.broker.publish(Envelope("channel/other", b"x")),
                one.broker.subscribe(f"channel/{turns}"),
            ):
                task = asyncio.create_task(call)
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        history = await one.broker.history(ROOM, position._replace(offset=0))
        assert [found.envelope.payload for found in history.deliveries] == [b"a"]
        assert await one.broker.claim("another", 60) is True
        assert one.broker.health.connected


async def test_a_receiver_that_raises_does_not_end_the_broker(redis, redis_options, caplog):
    async with started(RedisBroker(redis.url, options=redis_options())) as (one,):
        await one.broker.subscribe(ROOM)
        keep, one.receiver.received = one.receiver.received, None
        await one.say("a")
        await eventually(lambda: "mistake" in caplog.text)
        one.receiver.received = keep
        await one.say("b")
        await eventually(lambda: one.receiver.payloads()[-1:] == [b"b"])


# Keys that something else has written --------------------------------


@pytest.mark.parametrize("key", ["h", "f"], ids=["history", "facts"])
async def test_a_key_of_another_type_fails_its_topic_alone_and_until_it_is_gone(redis, redis_options, key):
    options = redis_options()
    client = Redis.from_url(redis.url)
    bad = f"{options.prefix}:1:{key}:channel/bad"
    async with started(RedisBroker(redis.url, options=options), RedisBroker(redis.url, options=options)) as nodes:
        one, other = nodes
        for topic in (ROOM, "channel/bad"):
            await other.broker.subscribe(topic)
            await one.say("before", topic=topic)
        client.set(bad, "x")
        since = [node.broker.health.since for node in nodes]
        attempts = [
            asyncio.ensure_future(one.say(text, topic=topic)) for text in "abc" for topic in ("channel/bad", ROOM)
        ]
        await asyncio.wait(attempts)
        for refused, taken in zip(attempts[::2], attempts[1::2], strict=True):
            with pytest.raises(BrokerUnavailableError, match=f"refuses: .*WRONGTYPE.*{re.escape(bad)}") as raised:
                refused.result()
            assert raised.value.refused
            assert not raised.value.in_doubt
            assert taken.result()
        client.delete(bad)
        await one.say("after", topic="channel/bad")
        await eventually(lambda: other.receiver.payloads("channel/bad") == [b"before", b"after"])
        await eventually(lambda: other.receiver.payloads() == [b"before", b"a", b"b", b"c"])
        assert [node.broker.health.since for node in nodes] == since  # the links stood all the time
        assert one.broker.telemetry.counters.published == 6
        assert not other.receiver.lost_messages
    client.close()


async def test_a_topic_whose_keys_can_not_be_used_can_not_be_subscribed_to_and_disturbs_no_other(redis, redis_options):
    options = redis_options(audit_seconds=0.05)
    client = Redis.from_url(redis.url)
    async with started(RedisBroker(redis.url, options=options)) as (one,):
        await one.broker.subscribe(ROOM)
        await one.broker.subscribe("channel/bad")
        bad = f"{options.prefix}:1:f:channel/bad"
        await one.say("before", topic="channel/bad")
        kept = client.dump(bad)
        client.set(bad, "x")
        since = one.broker.health.since
        client.set(f"{options.prefix}:1:f:channel/worse", "x")
        with pytest.raises(BrokerUnavailableError, match=r"refuses: .*WRONGTYPE"):
            await one.broker.subscribe("channel/worse")
        assert "channel/worse" not in one.broker.ledger()
        client.publish(f"{options.prefix}:1:c:channel/bad", b"m 1 9 feed 9\nx")  # to be read, and it can't be
        await one.say("a")
        await eventually(lambda: one.receiver.payloads() == [b"a"])
        client.restore(bad, 3_600_000, kept, replace=True)
        await one.say("after", topic="channel/bad")
        await eventually(lambda: one.receiver.payloads("channel/bad") == [b"before", b"after"])
        assert one.broker.health.since == since
    client.close()


async def test_a_history_that_can_not_be_read_is_refused(redis, redis_options):
    options = redis_options()
    client = Redis.from_url(redis.url)
    async with started(RedisBroker(redis.url, options=options)) as (one,):
        (first,) = await one.say("a", topic="channel/bad")
        since = one.broker.health.since
        client.set(f"{options.prefix}:1:f:channel/bad", "x")
        with pytest.raises(BrokerUnavailableError, match=r"refuses: .*WRONGTYPE.*f:channel/bad") as raised:
            await one.broker.history("channel/bad", first)
        assert raised.value.refused
        assert one.broker.health.since == since
    client.close()


def member(name):
    return Member(name, name, "host", 1.0)


async def names_in(node, topic):
    return [one.connection for one in await node.broker.members(topic)]


@pytest.mark.parametrize("key", ["m:channel/bad", "m:*:channel/bad"], ids=["nodes", "members of a node"])
async def test_members_whose_key_is_of_another_type_are_refused_alone_and_until_it_is_gone(redis, redis_options, key):
    options = redis_options(audit_seconds=0.05)
    client = Redis.from_url(redis.url, decode_responses=True)
    async with started(*(RedisBroker(redis.url, options=options) for _ in "ab")) as (one, other):
        one.broker.enter("channel/bad", member("ann"))
        assert await names_in(one, "channel/bad") == ["ann"]
        since = [node.broker.health.since for node in (one, other)]
        (bad,) = client.scan_iter(f"{options.prefix}:1:{key}", count=10_000)
        client.set(bad, "x")
        one.broker.enter("channel/bad", member("bob"))
        one.broker.leave("channel/bad", "ann")
        one.broker.enter(ROOM, member("bob"))
        with pytest.raises(BrokerUnavailableError, match=f"refuses: .*WRONGTYPE.*{re.escape(bad)}") as raised:
            await one.broker.members("channel/bad")
        assert raised.value.refused
        with pytest.raises(BrokerUnavailableError, match=re.escape(f"({bad})")) as raised:
            await other.broker.members("channel/bad")
        assert str(raised.value).count("channel/bad") == 1  # the other keys are in order: they are not to be deleted
        assert await names_in(one, ROOM) == ["bob"]
        assert await names_in(other, ROOM) == ["bob"]
        assert await one.say("still published", topic="channel/bad")
        client.delete(bad)
        assert await names_in(one, "channel/bad") == ["bob"]
        client.set(bad, "x")
        one.broker.enter("channel/bad", member("cid"))
        with pytest.raises(BrokerUnavailableError):
            await one.broker.members("channel/bad")
        client.delete(bad)
        await eventually(lambda: client.exists(bad))  # told again without being asked
        for node in (one, other):
            assert await names_in(node, "channel/bad") == ["bob", "cid"]
        assert [node.broker.health.since for node in (one, other)] == since  # the links stood all the time
    client.close()


@pytest.mark.parametrize("key", ["m:channel/bad", "m:*:channel/bad"], ids=["nodes", "members of a node"])
async def test_members_whose_key_was_found_to_be_of_another_type_are_told_again(redis, redis_options, key):
    options = redis_options()
    client = Redis.from_url(redis.url, decode_responses=True)
    async with started(RedisBroker(redis.url, options=options)) as (one,):
        one.broker.enter("channel/bad", member("ann"))
        assert await names_in(one, "channel/bad") == ["ann"]
        (bad,) = client.scan_iter(f"{options.prefix}:1:{key}", count=10_000)
        client.set(bad, "x")  # and nobody comes or goes, so that nothing is refused but the question
        with pytest.raises(BrokerUnavailableError, match="WRONGTYPE"):
            await one.broker.members("channel/bad")
        client.delete(bad)
        assert await names_in(one, "channel/bad") == ["ann"]
    client.close()


async def test_what_a_vanished_node_left_in_such_a_key_does_not_disturb_who_clears_it_away(redis, redis_options):
    options = redis_options()
    client = Redis.from_url(redis.url, decode_responses=True)
    start = f"{options.prefix}:1:"
    async with started(RedisBroker(redis.url, options=options)) as (one,):
        since = one.broker.health.since
        client.set(f"{start}m:channel/bad", "x")
        client.sadd(f"{start}n:gone", "channel/bad")
        client.zadd(f"{start}nodes", {"gone": 1})
        await eventually(lambda: client.zscore(f"{start}nodes", "gone") is None)
        assert one.broker.health.connected
        assert one.broker.health.since == since
    client.close()


async def test_a_server_that_is_started_again_with_such_a_key_is_linked_to(tmp_path):
    with RedisProcess(required_redis(), tmp_path, appendonly=True) as redis:
        async with started(RedisBroker(redis.url)) as (one,):
            for topic in (ROOM, "channel/bad"):
                await one.broker.subscribe(topic)
                await one.say("before", topic=topic)
            redis.do("SET", "socketscope:1:f:channel/bad", "x")
            redis.kill()
            await eventually(lambda: not one.broker.health.connected)
            redis.again()
            await eventually(lambda: one.broker.health.connected)
            with pytest.raises(BrokerUnavailableError, match=r"refuses: .*WRONGTYPE"):
                await one.say("refused", topic="channel/bad")
            await one.say("after")
            await eventually(lambda: one.receiver.payloads() == [b"before", b"after"])
