import asyncio
import contextlib
import signal
import subprocess
import sys
import textwrap

import pytest

from alerts_fakes import Recorder, note
from socketscope.delivery import Delivery, Patience
from socketscope.notify.base import Receipt
from socketscope.state.state import State

BUSY = Receipt(delivered=False, again=True, detail="busy")
NEVER = Receipt(delivered=False, again=False, detail="no such mailbox")
AT_ONCE = Patience(first=0.001, longest=0.002)


@pytest.fixture
def state(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    yield state
    state.close()


@pytest.fixture
def deliver(state):
    """Run a delivery to `notifiers` until `condition` holds."""

    def run(*notifiers, until, patience=AT_ONCE, meanwhile=lambda _: None):
        async def scenario():
            delivery = Delivery(state.outbox, {one.name: one for one in notifiers}, patience=patience)
            async with delivery.running(grace=0.2):
                meanwhile(delivery)
                async with asyncio.timeout(20):
                    while not until():
                        await asyncio.sleep(0.005)

        asyncio.run(scenario())

    return run


def fates(state):
    return {(one.notifier, one.notification.key): (one.status, one.attempts) for one in state.outbox.recent()}


def put(state, notifier, *keys, **changes):
    for key in keys:
        state.outbox.put(notifier, note(key, **{"fingerprint": key, **changes}), now=0)


def settled(state):
    return lambda: not state.outbox.pending()


FRESH = Patience(first=0.001, longest=0.002, age=1e12)


def test_everything_in_the_outbox_reaches_its_receiver_once(state, deliver):
    put(state, "mail", *"abc")
    put(state, "pager", *"cd")
    mail, pager = Recorder("mail"), Recorder("pager")
    deliver(mail, pager, until=settled(state))
    assert (mail.keys, pager.keys) == (list("abc"), list("cd"))
    assert set(fates(state).values()) == {("delivered", 1)}


def test_what_is_put_while_it_runs_is_sent_at_once_when_it_is_told(state, deliver):
    mail = Recorder("mail")

    def meanwhile(delivery):
        put(state, "mail", "a")
        delivery.wake()

    deliver(mail, until=lambda: mail.keys == ["a"], meanwhile=meanwhile)


def test_a_receiver_that_fails_is_tried_again_until_it_takes_it(state, deliver):
    put(state, "mail", "a")
    mail = Recorder("mail", [BUSY, BUSY, BUSY])
    deliver(mail, until=settled(state), patience=FRESH)
    assert mail.keys == ["a"] * 4
    assert fates(state) == {("mail", "a"): ("delivered", 4)}


def test_a_refusal_for_good_is_a_dead_letter_with_its_reason_after_one_attempt(state, deliver):
    put(state, "mail", "a")
    mail = Recorder("mail", [NEVER])
    deliver(mail, until=settled(state))
    (dead,) = state.outbox.dead()
    assert (dead.detail, dead.attempts, mail.keys) == ("no such mailbox", 1, ["a"])


def test_after_so_many_attempts_it_is_given_up(state, deliver):
    put(state, "mail", "a")
    mail = Recorder("mail", [BUSY] * 100)
    deliver(mail, until=settled(state), patience=Patience(first=0.001, longest=0.002, attempts=5, age=1e12))
    assert fates(state) == {("mail", "a"): ("dead", 5)}


def test_what_is_too_old_is_given_up(state, deliver):
    put(state, "mail", "a")  # at 0: long ago
    deliver(Recorder("mail", [BUSY]), until=settled(state), patience=Patience(age=3600))
    assert fates(state) == {("mail", "a"): ("dead", 1)}


def test_a_dead_letter_that_is_sent_again_arrives(state, deliver):
    put(state, "mail", "a")
    mail = Recorder("mail", [NEVER])
    deliver(mail, until=settled(state))
    assert state.outbox.resend(state.outbox.dead()[0].id, now=0)
    deliver(mail, until=settled(state))
    assert mail.keys == ["a", "a"]
    assert state.outbox.dead() == []


def test_a_receiver_that_hangs_or_fails_or_raises_delays_no_other(state, deliver):
    for name in ("hangs", "fails", "raises", "well"):
        put(state, name, *"abc")

    class Hanging(Recorder):
        async def send(self, notification, *, thread=None):
            self.sent.append(notification)
            await asyncio.Event().wait()

    hangs, well = Hanging("hangs"), Recorder("well")
    fails = Recorder("fails", [BUSY] * 1000)
    raises = Recorder("raises", [RuntimeError("a mistake")] * 1000)
    deliver(
        hangs,
        fails,
        raises,
        well,
        until=lambda: len(well.sent) == 3 and min(len(fails.sent), len(raises.sent)) > 3,
        patience=FRESH,
    )
    assert well.keys == list("abc")
    assert hangs.keys == ["a"]


def test_an_attempt_that_takes_too_long_is_one_that_failed(state, deliver):
    class HangsOnce(Recorder):
        async def send(self, notification, *, thread=None):
            first = not self.sent
            receipt = await super().send(notification, thread=thread)
            if first:
                await asyncio.Event().wait()
            return receipt

    put(state, "mail", "a")
    mail = HangsOnce("mail")
    deliver(mail, until=settled(state), patience=Patience(first=0.001, timeout=0.05, age=1e12))
    assert mail.keys == ["a", "a"]
    assert fates(state) == {("mail", "a"): ("delivered", 2)}


def test_the_thread_that_a_receiver_gives_is_handed_back_until_the_end(state, deliver):
    for key, status in (("begin", "firing"), ("again", "firing"), ("end", "resolved"), ("anew", "firing")):
        state.outbox.put("slack", note(key, status=status), now=0)
    slack = Recorder("slack", [Receipt(delivered=True, thread="t-1"), Receipt(delivered=True), Receipt(delivered=True)])
    deliver(slack, until=settled(state))
    assert list(zip(slack.keys, slack.threads, strict=True)) == [
        ("begin", None),
        ("again", "t-1"),
        ("end", "t-1"),
        ("anew", None),
    ]


def test_the_end_of_an_alert_waits_for_its_beginning_to_arrive(state, deliver):
    state.outbox.put("mail", note("begin"), now=0)
    state.outbox.put("mail", note("end", status="resolved"), now=0)
    mail = Recorder("mail", [BUSY, BUSY])
    deliver(mail, until=settled(state), patience=FRESH)
    assert mail.keys == ["begin", "begin", "begin", "end"]


def test_a_letter_to_a_receiver_that_is_configured_no_more_stays(state, deliver):
    put(state, "gone", "a")
    put(state, "mail", "b")
    mail = Recorder("mail")
    deliver(mail, until=lambda: mail.keys == ["b"])
    assert state.outbox.pending() == {"gone": 1}


def test_at_the_end_what_is_under_way_may_finish_and_what_hangs_is_cut_off_and_stays(state, deliver):
    release = asyncio.Event()

    class Slow(Recorder):
        async def send(self, notification, *, thread=None):
            self.sent.append(notification)
            await asyncio.sleep(0.05)
            return Receipt(delivered=True)

    class Hanging(Recorder):
        async def send(self, notification, *, thread=None):
            self.sent.append(notification)
            await release.wait()

    put(state, "slow", "a")
    put(state, "hangs", "b")
    slow, hangs = Slow("slow"), Hanging("hangs")
    deliver(slow, hangs, until=lambda: slow.sent and hangs.sent)
    assert fates(state) == {("slow", "a"): ("delivered", 1), ("hangs", "b"): ("pending", 0)}


@pytest.mark.parametrize(
    ("failures", "retry_after", "shortest", "longest"),
    [(1, None, 0.5, 1), (2, None, 1, 2), (5, None, 8, 16), (40, None, 150, 300), (1, 60, 60, 60), (40, 1, 150, 300)],
)
def test_it_waits_longer_after_each_failure_and_at_least_as_long_as_the_receiver_asks(
    failures, retry_after, shortest, longest
):
    waits = [Patience(first=1, longest=300).wait(failures, retry_after) for _ in range(200)]
    assert shortest <= min(waits) <= max(waits) <= longest
    assert retry_after == 60 or len(set(waits)) > 100, "not all come back at the same time"


def test_retry_after_is_when_the_next_attempt_is_due(state):
    put(state, "mail", "a")
    clock = [1000.0]
    mail = Recorder("mail", [Receipt(delivered=False, again=True, retry_after=120.0, detail="429")])

    async def scenario():
        delivery = Delivery(state.outbox, {"mail": mail}, patience=Patience(age=1e12), clock=lambda: clock[0])
        async with delivery.running():
            while state.outbox.next_at("mail") == 0:
                await asyncio.sleep(0.005)
            assert state.outbox.next_at("mail") == 1120.0
            clock[0] = 1119.0
            delivery.wake()
            await asyncio.sleep(0)
            assert len(mail.sent) == 1
            clock[0] = 1120.0
            delivery.wake()
            while state.outbox.pending():
                await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(scenario(), 20))
    assert mail.keys == ["a", "a"]


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from socketscope.delivery import Delivery
from socketscope.state.state import State

class Fatal:
    name = "mail"
    async def send(self, notification, *, thread=None):
        print(notification.key, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with Delivery(State.open(Path(sys.argv[1])).outbox, {"mail": Fatal()}).running():
        await asyncio.sleep(30)

asyncio.run(main())
"""


def test_a_process_that_is_killed_between_sending_and_noting_it_sends_the_same_key_again(state, deliver, tmp_path):
    put(state, "mail", "a")
    state.close()
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), state.path],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout.split()) == (-signal.SIGKILL, ["a"])
    reopened = State.open(state.path)
    mail = Recorder("mail")

    async def scenario():
        async with Delivery(reopened.outbox, {"mail": mail}).running():
            while reopened.outbox.pending():
                await asyncio.sleep(0.005)

    with contextlib.closing(reopened):
        asyncio.run(asyncio.wait_for(scenario(), 20))
    assert mail.keys == ["a"]
