import pytest

from socketscope.errors import BrokerUnavailableError
from socketscope.hub.brokers.redis import publishing
from socketscope.hub.brokers.redis.publishing import Outbox
from socketscope.hub.message import Position

pytestmark = pytest.mark.anyio


def outbox(messages=100, size=1000):
    return Outbox("feed", messages=messages, size=size)


async def test_messages_are_numbered_by_topic_when_they_are_sent():
    box = outbox()
    for topic in ("a", "b", "a"):
        box.add(topic, b"x")
    assert [(one.topic, one.number) for one in box.batch()] == [("a", 1), ("b", 1), ("a", 2)]


async def test_what_was_not_answered_is_sent_again_first_and_keeps_its_number():
    box = outbox()
    first, second, third = (box.add("a", b"%d" % number) for number in range(3))
    assert box.batch() == [first, second, third]
    assert box.answered(Position("e", 1)) is first
    box.unanswered()
    fourth = box.add("a", b"3")
    assert box.batch() == [second, third, fourth]
    assert [one.number for one in (second, third, fourth)] == [2, 3, 4]
    assert await first.position == Position("e", 1)


async def test_what_was_not_sent_can_be_withdrawn_and_leaves_no_gap():
    box = outbox()
    first, second, third = (box.add("a", b"x") for _ in range(3))
    assert box.withdraw(second)
    assert box.withdraw(second)
    assert box.batch() == [first, third]
    assert third.number == 2
    assert not box.withdraw(first)


async def test_messages_and_bytes_are_bounded_and_room_comes_back():
    box = outbox(messages=2, size=10)
    box.add("a", b"x" * 6)
    with pytest.raises(BrokerUnavailableError, match="1 messages wait"):
        box.add("a", b"x" * 5)
    waiting = box.add("a", b"x" * 4)
    with pytest.raises(BrokerUnavailableError, match="2 messages wait"):
        box.add("a", b"")
    box.withdraw(waiting)
    box.batch()
    box.answered(Position("e", 1))
    box.add("a", b"x" * 10)


async def test_a_batch_is_bounded(monkeypatch):
    monkeypatch.setattr(publishing, "BATCH_MESSAGES", 3)
    monkeypatch.setattr(publishing, "BATCH_BYTES", 10)
    box = outbox()
    for size in (6, 6, 6, 1, 1, 1, 1):
        box.add("a", b"x" * size)
    sizes = []
    for _ in range(3):
        batch = box.batch()
        sizes.append([len(one.message) for one in batch])
        for _ in batch:
            box.answered(Position("e", 1))
    assert sizes == [[6, 6], [6, 1, 1], [1, 1]]


async def test_a_topic_that_was_forgotten_and_is_met_again_has_a_publisher_of_another_name(monkeypatch):
    monkeypatch.setattr(publishing, "TOPICS", 2)
    box = outbox()
    names = []
    for topic in ("a", "b", "c", "a"):
        publication = box.add(topic, b"x")
        names.append(publication.publisher.name)
        box.batch()
        box.answered(Position("e", 1))
    assert names[0] == names[1] == names[2]
    assert names[3] != names[0]


async def test_what_is_given_up_at_the_end_says_whether_it_is_in_doubt():
    box = outbox()
    sent = box.add("a", b"x")
    box.batch()
    waiting = box.add("a", b"x")
    box.fail("it was stopped")
    for publication, in_doubt in ((sent, True), (waiting, False)):
        with pytest.raises(BrokerUnavailableError, match="it was stopped") as raised:
            await publication.position
        assert raised.value.in_doubt is in_doubt
    await box.nothing()


async def test_what_is_refused_leaves_no_gap_and_neither_does_what_was_sent_behind_it():
    box = outbox()
    taken, refused, behind, other = (box.add(topic, b"x") for topic in "aaab")
    assert [one.number for one in box.batch()] == [1, 2, 3, 1]
    box.answered(Position("e", 1))
    box.refused("of another type")
    with pytest.raises(BrokerUnavailableError, match="refuses: of another type") as raised:
        await refused.position
    assert (raised.value.refused, raised.value.in_doubt) == (True, False)
    box.unanswered()  # the link is lost before it is known what became of the others
    later = box.add("a", b"x")
    assert box.batch() == [behind, other, later]
    assert [one.number for one in (behind, other, later)] == [2, 1, 3]
    assert taken.publisher.last == 3
    for _ in range(3):
        box.refused("again")
    await box.nothing()
    assert taken.publisher.last == 1


async def test_after_a_message_that_may_be_there_and_is_refused_the_publisher_has_another_name():
    box = outbox()
    taken, refused, behind = (box.add("a", b"x") for _ in range(3))
    box.batch()
    box.answered(Position("e", 1))
    name = taken.publisher.name
    box.unanswered()
    box.batch()
    for publication in (refused, behind):
        box.refused("of another type")
        with pytest.raises(BrokerUnavailableError, match=r"may have been published$") as raised:
            await publication.position
        assert (raised.value.refused, raised.value.in_doubt) == (True, True)
    later = box.add("a", b"x")
    assert box.batch() == [later]
    assert later.number == 1
    assert later.publisher.name != name
    assert later.publisher.stands is None
