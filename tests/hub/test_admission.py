"""What happens while a client is on its way in: the hub drains, or the client leaves."""

import asyncio
import re

import litestar
import pytest
import starlette.websockets

from socketscope.errors import ClientGoneError, ConfigurationError, RefusedError
from socketscope.hub import Access, Hub, Identity
from socketscope.testing import AsgiClient, capture

pytestmark = pytest.mark.anyio


class Slow:
    """Hooks that decide when they are told to."""

    def __init__(self):
        self.asked, self.decide = asyncio.Event(), asyncio.Event()

    async def connect(self, handshake):
        self.asked.set()
        await self.decide.wait()
        return Identity("ann")

    async def authenticate(self, message):
        return Identity(message)


class Endpoint:
    """Takes connections into a hub, and keeps what `hub.connect` raised."""

    def __init__(self, hub, socket=tuple):
        self.hub, self.socket = hub, socket
        self.raised = self.entered = None

    async def __call__(self, scope, receive, send):
        try:
            async with self.hub.connect(self.socket((scope, receive, send))) as client:
                self.entered = client
                async for _ in client:
                    pass
        except Exception as error:
            self.raised = error
            raise


@pytest.mark.parametrize("hook", ["connect", "authenticate"])
async def test_a_hub_that_drains_lets_in_nobody_whose_handshake_has_begun(hook):
    hooks = Slow()
    hub = Hub(access=Access(**{hook: getattr(hooks, hook)}))
    await hub.start()
    endpoint = Endpoint(hub)
    client = AsgiClient(endpoint)
    async with client:
        if hook == "connect":
            await hooks.asked.wait()
        else:
            await client.accepted()
        await hub.drain()
        hooks.decide.set()
        if hook == "connect":
            await client.accepted()
        await client.send_text("ann")
        closed = await client.receive()
        await client.finished()
    assert (closed["type"], closed["code"]) == ("websocket.close", 1012)
    assert closed["reason"].startswith("retry-after=")
    assert isinstance(endpoint.raised, RefusedError)
    assert (endpoint.entered, hub.clients) == (None, {})
    await hub.stop()


def left_unanswered(app):
    """The server's side of a client that leaves while the application decides, as uvicorn and ASGI tell it."""

    async def served(scope, receive, _):
        async def send(message):
            raise OSError("the client is gone")

        await app(scope, receive, send)

    return served


def starlette_socket(asgi):
    return starlette.websockets.WebSocket(*asgi)


def litestar_socket(asgi):
    return litestar.WebSocket(*asgi)


sockets = pytest.mark.parametrize("socket", [tuple, starlette_socket, litestar_socket])


@sockets
async def test_a_client_that_leaves_while_a_hook_decides_is_gone(socket):
    hooks = Slow()
    with capture() as captured:
        async with Hub(access=Access(connect=hooks.connect), telemetry=captured.telemetry) as hub:
            endpoint = Endpoint(hub, socket)
            async with AsgiClient(left_unanswered(captured.watch(endpoint))) as client:
                await hooks.asked.wait()
                hooks.decide.set()
    assert isinstance(client.error, ClientGoneError)
    assert endpoint.raised.code == 1006
    assert abandoned(captured)


@sockets
async def test_a_client_that_leaves_before_its_first_message_is_gone(socket):
    with capture() as captured:
        async with Hub(access=Access(authenticate=Slow().authenticate), telemetry=captured.telemetry) as hub:
            endpoint = Endpoint(hub, socket)
            async with AsgiClient(captured.watch(endpoint)) as client:
                await client.accepted()
                client.disconnect(4001, "never mind")
                await client.finished()
    assert isinstance(endpoint.raised, ClientGoneError)
    assert (endpoint.raised.code, endpoint.raised.reason) == (4001, "never mind")
    assert captured.event_names() == ["websocket.connection.opened", "websocket.connection.closed"]


@sockets
async def test_a_client_of_which_nothing_but_its_departure_is_heard_is_gone(socket):
    scope = AsgiClient(None).scope
    told = asyncio.Queue()
    told.put_nowait({"type": "websocket.disconnect", "code": 1006})

    async def send(message):
        pytest.fail(f"{message} to a client that is gone")

    with capture() as captured:
        async with Hub(telemetry=captured.telemetry) as hub:
            endpoint = Endpoint(hub, socket)
            with pytest.raises(ClientGoneError):
                await captured.watch(endpoint)(scope, told.get, send)
    assert isinstance(endpoint.raised, ClientGoneError)
    assert endpoint.raised.code == 1006
    assert abandoned(captured)


def abandoned(captured):
    outcome = {"websocket.handshake.outcome": "abandoned"}
    assert captured.value("websocket.server.handshakes", **outcome) == captured.value("websocket.server.handshakes")
    return captured.value("websocket.server.handshakes") == 1 and captured.event_names() == []


async def name_alone(handshake):
    return "ann"


@pytest.mark.parametrize(
    ("hook", "told"), [(lambda _: Identity("ann"), "make it an async function"), (name_alone, "an Identity, or None")]
)
async def test_a_hook_that_is_none_is_told_so(hook, told):
    async with Hub(access=Access(connect=hook)) as hub, AsgiClient(Endpoint(hub)) as client:
        await client.finished()
    assert isinstance(client.error, ConfigurationError)
    assert "Access.connect" in str(client.error)
    assert told in str(client.error)


