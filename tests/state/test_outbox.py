import threading

import pytest

from alerts_fakes import note
from notify.conftest import report
from socketscope.state.state import State


@pytest.fixture
def state(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    yield state
    state.close()


@pytest.fixture
def outbox(state):
    return state.outbox


def due(outbox, notifier="mail", now=0.0):
    letter = outbox.due(notifier, now)
    return letter and letter.notification.key


def test_a_notification_comes_back_as_it_was_put(outbox):
    put = note(value=float("inf"), metrics={"errors": 3.0, "uptime": None}, labels={"room": "café"}, resolved_at=None)
    outbox.put("mail", put, now=5.0)
    letter = outbox.due("mail", 5.0)
    assert letter.notification == put
    assert (letter.notifier, letter.status, letter.attempts, letter.queued_at) == ("mail", "pending", 0, 5.0)


def test_a_receiver_is_sent_a_key_once_but_each_receiver_is(outbox):
    assert outbox.put("mail", note("a"), now=0)
    assert not outbox.put("mail", note("a"), now=0)
    assert outbox.put("pager", note("a"), now=0)
    outbox.delivered(outbox.due("mail", 0), now=1, thread=None)
    assert not outbox.put("mail", note("a"), now=2)
    assert (due(outbox), due(outbox, "pager")) == (None, "a")


def test_letters_of_one_alert_are_due_one_after_the_other_and_hold_up_no_other_alert(outbox):
    outbox.put("mail", note("begin", fingerprint="x"), now=0)
    outbox.put("mail", note("end", fingerprint="x", status="resolved"), now=0)
    outbox.put("mail", note("other", fingerprint="y"), now=0)
    outbox.postponed(outbox.due("mail", 0), until=50, detail="busy")
    assert due(outbox, now=10) == "other"
    outbox.delivered(outbox.due("mail", 10), now=10, thread=None)
    assert due(outbox, now=49) is None
    assert outbox.next_at("mail") == 50
    assert due(outbox, now=50) == "begin"
    outbox.delivered(outbox.due("mail", 50), now=50, thread=None)
    assert due(outbox, now=50) == "end"


def test_a_beginning_that_was_given_up_does_not_hold_up_the_end(outbox):
    outbox.put("mail", note("begin"), now=0)
    outbox.put("mail", note("end", status="resolved"), now=0)
    outbox.given_up(outbox.due("mail", 0), now=1, detail="no such mailbox")
    assert due(outbox, now=1) == "end"


def test_a_dead_letter_tells_why_and_can_be_sent_again_as_if_it_were_new(outbox):
    outbox.put("mail", note("a"), now=0)
    outbox.postponed(outbox.due("mail", 0), until=1, detail="busy")
    outbox.given_up(outbox.due("mail", 1), now=2, detail="no such mailbox")
    (dead,) = outbox.dead()
    assert (dead.attempts, dead.ended_at, dead.detail) == (2, 2, "no such mailbox")
    assert due(outbox, now=99) is None
    assert outbox.resend(dead.id, now=100)
    assert not outbox.resend(dead.id, now=100)
    letter = outbox.due("mail", 100)
    assert (letter.attempts, letter.queued_at, letter.ended_at) == (0, 100, None)
    assert outbox.dead() == []


def test_news_that_a_receiver_has_already_follow_what_is_sent_again_of_the_same_alert(outbox):
    outbox.put("mail", note("begin"), now=0)
    outbox.given_up(outbox.due("mail", 0), now=1, detail="no such mailbox")
    outbox.put("mail", note("end", status="resolved"), now=2)
    outbox.put("mail", note("again"), now=3)
    outbox.put("mail", note("other", fingerprint="y"), now=4)
    outbox.put("pager", note("end", status="resolved"), now=5)
    while (letter := outbox.due("mail", 5)) or (letter := outbox.due("pager", 5)):
        outbox.delivered(letter, now=5, thread=None)
    (dead,) = outbox.dead()
    assert outbox.resend(dead.id, now=100)
    sent = []
    while letter := outbox.due("mail", 100):
        sent.append(letter.notification.key)
        outbox.delivered(letter, now=100, thread=None)
    assert sent == ["begin", "again"]
    assert outbox.pending() == {}


def test_a_clock_that_was_set_back_makes_no_letter_wait_for_the_future(outbox):
    outbox.put("mail", note("put"), now=1_000_000)
    outbox.put("pager", note("postponed"), now=5)
    outbox.postponed(outbox.due("pager", 5), until=1_000_000, detail="busy")
    outbox.put("slack", note("waiting"), now=5)
    outbox.postponed(outbox.due("slack", 5), until=5 + 86_400, detail="busy")
    assert (due(outbox, now=10), due(outbox, "pager", 10), due(outbox, "slack", 10)) == ("put", "postponed", None)


def test_a_thread_is_dropped_with_the_last_letter_of_its_alert(outbox):
    outbox.put("slack", note("a"), now=0)
    outbox.delivered(outbox.due("slack", 0), now=0, thread="C:1")
    outbox.prune(0)
    assert outbox.thread("slack", "f") == "C:1"
    outbox.prune(1)
    assert outbox.thread("slack", "f") is None


def test_a_letter_that_is_not_dead_can_not_be_sent_again(outbox):
    outbox.put("mail", note("a"), now=0)
    letter = outbox.due("mail", 0)
    assert not outbox.resend(letter.id, now=0)
    outbox.delivered(letter, now=0, thread=None)
    assert not outbox.resend(letter.id, now=0)


def test_a_thread_is_handed_on_until_the_end_of_the_alert(outbox):
    def deliver(status, thread):
        outbox.put("slack", note(status=status), now=0)
        outbox.delivered(outbox.due("slack", 0), now=0, thread=thread)

    deliver("firing", "thread-1")
    assert outbox.thread("slack", "f") == "thread-1"
    deliver("firing", None)
    assert outbox.thread("slack", "f") == "thread-1"
    assert outbox.thread("mail", "f") is None
    deliver("resolved", "thread-1")
    assert outbox.thread("slack", "f") is None


def test_old_letters_are_dropped_but_none_that_waits(outbox):
    for key in ("delivered", "dead", "waiting"):
        outbox.put("mail", note(key, fingerprint=key), now=0)
    outbox.delivered(outbox.due("mail", 0), now=10, thread=None)
    outbox.given_up(outbox.due("mail", 0), now=10, detail="")
    outbox.prune(before=11)
    assert [letter.notification.key for letter in outbox.recent()] == ["waiting"]
    assert outbox.pending() == {"mail": 1}


def test_what_is_long_is_kept_once_for_all_receivers_and_read_only_to_be_sent(state, outbox):
    put = report()
    for notifier in ("mail", "slack"):
        assert outbox.put(notifier, put, now=0)
    assert len(state._database.read("SELECT * FROM documents")) == 1
    assert [outbox.due(notifier, 0).notification for notifier in ("mail", "slack")] == [put, put]
    assert [letter.notification.document for letter in outbox.recent()] == [None, None]
    outbox.delivered(outbox.due("mail", 0), now=1, thread="t")
    assert outbox.thread("mail", put.fingerprint) is None
    outbox.prune(before=2)
    assert outbox.due("slack", 2).notification.document == put.document
    outbox.given_up(outbox.due("slack", 2), now=3, detail="")
    outbox.prune(before=4)
    assert state._database.read("SELECT * FROM documents") == []


def test_many_threads_may_use_it_at_once(outbox):
    def put(start):
        for number in range(start, start + 25):
            outbox.put("mail", note(f"{number}", fingerprint=f"{number}"), now=0)

    threads = [threading.Thread(target=put, args=(start,)) for start in (0, 20, 40, 60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(letter.notification.key) for letter in outbox.recent()) == list(range(85))
