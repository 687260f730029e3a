"""What one process makes of what comes to it; the rest is tested with the real scripts (test_redis_accounting.py)."""

import pytest

from socketscope.hub.brokers.redis.following import PUBLISHERS, Following
from socketscope.hub.brokers.redis.wire import Entry, Frame, Page, Publisher, Standing
from socketscope.hub.message import Position

FIRST, SECOND = "00000000000001", "00000000000002"


def page(epoch, top, publishers=None, entries=(), *, more=False):
    return Page(epoch, top, publishers or {}, entries, more)


def frame(epoch, offset, number, *, publisher="p.0", earlier=None, note=False):
    return Frame(note, Position(epoch, offset), publisher, number, earlier, b"" if note else b"%d" % number)


def opened(epoch=FIRST, top=0, publishers=None):
    following = Following()
    following.open(page(epoch, top, publishers))
    return following


def test_what_is_next_is_handed_over():
    following = opened(top=5, publishers={"p.0": Publisher(1, 5, FIRST, None)})
    step = following.take(frame(FIRST, 6, 6))
    assert (step.message, step.position, step.lost, step.recovered, step.duplicate) == (
        b"6",
        Position(FIRST, 6),
        0,
        False,
        False,
    )


def test_what_came_before_it_was_opened_is_not_due():
    following = opened(top=5, publishers={"p.0": Publisher(1, 5, FIRST, None)})
    assert following.take(frame(FIRST, 5, 5)).duplicate


def test_a_gap_is_read_and_what_arrives_in_the_meantime_is_not_handed_over_twice():
    following = opened(top=0)
    assert following.take(frame(FIRST, 3, 3)) is None
    assert following.behind
    assert following.take(frame(FIRST, 4, 4)) is None
    entries = [Entry(number, "p.0", number, b"%d" % number) for number in range(1, 4)]
    steps = list(following.catch_up(page(FIRST, 3, {"p.0": Publisher(1, 3, FIRST, None)}, entries)))
    assert [step.message for step in steps] == [b"1", b"2", b"3"]
    assert all(step.recovered for step in steps)
    assert following.behind, "the fourth was noted, and has not been read"
    steps = list(following.catch_up(page(FIRST, 4, {"p.0": Publisher(1, 4, FIRST, None)}, [Entry(4, "p.0", 4, b"4")])))
    assert [step.message for step in steps] == [b"4"]
    assert not following.behind
    assert following.take(frame(FIRST, 5, 5)).message == b"5"


def test_what_an_epoch_that_is_older_than_the_opening_had_is_not_due_though_it_is_told_later():
    # The server was started again, and what it has is older than what it had said to have taken: 5 of 7.
    kept = {"p.0": Publisher(1, 5, FIRST, None)}
    told = {"p.0": Publisher(1, 7, FIRST, None)}
    standing = Standing(7, ((FIRST, 1),))
    one, other = opened(SECOND, 5, kept), opened(SECOND, 5, kept)
    assert one.take(frame(SECOND, 5, 7, earlier=standing, note=True)).lost == 0
    other.fall_behind()
    assert list(other.catch_up(page(SECOND, 5, told))) == []
    for following in (one, other):
        step = following.take(frame(SECOND, 6, 8))
        assert (step.lost, step.message) == (0, b"8")


@pytest.mark.parametrize("number", [1, 4])
def test_a_publisher_that_comes_from_an_older_epoch_owes_nothing_of_it(number):
    following = opened(SECOND)
    earlier = Standing(number - 1, ((FIRST, 1),)) if number > 1 else None
    step = following.take(frame(SECOND, 1, number, earlier=earlier))
    assert (step.lost, step.message) == (0, b"%d" % number)


def test_publishers_that_are_gone_are_forgotten():
    following = opened()
    for number in range(1, PUBLISHERS + 50):
        following.take(frame(FIRST, number, 1, publisher=f"{number}.0"))
    following.fall_behind()
    list(following.catch_up(page(FIRST, PUBLISHERS + 49, {"1.0": Publisher(1, 1, FIRST, None)})))
    assert set(following._seen) == {"1.0"}


def test_a_message_that_was_told_and_is_nowhere_is_looked_for_twice():
    following = opened()
    following.take(frame(FIRST, 100, 100))
    for behind in (True, False):
        list(following.catch_up(page(FIRST, 0)))
        assert following.behind is behind
