import json

import pytest
from broker_parts import eventually

from socketscope.errors import ConfigurationError, MessageTooLargeError
from socketscope.hub import Access, ChannelOptions, Disconnect, DropOldest, Hub, Identity, Limits, Tickets
from socketscope.hub.brokers.memory import MemoryBroker
from socketscope.hub.brokers.redis import RedisBroker, RedisOptions
from socketscope.testing import AsgiClient, capture

pytestmark = pytest.mark.anyio

SECRET = "long enough for a secret"
WRONG = [
    ("Access.origins", lambda: Access(origins="https://example.com")),
    ("Access.origins", lambda: Access(origins=5)),
    ("Access.origins", lambda: Access(origins=[5])),
    ("Access.deadline", lambda: Access(deadline=0)),
    ("Access.deadline", lambda: Access(deadline="10")),
    ("Access.deadline", lambda: Access(deadline=None)),
    ("Access.deadline", lambda: Access(deadline=10**400)),
    ("Limits.stalled_seconds", lambda: Limits(stalled_seconds=1e300)),
    ("Access.connect", lambda: Access(connect=5)),
    ("secret", lambda: Tickets(MemoryBroker(), "short")),
    ("secret", lambda: Tickets(MemoryBroker(), None)),
    ("seconds", lambda: Tickets(MemoryBroker(), SECRET, seconds=0)),
    ("seconds", lambda: Tickets(MemoryBroker(), SECRET, seconds="30")),
    ("Limits.rate", lambda: Limits(rate=-1)),
    ("Limits.user_rate", lambda: Limits(user_rate="20")),
    ("Limits.channels", lambda: Limits(channels=0)),
    ("Limits.queue_messages", lambda: Limits(queue_messages=1.5)),
    ("Limits.message_bytes", lambda: Limits(message_bytes=2000, queue_bytes=1000)),
    ("ChannelOptions.policy", lambda: ChannelOptions(DropOldest)),
    ("Disconnect.code", lambda: Disconnect(1005)),
    ("Disconnect.code", lambda: Disconnect(5000)),
    ("Disconnect.code", lambda: Disconnect("1008")),
    ("Disconnect.reason", lambda: Disconnect(4000, "ä" * 62)),
    ("Disconnect.reason", lambda: Disconnect(4000, None)),
    ("Disconnect.reason", lambda: Disconnect(4000, "\ud800")),
    ("Hub(broker)", lambda: Hub("redis://localhost")),
    ("Hub(broker)", lambda: Hub("")),
    ("Hub(broker)", lambda: Hub(MemoryBroker)),
    ("Hub(limits)", lambda: Hub(limits={"rate": 20})),
    ("Hub(access)", lambda: Hub(access=print)),
    ("Hub(channels)", lambda: Hub(channels=["room-*"])),
    ("Hub(channels)", lambda: Hub(channels=ChannelOptions())),
    ("Hub(channels)", lambda: Hub(channels={7: ChannelOptions()})),
    ("Hub(channels)['a']", lambda: Hub(channels={"a": DropOldest()})),
    ("Hub(reconnect_seconds)", lambda: Hub(reconnect_seconds=-1)),
    ("Hub(reconnect_seconds)", lambda: Hub(reconnect_seconds="5")),
    ("Hub(audit_seconds)", lambda: Hub(audit_seconds=float("inf"))),
    ("Hub(audit_seconds)", lambda: Hub(audit_seconds=True)),
    ("RedisOptions.patience", lambda: RedisOptions(patience="5")),
    ("RedisOptions.prefix", lambda: RedisOptions(prefix=None)),
    ("RedisOptions.history_messages", lambda: RedisOptions(history_messages=0.5)),
    ("RedisOptions.waiting_bytes", lambda: RedisOptions(waiting_bytes=True)),
    ("RedisBroker(options)", lambda: RedisBroker("redis://localhost", options={"patience": 5})),
    ("MemoryBroker(memory)", lambda: MemoryBroker(5)),
    ("MemoryBroker(message_bytes)", lambda: MemoryBroker(message_bytes="1 MiB")),
    ("Hub(telemetry)", lambda: Hub(telemetry=5)),
]


