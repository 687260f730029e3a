"""How the block of a client ends that is cut off where the server gives no access to its transport."""

import asyncio
import contextlib

import pytest
from tests.hub.servers import until

from socketscope.errors import ClientGoneError, HubError, LimitExceededError, RefusedError
from socketscope.hub import Hub, Limits
from socketscope.hub.brokers.memory import MemoryBroker
from socketscope.testing import AsgiClient

pytestmark = pytest.mark.anyio

LIMITS = Limits(queue_messages=2, channels=1, close_seconds=0.05, stalled_seconds=0)


class StuckClient(AsgiClient):
    """Takes nothing but the accept."""

    async def _take(self, message):
        if message["type"] != "websocket.accept":
            await asyncio.Event().wait()
        await super()._take(message)


class Story:
    """A handler whose `block` is in the hub's, and what it came to: what it `raised`, and what went on behind."""

    def __init__(self, hub, block, *, around=contextlib.nullcontext):
        self.hub = hub
        self.block = block
        self.around = around
        self.raised = None
        self.entered = self.behind = False
        self.cancelling = 0
        self.task = None

    async def app(self, scope, receive, send):
        self.task = asyncio.current_task()
        before = self.task.cancelling()
        try:
            async with self.around(), self.hub.connect((scope, receive, send)) as client:
                await client.subscribe("room")
                self.entered = True
                await self.block(client)
        except (HubError, ZeroDivisionError, TimeoutError, asyncio.CancelledError) as error:
            self.raised = error
        self.cancelling = self.task.cancelling() - before
        for _ in range(3):
            await asyncio.sleep(0)
        self.behind = True

    async def told(self, *, meanwhile=None):
        async with StuckClient(self.app) as client:
            if meanwhile is not None:
                await until(lambda: self.entered)
                meanwhile(self)
            await asyncio.wait_for(client.finished(), 20)
        assert client.error is None
        assert self.behind
        assert self.cancelling == isinstance(self.raised, asyncio.CancelledError)
        assert not self.hub.clients
        self.hub.check()
        return type(self.raised)


@pytest.fixture
async def hub():
    async with Hub(limits=LIMITS) as hub:
        yield hub


def send_too_much(client):
    while client.open:
        client.send("x")


async def publish_too_much(client):
    while client.open:
        await client.publish("room", "x")


def cut_in_the_next_round(client):
    asyncio.get_running_loop().call_soon(client.cut, 1008, "enough")


async def test_a_handler_that_cuts_its_own_client_off_goes_on_behind_the_block(hub):
    async def sends(client):
        send_too_much(client)

    async def receives(client):
        send_too_much(client)
        async for _ in client:
            pass

    for block in (sends, receives, publish_too_much):
        assert await Story(hub, block).told() is type(None)


async def test_a_handler_that_waits_is_ended_by_its_client_s_cut(hub):
    async def waits(client):
        cut_in_the_next_round(client)
        await asyncio.Event().wait()

    async def sends_and_waits(client):
        send_too_much(client)
        await asyncio.Event().wait()

    async def cleans_up(client):
        try:
            await sends_and_waits(client)
        finally:
            await asyncio.sleep(0)

    for block in (waits, sends_and_waits, cleans_up):
        assert await Story(hub, block).told() is type(None)


async def test_a_handler_that_makes_nothing_of_its_end_is_free_of_it(hub):
    async def swallows(client):
        send_too_much(client)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    assert await Story(hub, swallows).told() is type(None)


async def test_an_error_of_a_block_whose_client_is_cut_off_is_raised(hub):
    async def refused(client):
        send_too_much(client)
        raise RefusedError("it", 4003, "so there")

    async def limited_while_something_waits(client):
        client.send("x")
        await client.subscribe("another")

    async def limited_instead_of_ended(client):
        send_too_much(client)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LimitExceededError("channels", 1) from None

    async def broken(client):
        send_too_much(client)
        raise ZeroDivisionError

    for block, error in (
        (refused, RefusedError),
        (limited_while_something_waits, LimitExceededError),
        (limited_instead_of_ended, LimitExceededError),
        (broken, ZeroDivisionError),
    ):
        assert await Story(hub, block).told() is error


async def test_a_block_that_closed_its_client_and_is_over_is_not_ended_by_the_cut(hub):
    async def closes(client):
        client.send("x")
        client.close(4000)

    assert await Story(hub, closes).told() is type(None)


async def test_who_cancels_the_handler_at_the_moment_of_the_cut_is_heard(hub):
    async def waits(_):
        await asyncio.Event().wait()

    async def cut_first(client):
        send_too_much(client)
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    async def cancelled_first(client):
        asyncio.current_task().cancel()
        send_too_much(client)
        await asyncio.sleep(0)

    async def no_wait(client):
        send_too_much(client)
        asyncio.current_task().cancel()

    for block in (cut_first, cancelled_first):
        assert await Story(hub, block).told() is asyncio.CancelledError

    def both(story):
        [client] = hub.clients.values()
        story.task.cancel()
        client.cut(1008, "enough")

    def both_later(story):
        [client] = hub.clients.values()
        client.cut(1008, "enough")
        asyncio.get_running_loop().call_soon(story.task.cancel)

    for meanwhile in (both, both_later):
        assert await Story(hub, waits).told(meanwhile=meanwhile) is asyncio.CancelledError

    # Whose cancellation has found no place in the block yet finds it behind.
    async with StuckClient(Story(hub, no_wait).app) as client:
        await client.finished()
    assert isinstance(client.error, asyncio.CancelledError)


async def test_a_time_limit_around_the_block_that_ends_with_the_cut_is_one(hub):
    async def both(client):
        send_too_much(client)
        await asyncio.Event().wait()

    assert await Story(hub, both, around=lambda: asyncio.timeout(0)).told() is TimeoutError


async def test_a_client_that_is_cut_off_before_its_block_began_never_begins_it():
    class SlowBroker(MemoryBroker):
        async def subscribe(self, topic):
            await asyncio.sleep(0)
            [client] = hub.clients.values()
            client.cut(1008, "enough")
            await asyncio.sleep(0)
            return await super().subscribe(topic)

    raised = []

    async def app(scope, receive, send):
        try:
            async with hub.connect((scope, receive, send), user="ann"):
                raised.append("began")
        except ClientGoneError as error:
            raised.append(error.code)
        await asyncio.sleep(0)
        raised.append("went on")

    async with Hub(SlowBroker()) as hub, AsgiClient(app) as client:
        await client.finished()
    assert (client.error, raised) == (None, [1008, "went on"])
