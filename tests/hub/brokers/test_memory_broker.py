"""What only the broker in memory can be asked: how much it keeps."""

import re
from pathlib import Path

import pytest
from broker_parts import ROOM, started

from socketscope.hub.brokers.memory import HISTORY_BYTES, HISTORY_MESSAGES, IDLE_SECONDS, Memory, MemoryBroker
from socketscope.hub.message import Envelope

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[3] / "docs"


async def kept(node, first):
    return [found.envelope.payload for found in (await node.broker.history(ROOM, first)).deliveries]


async def test_the_history_is_bounded_by_bytes_the_oldest_go_first_and_who_missed_them_is_told():
    async with started(MemoryBroker(Memory(history=5, history_bytes=10))) as (one,):
        first, second = await one.say("aaaa", "bbbb")
        (third,) = await one.say("cccc")
        assert await kept(one, first) == [b"bbbb", b"cccc"]
        assert (await one.broker.history(ROOM, first)).complete
        await one.say("d" * 10)
        assert await kept(one, third) == [b"d" * 10]
        assert not (await one.broker.history(ROOM, second)).complete
        await one.say("e" * 11)
        assert await kept(one, third) == []
        assert not (await one.broker.history(ROOM, third)).complete
        positions = await one.say("", "", "", "", "", "x")  # messages are bounded as well
        assert await kept(one, first) == [b"", b"", b"", b"", b"x"]
        assert (await one.broker.history(ROOM, positions[0])).complete


async def test_large_messages_are_kept_up_to_what_is_documented():
    async with started(MemoryBroker()) as (one,):
        size = HISTORY_BYTES // 4
        positions = [await one.broker.publish(Envelope(ROOM, b"x" * size)) for _ in range(10)]
        assert await kept(one, positions[0]) == [b"x" * size] * 4


def test_how_much_is_kept_is_documented():
    for page in ("hub.md", "brokers.md"):
        text = " ".join((DOCS / page).read_text("utf-8").split())
        assert re.search(rf"last {HISTORY_MESSAGES} messages,? with at most {HISTORY_BYTES // 2**20} MiB", text), page
        assert f"{IDLE_SECONDS:g} s" in text, page