@pytest.mark.parametrize(("setting", "make"), WRONG, ids=[setting for setting, _ in WRONG])
def test_a_setting_that_can_not_be_used_is_named(setting, make):
    with pytest.raises(ConfigurationError) as error:
        make()
    assert error.value.setting == setting


def test_a_url_that_is_given_for_a_broker_is_not_told_with_its_password():
    with pytest.raises(ConfigurationError, match=r"RedisBroker\(url\)") as error:
        Hub("redis://:s3cret@localhost")
    assert "s3cret" not in str(error.value)


async def test_what_is_published_is_checked_before_anything_happens():
    with capture() as captured:
        async with Hub(limits=Limits(message_bytes=10, queue_bytes=10), telemetry=captured.telemetry) as hub:
            for name in ("", "x" * 257, "\ud800", 7):
                with pytest.raises(ValueError, match="name of a channel"):
                    await hub.publish(name, "x")
            with pytest.raises(ValueError, match="name of a user"):
                await hub.publish_to_user("", "x")
            with pytest.raises(MessageTooLargeError) as error:
                await hub.publish("room", "x" * 11)
            assert (error.value.size, error.value.allowed) == (11, 10)
            with pytest.raises(TypeError):
                await hub.publish("room", {"no": object()})
            for key in (5, b"key", "", "x" * 257, "\ud800", ["key"]):
                with pytest.raises(ValueError, match="a key "):
                    await hub.publish("room", "x", key=key)
            for number in (float("nan"), float("inf")):
                with pytest.raises(ValueError, match="JSON"):
                    await hub.publish("room", [number])
            for code in (0, 999, 1005, 1006, 1015, 2000, 5000, "1000"):
                with pytest.raises(ValueError, match="close code"):
                    await hub.disconnect("ann", code)
            with pytest.raises(ValueError, match="reason of a close"):
                await hub.disconnect("ann", 4000, "ä" * 62)
            with pytest.raises(ValueError, match="reason of a close"):
                await hub.disconnect("ann", 4000, None)
            with pytest.raises(TypeError, match="FastAPI or Litestar"):
                async with hub.connect("no socket"):
                    pass


@pytest.mark.parametrize("expires", [float("nan"), "tomorrow", True, b"1"])
async def test_what_is_no_time_is_refused_before_anybody_is_let_in_for_it(expires):
    with pytest.raises(ValueError, match="epoch seconds"):
        Identity("ann", expires)
    with pytest.raises(ValueError, match="epoch seconds"):
        Tickets(MemoryBroker(), "long enough for a secret").issue("ann", expires=expires)
    called = []

    async def app(scope, receive, send):
        with pytest.raises(ValueError, match="epoch seconds"):
            async with hub.connect((scope, receive, send), expires=expires):
                called.append("let in")
        async with hub.connect((scope, receive, send)) as client:
            with pytest.raises(ValueError, match="epoch seconds"):
                client.renew(expires)
            called.append("refused")

    async with Hub() as hub, AsgiClient(app) as client:
        await client.finished()
    assert (client.error, called) == (None, ["refused"])


async def test_a_time_that_never_comes_is_none():
    never = float("inf")
    assert Identity("ann", never).expires is None

    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send), expires=never) as client:
            client.renew(never)
            async for _ in client:
                pass

    async with Hub(broker := MemoryBroker()) as hub:
        tickets = Tickets(broker, "long enough for a secret")
        assert await tickets.redeem(tickets.issue("ann", expires=never)) == Identity("ann")
        async with AsgiClient(app) as client:
            await client.accepted()
    assert client.error is None


async def test_options_of_channels_are_not_those_of_users_of_the_same_name():
    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send), user="room-7") as client:
            await client.subscribe("room-7")
            await client.receive()

    async with Hub(channels={"*": ChannelOptions(positions=True)}) as hub, AsgiClient(app) as client:
        await client.accepted()
        await eventually(lambda: hub.subscribers("room-7"))
        await hub.publish_to_user("room-7", {"notice": "hi"})
        await hub.publish("room-7", "hello")
        assert json.loads(await client.receive_text()) == {"notice": "hi"}
        assert json.loads(await client.receive_text()).keys() == {"channel", "epoch", "offset", "data"}