@sockets
@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("again", ["the same hub", "another hub"])
async def test_a_connection_that_is_in_a_hub_is_refused_and_stays(socket, watched, again):
    async def app(scope, receive, send):
        same = socket((scope, receive, send))
        async with hub.connect(same, user="ann") as client:
            await client.subscribe("room")
            with pytest.raises(RuntimeError, match="in a hub already"):
                async with (hub if again == "the same hub" else other).connect(same, user="ann"):
                    raise AssertionError
            refused.append(client.open)
            async for _ in client:
                pass

    refused = []
    with capture() as captured:
        async with Hub(telemetry=captured.telemetry) as hub, Hub(telemetry=captured.telemetry) as other:
            async with AsgiClient(captured.watch(app) if watched else app) as client:
                await client.accepted()
                await hub.publish("room", "still there")
                assert await client.receive_text() == "still there"
                assert [member.user for member in await hub.presence("room")] == ["ann"]
                client.disconnect()
                await client.finished()
            hub.check()
    assert (client.error, refused, hub.clients) == (None, [True], {})


async def test_a_connection_that_has_left_a_hub_can_enter_another():
    users = []

    async def app(scope, receive, send):
        same = starlette_socket((scope, receive, send))
        for user in ("ann", "bob"):
            async with Hub() as hub, hub.connect(same, user=user) as client:
                users.append(client.user)

    async with AsgiClient(app) as client:
        await client.accepted()
        await client.finished()
    assert (client.error, users) == (None, ["ann", "bob"])


async def test_a_connection_whose_handshake_is_under_way_is_not_taken_in_beside_it():
    hooks = Slow()
    refused = []

    async def app(scope, receive, send):
        same = (scope, receive, send)
        first = asyncio.ensure_future(Endpoint(hub)(*same))
        await hooks.asked.wait()
        with pytest.raises(RuntimeError, match="in a hub already") as error:
            async with hub.connect(same):
                raise AssertionError
        refused.append(error.value)
        hooks.decide.set()
        await first

    async with Hub(access=Access(connect=hooks.connect)) as hub, AsgiClient(app) as client:
        await client.accepted()
        client.disconnect()
        await client.finished()
    assert (client.error, len(refused)) == (None, 1)


class Undecided:
    """Hooks for joining and publishing that never answer, or fail by a deadline of their own."""

    def __init__(self):
        self.cancelled = []

    async def never(self, *asked):
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.append(asked[1])

    async def own_deadline(self, *_):
        raise TimeoutError("the database")


@pytest.mark.parametrize(("hook", "what"), [("subscribe", "joining"), ("publish", "publishing in")])
async def test_a_hook_that_does_not_decide_in_time_refuses(hook, what):
    hooks = Undecided()

    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send)) as client:
            if hook == "publish":
                await client.publish("room", "x")
            else:
                await client.subscribe("room")

    access = Access(deadline=0.01, **{hook: hooks.never})
    async with Hub(access=access) as hub, AsgiClient(app) as client:
        await client.accepted()
        closed = await client.receive()
        await client.finished()
    assert (closed["code"], closed["reason"]) == (3008, "not decided in time")
    assert isinstance(client.error, RefusedError)
    assert f"{what} 'room'" in str(client.error)
    assert hooks.cancelled == ["room"]


@pytest.mark.parametrize("hook", ["subscribe", "publish"])
async def test_a_deadline_of_a_hook_s_own_is_raised_as_it_is(hook):
    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send)) as client:
            with pytest.raises(TimeoutError, match="the database"):
                await getattr(client, hook)(*("room", "x")[: 2 if hook == "publish" else 1])

    async with Hub(access=Access(**{hook: Undecided().own_deadline})) as hub, AsgiClient(app) as client:
        await client.finished()
    assert client.error is None


@pytest.mark.parametrize("code", [1005, 5000, "4003"])
async def test_a_code_of_a_hook_s_that_no_frame_can_have_is_1008(code):
    async def subscribe(client, channel):
        raise RefusedError(f"joining {channel}", code, "members only")

    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send)) as client:
            await client.subscribe("room")

    async with Hub(access=Access(subscribe=subscribe)) as hub, AsgiClient(app) as client:
        await client.accepted()
        closed = await client.receive()
        await client.finished()
    assert (closed["code"], closed["reason"]) == (1008, "members only")


@pytest.mark.parametrize("answer", ["no", None, 1])
async def test_a_hook_that_answers_neither_true_nor_false_is_named(answer):
    async def subscribe(_client, _channel):
        return answer

    async def app(scope, receive, send):
        async with hub.connect((scope, receive, send)) as client:
            await client.subscribe("room")

    async with Hub(access=Access(subscribe=subscribe)) as hub, AsgiClient(app) as client:
        await client.accepted()
        await client.finished()
    assert isinstance(client.error, ConfigurationError)
    assert re.search(r"what Access\.subscribe gives.*True or False", str(client.error))
