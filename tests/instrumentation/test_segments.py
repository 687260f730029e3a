"""The timer of segments: many that are due together do not hold the event loop up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from socketscope.instrumentation import segments
from socketscope.instrumentation.segments import AT_ONCE, MOST_DOUBLINGS, Segments, segment_seconds

MANY = 5 * AT_ONCE + 1


class One:
    """A connection whose segment is due; `turn` counts the turns of the event loop."""

    turn = 0

    def __init__(self) -> None:
        self.due = 0.0
        self.ended: list[int] = []

    def end_segment(self) -> None:
        self.due = float("inf")
        self.ended.append(One.turn)


@pytest.fixture
def looked_after(monkeypatch: pytest.MonkeyPatch) -> Segments:
    monkeypatch.setattr(segments, "EVERY", 0.001)
    monkeypatch.setattr(One, "turn", 0)
    return Segments()


def many(looked_after: Segments) -> list[One]:
    ones = [One() for _ in range(MANY)]
    for one in ones:
        looked_after.add(one)
    return ones


async def turns(until: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not until():
            One.turn += 1
            await asyncio.sleep(0)


@pytest.mark.anyio
async def test_between_some_and_the_next_the_event_loop_goes_round(looked_after: Segments) -> None:
    ones = many(looked_after)
    await turns(lambda: all(one.ended for one in ones))
    assert [len(one.ended) for one in ones] == [1] * MANY
    at_once = Counter(one.ended[0] for one in ones)
    first = min(at_once)
    assert [at_once[turn] for turn in range(first, first + 6)] == [AT_ONCE] * 5 + [1]


@pytest.mark.anyio
async def test_one_that_left_meanwhile_has_no_segment_more(looked_after: Segments) -> None:
    ones = many(looked_after)
    await turns(lambda: any(one.ended for one in ones))
    left = [one for one in ones if not one.ended]
    for one in left:
        looked_after.discard(one)
    assert len(left) == MANY - AT_ONCE

    later = One()
    looked_after.add(later)
    await turns(lambda: later.ended)
    assert not any(one.ended for one in left)


@pytest.mark.anyio
async def test_those_that_came_while_nobody_was_looked_after_are_seen(looked_after: Segments) -> None:
    first, second = One(), One()
    looked_after.add(first)
    await turns(lambda: first.ended)
    looked_after.discard(first)
    await turns(lambda: not looked_after.looks)
    looked_after.add(second)
    await turns(lambda: second.ended)
    assert len(second.ended) == 1


def test_each_segment_is_twice_as_long_as_the_one_before_but_no_number_grows_for_ever() -> None:
    assert [segment_seconds(index) for index in (0, 1, 2, 5)] == [10, 20, 40, 320]
    assert segment_seconds(1_200_000) == segment_seconds(MOST_DOUBLINGS)
