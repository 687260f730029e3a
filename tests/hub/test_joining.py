"""Many join a channel that nobody is in while the broker answers late, or not at all."""

import asyncio
import contextlib

import pytest
from broker_parts import eventually

from socketscope.errors import BrokerUnavailableError
from socketscope.hub import Hub
from socketscope.hub.brokers.memory import MemoryBroker
from socketscope.testing import AsgiClient

pytestmark = pytest.mark.anyio
MANY = 6


class SlowBroker(MemoryBroker):
    """Answers one subscription at a time, when it is told how."""

    def __init__(self):
        super().__init__()
        self.asked, self.answers = 0, asyncio.Queue()

    async def subscribe(self, topic):
        self.asked += 1
        if (error := await self.answers.get()) is not None:
            raise error
        return await super().subscribe(topic)


class Room:
    """An application whose clients all join one channel; keeps what came of it."""

    def __init__(self, hub):
        self.hub, self.waiting, self.outcomes = hub, 0, []

    async def __call__(self, scope, receive, send):
        async with self.hub.connect((scope, receive, send)) as client:
            self.waiting += 1
            try:
                await client.subscribe("room")
            except BrokerUnavailableError as error:
                self.outcomes.append(str(error))
                return
            self.outcomes.append("joined")
            async for _ in client:
                pass


def unavailable(why):
    return BrokerUnavailableError("slow", why)


async def join(stack, room, number):
    so_far = room.waiting
    for _ in range(number):
        await stack.enter_async_context(AsgiClient(room))
    await eventually(lambda: room.waiting == so_far + number)


async def test_all_who_wait_are_refused_with_the_first_and_who_comes_later_asks_again():
    async with contextlib.AsyncExitStack() as stack:
        hub = await stack.enter_async_context(Hub(broker := SlowBroker()))
        room = Room(hub)
        await join(stack, room, MANY)
        broker.answers.put_nowait(unavailable("first"))
        await eventually(lambda: len(room.outcomes) == MANY)
        assert broker.asked == 1
        assert set(room.outcomes) == {str(unavailable("first"))}

        await join(stack, room, 1)
        broker.answers.put_nowait(None)
        await eventually(lambda: room.outcomes[MANY:] == ["joined"])
        assert broker.asked == 2
        await hub.publish("room", "x")
        hub.check()


async def test_who_comes_while_it_is_asked_again_shares_the_second_answer():
    async with contextlib.AsyncExitStack() as stack:
        hub = await stack.enter_async_context(Hub(broker := SlowBroker()))
        room = Room(hub)
        await join(stack, room, 1)
        broker.answers.put_nowait(unavailable("first"))
        await eventually(lambda: room.outcomes)
        await join(stack, room, MANY)
        broker.answers.put_nowait(None)
        await eventually(lambda: room.outcomes[1:] == ["joined"] * MANY)
        assert broker.asked == 2
        assert hub.subscribers("room") == MANY


async def test_when_the_first_gives_up_the_next_asks():
    async with contextlib.AsyncExitStack() as stack:
        hub = await stack.enter_async_context(Hub(broker := SlowBroker()))
        room = Room(hub)
        hurried = asyncio.timeout(None)

        async def gives_up(scope, receive, send):
            with contextlib.suppress(TimeoutError):
                async with hurried:
                    await room(scope, receive, send)

        await stack.enter_async_context(AsgiClient(gives_up))
        await eventually(lambda: broker.asked == 1)
        await join(stack, room, MANY)
        hurried.reschedule(0)
        await eventually(lambda: broker.asked == 2)
        broker.answers.put_nowait(None)
        await eventually(lambda: room.outcomes == ["joined"] * MANY)
        assert hub.subscribers("room") == MANY
