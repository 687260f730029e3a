import asyncio

import pytest

from alerts_fakes import Recorder
from socketscope.alerts.heartbeat import Heartbeat
from socketscope.alerts.options import HeartbeatOptions
from socketscope.notify.base import Receipt
from socketscope.state.state import State


@pytest.fixture
def state(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    yield state
    state.close()


@pytest.fixture
def beat(state, monkeypatch):
    """Run a heartbeat of 10 s at each of some moments, for as long as it takes to be idle."""
    real_sleep = asyncio.sleep

    def run(*moments, notifiers, problems=None):
        async def scenario():
            now = [moments[0]]
            paused = asyncio.Event()
            go_on = asyncio.Event()

            async def sleep(_seconds):
                paused.set()
                await go_on.wait()
                go_on.clear()

            monkeypatch.setattr("socketscope.alerts.heartbeat.asyncio.sleep", sleep)
            options = HeartbeatOptions(notify=tuple(one.name for one in notifiers), interval=10)
            heartbeat = Heartbeat(
                options,
                {one.name: one for one in notifiers},
                state,
                alive=lambda: (problems or {}).get(now[0]),
                clock=lambda: now[0],
            )
            task = asyncio.create_task(heartbeat.run())
            for moment in moments[1:]:
                await paused.wait()
                paused.clear()
                now[0] = moment
                go_on.set()
            await paused.wait()
            task.cancel()
            monkeypatch.setattr("socketscope.alerts.heartbeat.asyncio.sleep", real_sleep)

        asyncio.run(asyncio.wait_for(scenario(), 20))

    return run


def beats(recorder):
    return [notification.at for notification in recorder.sent]


def test_it_beats_once_in_each_interval_at_its_multiples(beat):
    hook = Recorder("hook")
    beat(1003, 1007, 1010, 1012, 1025, notifiers=[hook])
    assert beats(hook) == [1000, 1010, 1020]


def test_a_restart_within_an_interval_does_not_beat_again(beat):
    hook = Recorder("hook")
    beat(1003, notifiers=[hook])
    beat(1007, 1011, notifiers=[hook])
    assert beats(hook) == [1000, 1010]


def test_it_goes_on_when_the_clock_was_set_back(beat):
    hook = Recorder("hook")
    beat(900_003, 1003, 1007, 1012, notifiers=[hook])
    assert beats(hook) == [900_000, 1000, 1010]


def test_two_services_give_the_same_beat_the_same_key(beat, state):
    one, other = Recorder("one"), Recorder("other")
    beat(1003, notifiers=[one])
    state.beats.done("Heartbeat", 0)
    beat(1008, notifiers=[other])
    assert one.keys == other.keys


def test_it_is_silent_while_something_is_wrong_and_beats_as_soon_as_that_is_over(beat):
    hook = Recorder("hook")
    beat(1003, 1010, 1013, 1016, notifiers=[hook], problems={1010: "no evaluation", 1013: "no evaluation"})
    assert beats(hook) == [1000, 1010]


def test_a_receiver_that_fails_or_raises_keeps_no_other_from_hearing_it_and_hears_the_next(beat):
    fails = Recorder("fails", [Receipt(delivered=False, again=True, detail="busy")])
    raises = Recorder("raises", [RuntimeError("a mistake")])
    well = Recorder("well")
    beat(1003, 1013, notifiers=[fails, raises, well])
    assert [beats(one) for one in (fails, raises, well)] == [[1000, 1010]] * 3
