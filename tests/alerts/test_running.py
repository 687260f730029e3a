"""The alerting as a whole, in real time, over a scripted backend."""

import asyncio
import contextlib
import time

import pytest

from alerts_fakes import Recorder, ScriptedBackend, rule
from socketscope.alerts.options import AlertOptions
from socketscope.alerts.running import alerting, read_rules
from socketscope.delivery import Patience
from socketscope.errors import ConfigurationError, StateError
from socketscope.notify.base import Receipt
from socketscope.state.state import State


@pytest.fixture
def state(tmp_path):
    state = State.open(tmp_path / "state.sqlite")
    yield state
    state.close()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(state, backend, *rules, notifiers=(), clock=time.time, **options):
    async def numbers():
        return {"errors": 1.0}

    async with alerting(
        rules,
        backend,
        {one.name: one for one in notifiers},
        state,
        AlertOptions(**{"cooldown": 0, **options}),
        backend="scripted",
        numbers=numbers,
        patience=Patience(first=0.01, longest=0.02),
        clock=clock,
    ) as board:
        yield board


def test_an_alert_reaches_its_receivers_in_time_and_one_that_fails_gets_it_later(state):
    backend = ScriptedBackend(m=5.0)
    well, fails = Recorder("well"), Recorder("fails", [Receipt(delivered=False, again=True)] * 3)

    async def scenario():
        async with running(state, backend, rule(interval=0.1), notifiers=[well, fails]) as board:
            await until(lambda: well.sent and len(fails.sent) == 4)
            backend.script["m"] = 0.0
            await until(lambda: len(well.sent) == 2 and len(fails.sent) == 5)
            assert board.alive() is None
            ((episode, letters),) = await board.episodes(limit=10)
            return episode, letters

    episode, letters = asyncio.run(scenario())
    assert [one.status for one in well.sent] == ["firing", "resolved"]
    assert well.sent[0].metrics == {"errors": 1.0}
    assert episode.end == "resolved"
    assert {(one.notifier, one.notification.status) for one in letters} == {
        (name, status) for name in ("well", "fails") for status in ("firing", "resolved")
    }


def test_the_board_tells_what_is_pending_and_firing_and_why_nobody_hears_of_it(state):
    backend = ScriptedBackend(a=5.0, b=5.0, c=5.0, d=0.0)
    family = {"labels": {"family": "x"}}
    rules = [
        rule("A", "a", interval=0.1, severity="critical", **family),
        rule("B", "b", interval=0.1, **family),
        rule("C", "c", interval=0.1, for_=3600),
        rule("D", "d", interval=0.1),
    ]

    async def scenario():
        async with running(state, backend, *rules) as board:
            silence = await board.silence({"rule": "A"}, seconds=60, author="ana", reason="deploy")
            await until(lambda: len([one for one in board.rules() if one.state.at]) == 5)
            return await board.active(), silence, board.rules()

    active, silence, found = asyncio.run(scenario())
    by_name = {one.rule.name: one for one in active}
    assert [one.alert.state for one in active] == ["firing", "firing", "pending"]
    assert by_name["A"].muted.silenced_by == (silence.id,)
    assert by_name["B"].muted.muted_by == ("A",)
    assert not by_name["C"].muted
    assert {one.rule.name: one.state.health for one in found} == dict.fromkeys(
        ("A", "B", "C", "D", "BackendUnreachable"), "ok"
    )


def test_a_dead_letter_can_be_sent_again_by_hand(state):
    mail = Recorder("mail", [Receipt(delivered=False, again=False, detail="no such mailbox")])

    async def scenario():
        async with running(state, ScriptedBackend(m=5.0), rule(interval=0.1), notifiers=[mail]) as board:
            while not (dead := await board.dead()):
                await asyncio.sleep(0.01)
            assert dead[0].detail == "no such mailbox"
            assert await board.resend(dead[0].id)
            assert not await board.resend(12345)
            await until(lambda: len(mail.sent) == 2)
            while await board.dead():
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(scenario(), 20))
    assert len(set(mail.keys)) == 1


def test_what_is_wrong_with_the_alerting_itself_is_told_and_stops_the_heartbeat(state, monkeypatch):
    hook = Recorder("hook")
    original = type(state.rules).save
    broken = False

    def save(*arguments):
        if broken:
            raise StateError("the disk is full")
        original(*arguments)

    monkeypatch.setattr(type(state.rules), "save", save)

    async def scenario():
        nonlocal broken
        async with running(
            state,
            ScriptedBackend(m=0.0),
            rule(interval=0.1),
            notifiers=[hook],
            routes=[{"notify": []}],
            heartbeat={"notify": ["hook"], "interval": 1},
        ) as board:
            await until(lambda: hook.sent)
            broken = True
            await until(board.alive)
            assert "the disk is full" in board.alive()
            silent_from = len(hook.sent)
            broken = False
            await until(lambda: board.alive() is None)
            await until(lambda: len(hook.sent) > silent_from)

    asyncio.run(scenario())
    assert {one.rule for one in hook.sent} == {"Heartbeat"}


def test_an_alerting_that_evaluates_nothing_any_more_is_not_alive(state):
    now = [time.time()]

    async def scenario():
        backend = ScriptedBackend(m=0.0)
        async with running(state, backend, rule(interval=1), timeout=5, clock=lambda: now[0]) as board:
            await until(lambda: backend.asked)
            backend.hangs = True
            now[0] += 2
            await until(lambda: len(backend.asked) >= 2)
            assert board.alive() is None
            now[0] += 100
            assert "No alert was evaluated for" in board.alive()

    asyncio.run(scenario())


def test_without_rules_there_is_nothing_to_be_wrong(state):
    async def scenario():
        async with running(state, ScriptedBackend()) as board:
            return board.alive(), await board.active()

    assert asyncio.run(scenario()) == (None, [])


def test_a_route_to_nobody_is_a_mistake_before_anything_runs(state):
    async def scenario():
        async with running(state, ScriptedBackend(), rule(), routes=[{"notify": ["ghost"]}]):
            pytest.fail("it runs")

    with pytest.raises(ExceptionGroup, match="routes"):
        asyncio.run(scenario())


def test_the_pack_is_read_unless_it_is_not_wanted():
    assert len(read_rules(AlertOptions())) > 5
    assert read_rules(AlertOptions(pack=False)) == ()


def test_the_name_of_the_services_own_alert_is_taken(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(
        "rules: [{alert: BackendUnreachable, query: {metric: websocket.server.active_connections}, above: 1}]"
    )
    with pytest.raises(ConfigurationError, match="another name"):
        read_rules(AlertOptions(pack=False, rules=(file,)))
