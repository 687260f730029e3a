"""The loop over a scripted backend, evaluation by evaluation, without a clock of its own."""

import asyncio

import pytest

from alerts_fakes import ScriptedBackend, rule
from socketscope.alerts import unreachable
from socketscope.alerts.engine import Engine
from socketscope.alerts.options import AlertOptions
from socketscope.alerts.questions import Questions
from socketscope.alerts.routing import Routing
from socketscope.alerts.schedule import Due
from socketscope.errors import BackendError, QueryError, StateError
from socketscope.notify.base import Notification
from socketscope.state.state import State


class Service:
    """One alert service with a state of its own; `step` evaluates everything for one moment."""

    def __init__(self, path, backend, *rules, notifiers=("mail",), numbers=None, **options):
        self.path = path
        self.backend = backend
        self.rules = rules
        self.options = AlertOptions(**{"cooldown": 0, "pack": False, "unreachable_after": 20, **options})
        self.notifiers = notifiers
        self.numbers = numbers or {}
        self.now = 0.0
        self.start()

    def start(self):
        async def numbers():
            if isinstance(self.numbers, Exception):
                raise self.numbers
            return self.numbers

        self.state = State.open(self.path)
        self.engine = Engine(
            self.rules,
            Questions(self.backend, concurrency=4, timeout=self.options.timeout),
            self.state,
            self.options,
            routing=Routing(self.options, self.notifiers),
            backend="scripted",
            numbers=numbers,
            link="http://console",
            clock=lambda: self.now,
        )
        asyncio.run(self.engine.load())

    def restart(self, *rules):
        self.state.close()
        self.rules = rules or self.rules
        self.start()

    def step(self, *moments):
        for moment in moments:
            self.now = moment
            due = Due(moment, tuple(one.name for one in self.rules if moment % one.interval == 0))
            asyncio.run(self.engine.evaluate(due))

    @property
    def letters(self) -> list[Notification]:
        return [letter.notification for letter in reversed(self.state.outbox.recent())]

    @property
    def told(self):
        return [(one.rule, one.status, one.at) for one in self.letters]


@pytest.fixture
def service(tmp_path):
    made = []

    def make(backend, *rules, **options):
        made.append(Service(tmp_path / f"state-{len(made)}.sqlite", backend, *rules, **options))
        return made[-1]

    yield make
    for one in made:
        one.state.close()


def between(begin, end, value=5.0, otherwise=0.0):
    return lambda at: value if begin <= at < end else otherwise


MOMENTS = range(1000, 1200, 10)


def test_an_alert_goes_from_the_backend_to_the_outbox_with_all_that_a_receiver_needs(service):
    one = rule(summary="{value} is too much", runbook="docs/x.md", severity="critical", labels={"team": "chat"})
    numbers = {"current_connections": 7.0, "cpu_usage": None}
    made = service(ScriptedBackend(m=between(1050, 1100)), one, numbers=numbers)
    made.step(*MOMENTS)
    begin, end = made.letters
    assert (begin.status, begin.started_at, begin.at, begin.resolved_at) == ("firing", 1050, 1050, None)
    assert (begin.summary, begin.value, begin.threshold) == ("5 is too much", 5.0, 1.0)
    assert (begin.rule, begin.severity, begin.labels, begin.runbook) == (
        "Rule",
        "critical",
        {"team": "chat"},
        "docs/x.md",
    )
    assert (begin.metrics, begin.link) == (numbers, "http://console")
    assert (end.status, end.started_at, end.at, end.resolved_at, end.value) == ("resolved", 1050, 1100, 1100, 0.0)
    assert begin.fingerprint == end.fingerprint
    assert begin.key == f"{begin.fingerprint}:1050.000:firing:0"
    assert end.key == f"{end.fingerprint}:1050.000:resolved:0"


def test_history_tells_of_every_transition(service):
    made = service(ScriptedBackend(m=between(1050, 1100)), rule(for_=20))
    made.step(*MOMENTS)
    changes = [(entry.change, entry.at) for entry in reversed(made.state.history.entries(since=0))]
    assert changes == [("pending", 1050), ("firing", 1070), ("resolved", 1100)]
    (episode,) = made.state.history.episodes()
    assert (episode.fired_at, episode.ended_at, episode.end) == (1070, 1100, "resolved")


def test_restarts_between_any_two_evaluations_change_nothing_of_what_is_told(service):
    def script():
        return ScriptedBackend(
            m=lambda at: {(("host", "a"),): between(1030, 1100)(at), (("host", "b"),): between(1060, 1150)(at)}
        )

    whole, broken = service(script(), rule(for_=20)), service(script(), rule(for_=20))
    whole.step(*MOMENTS)
    for moment in MOMENTS:
        broken.step(moment)
        broken.restart()
    assert [one.key for one in broken.letters] == [one.key for one in whole.letters]
    assert len({one.key for one in whole.letters}) == 4


def test_an_evaluation_that_is_made_twice_tells_nothing_twice(service):
    made = service(ScriptedBackend(m=5.0), rule())
    made.step(1000, 1000)
    made.restart()
    made.step(1000)
    assert len(made.letters) == 1


def test_two_services_side_by_side_give_their_duplicates_the_same_keys(service):
    backend = ScriptedBackend(m=between(1030, 1100))
    one, other = service(backend, rule(), repeat=20), service(backend, rule(), repeat=20)
    one.step(*MOMENTS)
    other.step(*MOMENTS)
    assert [letter.key for letter in one.letters] == [letter.key for letter in other.letters]
    assert len(one.letters) == 5


@pytest.mark.parametrize("trouble", [None, QueryError("no such thing")])
def test_nothing_resolves_while_there_is_no_data_or_the_question_is_refused(service, trouble):
    def script(at):
        return 5.0 if at < 1030 else trouble if at < 1100 else 0.0

    made = service(ScriptedBackend(m=script), rule())
    made.step(*MOMENTS)
    assert made.told == [("Rule", "firing", 1000), ("Rule", "resolved", 1100)]


def test_a_backend_that_stops_is_one_alert_and_resolves_nothing(service):
    backend = ScriptedBackend(a=5.0, b=5.0, c=0.0)
    made = service(backend, *(rule(name, name) for name in "abc"))
    made.step(1000, 1010)
    assert made.told == [("a", "firing", 1000), ("b", "firing", 1000)]
    backend.down = True
    made.step(*range(1020, 1100, 10))
    made.restart()
    assert made.told[2:] == [(unreachable.NAME, "firing", 1040)]
    assert "scripted" in made.letters[2].summary
    assert {made.engine.states[name].health for name in "abc"} == {"query failed"}
    backend.down = False
    made.step(1100, 1110)
    assert made.told[3:] == [(unreachable.NAME, "resolved", 1100)]
    assert [alert.state for name in "ab" for alert in made.engine.states[name].alerts.values()] == ["firing", "firing"]


@pytest.mark.parametrize("error", [QueryError("no"), BackendError("no")])
def test_one_question_that_fails_among_others_is_no_unreachable_backend(service, error):
    made = service(ScriptedBackend(a=error, b=0.0), rule("a", "a"), rule("b", "b"), unreachable_after=0)
    made.step(*MOMENTS)
    assert made.told == []
    assert made.engine.states["a"].problem == "no"


def test_a_backend_that_hangs_is_given_up_after_the_timeout(service):
    backend = ScriptedBackend(m=0.0)
    backend.hangs = True
    made = service(backend, rule(), timeout=0.05, unreachable_after=0)
    made.step(1000)
    assert made.told == [(unreachable.NAME, "firing", 1000)]
    assert "no answer within 0.05 s" in made.engine.states["Rule"].problem


def test_of_a_backend_that_hangs_the_rest_is_known_after_a_few_questions(service):
    backend = ScriptedBackend(m=0.0)
    backend.hangs = True
    made = service(backend, *(rule(f"r{number}") for number in range(100)), timeout=0.5)
    made.step(1000)
    assert len(backend.asked) == 4
    assert {made.engine.states[f"r{number}"].health for number in range(100)} == {"query failed"}
    backend.hangs = False
    made.step(1010)
    assert {made.engine.states[f"r{number}"].health for number in range(100)} == {"ok"}


def test_a_backend_that_answers_some_questions_is_asked_all(service):
    class Slow(ScriptedBackend):
        async def instant(self, query, *, at):
            self.hangs = len(self.asked) % 2 == 1
            return await super().instant(query, at=at)

    backend = Slow(m=0.0)
    made = service(backend, *(rule(f"r{number}") for number in range(40)), timeout=0.2)
    made.step(1000)
    assert len(backend.asked) == 40


def test_no_more_questions_are_asked_at_a_time_than_is_allowed(service):
    class Counting(ScriptedBackend):
        now = most = 0

        async def instant(self, query, *, at):
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return []

    backend = Counting()
    made = service(backend, *(rule(f"r{number}") for number in range(40)))
    made.step(1000)
    assert backend.most == 4


def test_a_rule_looks_as_far_back_as_its_delay(service):
    backend = ScriptedBackend(m=between(1000, 1050))
    made = service(backend, rule(delay=5))
    made.step(*MOMENTS)
    assert [at for _, at in backend.asked] == [moment - 5 for moment in MOMENTS]
    assert [(one.started_at, one.resolved_at) for one in made.letters] == [(1005, None), (1005, 1060)]


def test_while_the_fleets_numbers_are_not_to_be_had_a_notification_goes_without_them(service):
    made = service(ScriptedBackend(m=5.0), rule(), numbers=RuntimeError("no"))
    made.step(1000)
    assert set(made.letters[0].metrics.values()) == {None}


def test_what_can_not_be_kept_did_not_happen_and_is_done_again(service, monkeypatch):
    made = service(ScriptedBackend(m=5.0), rule())
    original = type(made.state.outbox).put

    def fail(*_, **__):
        raise StateError("the disk is full")

    monkeypatch.setattr(type(made.state.outbox), "put", fail)
    with pytest.raises(StateError):
        made.step(1000)
    assert made.engine.states == {}
    assert made.state.history.entries(since=0) == []
    monkeypatch.setattr(type(made.state.outbox), "put", original)
    made.step(1000)
    assert made.told == [("Rule", "firing", 1000)]


def test_a_silence_keeps_an_alert_from_being_told_until_it_ends(service):
    made = service(ScriptedBackend(m=between(1020, 1100)), rule())
    made.state.silences.add({"rule": "Rule"}, author="ana", reason="deploy", now=1000, seconds=55)
    made.step(*MOMENTS)
    assert made.told == [("Rule", "firing", 1060), ("Rule", "resolved", 1100)]
    assert made.letters[0].started_at == 1020


def test_a_critical_alert_mutes_the_warning_of_its_family(service):
    backend = ScriptedBackend(load=lambda at: (at - 1000) / 10)
    family = {"labels": {"family": "load"}}
    warning = rule("Warn", "load", above=3, **family)
    critical = rule("Crit", "load", above=3, severity="critical", **family)
    made = service(backend, warning, critical)
    made.step(*MOMENTS)
    assert made.told == [("Crit", "firing", 1040)]


def test_alerts_of_a_group_are_told_as_one(service):
    def script(at):
        hosts = {"a": (1010, 1100), "b": (1030, 1060), "c": (1300, 1300)}
        return {(("host", host), ("zone", "z")): between(*times)(at) for host, times in hosts.items()}

    made = service(ScriptedBackend(m=script), rule(summary="{labels[zone]} is slow"), group_by=["zone"])
    made.step(*MOMENTS)
    assert [(one.status, one.at, one.labels) for one in made.letters] == [
        ("firing", 1010, {"zone": "z"}),
        ("firing", 1030, {"zone": "z"}),
        ("resolved", 1100, {"zone": "z"}),
    ]
    assert made.letters[0].summary == "z is slow"
    assert made.letters[1].summary == "z is slow (2 alerts: host=a; host=b)"
    assert len({one.fingerprint for one in made.letters}) == 1


def test_other_groups_after_a_restart_close_the_old_ones_and_tell_the_new_ones(service):
    made = service(ScriptedBackend(m={(("host", "a"), ("zone", "z")): 5.0}), rule())
    made.step(1000)
    made.options = made.options.model_copy(update={"group_by": ("zone",)})
    made.restart()
    made.step(1010, 1020)
    assert [(one.status, one.labels) for one in made.letters] == [
        ("firing", {"host": "a", "zone": "z"}),
        ("firing", {"zone": "z"}),
        ("resolved", {"host": "a", "zone": "z"}),
    ]
    assert "in another group" in made.letters[2].summary


def test_an_alert_of_a_rule_that_was_removed_is_closed_and_says_so(service):
    made = service(ScriptedBackend(m=5.0, n=0.0), rule(), rule("Other", "n"))
    made.step(1000)
    made.restart(rule("Other", "n"))
    made.step(1010)
    assert made.told == [("Rule", "firing", 1000), ("Rule", "resolved", 1010)]
    assert made.letters[1].summary.startswith("Its rule was removed.")
    assert made.state.history.episodes()[0].end == "removed"
    assert "Rule" not in made.state.rules.load()


def test_what_has_lost_its_data_for_good_is_not_told_as_resolved(service):
    def script(at):
        return {(("host", "a"),): 5.0, (("host", "b"),): 0.0} if at < 1100 else {(("host", "b"),): 0.0}

    made = service(ScriptedBackend(m=script), rule(interval=100), repeat=0)
    made.step(*range(1000, 6000, 100))
    assert [(one.status, one.key.rpartition(":")[2]) for one in made.letters] == [
        ("firing", "0"),
        ("firing", "expired"),
    ]
    assert "Its data ended" in made.letters[1].summary
    assert made.state.history.episodes()[0].end == "expired"


def test_alerts_go_to_those_whom_their_route_names(service):
    routes = [{"severity": "critical", "notify": ["pager", "mail"]}, {"notify": ["mail"]}]
    made = service(
        ScriptedBackend(m=5.0), rule("a", severity="critical"), rule("b"), notifiers=("mail", "pager"), routes=routes
    )
    made.step(1000)
    assert sorted((one.notifier, one.notification.rule) for one in made.state.outbox.recent()) == [
        ("mail", "a"),
        ("mail", "b"),
        ("pager", "a"),
    ]


def test_evaluations_that_were_missed_are_counted_and_told(service):
    made = service(ScriptedBackend(m=5.0), rule(), catch_up=30)
    made.step(1000)
    made.restart()
    made.now = 2005.0

    async def scenario():
        running = asyncio.create_task(made.engine.run())
        while made.engine.evaluated_at is None or made.engine.states["Rule"].at < 2000:
            await asyncio.sleep(0.001)
        running.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 20))
    assert made.engine.missed == {"Rule": 97}  # 1010 to 1970; 1980, 1990 and 2000 are made up for
    (entry,) = [one for one in made.state.history.entries(since=0) if one.change == "missed"]
    assert (entry.rule, entry.value, entry.at) == ("Rule", 97, 2005)
    assert [at for _, at in made.backend.asked] == [1000, 1980, 1990, 2000]


@pytest.mark.parametrize("restarted", [True, False])
def test_a_clock_that_was_set_back_stops_nothing(service, restarted, monkeypatch, caplog):
    year = 365 * 86_400.0
    monkeypatch.setattr("socketscope.alerts.engine.NAP", 0.001)
    made = service(ScriptedBackend(m=lambda at: 5.0 if at > year else 0.0, n=5.0), rule(), rule("New", "n", for_=20))

    async def run_at(*clocks):
        running = asyncio.create_task(made.engine.run())
        for made.now in clocks:
            while made.engine.evaluated_at != made.now:
                await asyncio.sleep(0.001)
        running.cancel()

    if restarted:
        asyncio.run(asyncio.wait_for(run_at(year + 1000), 20))
        made.restart()
        asyncio.run(asyncio.wait_for(run_at(2005.0), 20))
    else:
        asyncio.run(asyncio.wait_for(run_at(year + 1000, 2005.0), 20))
    assert "the clock was set back by" in caplog.text
    made.step(2010, 2020, 2030)
    assert made.told == [("Rule", "firing", year + 1000), ("Rule", "resolved", 2000), ("New", "firing", 2030)]


def test_an_evaluation_that_raises_is_told_and_the_loop_goes_on(service, monkeypatch, caplog):
    made = service(ScriptedBackend(m=5.0), rule())
    made.now = 1000.0
    monkeypatch.setattr("socketscope.alerts.engine.NAP", 0.001)
    problems = []
    calls = iter([True, True, False])
    original = made.engine.evaluate

    async def sometimes(due):
        problems.append(made.engine.problem)
        if next(calls, False):
            raise StateError("the disk is full")
        await original(due)

    monkeypatch.setattr(made.engine, "evaluate", sometimes)

    async def scenario():
        running = asyncio.create_task(made.engine.run())
        while made.engine.evaluated_at is None or made.engine.problem:
            await asyncio.sleep(0.001)
        running.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 20))
    assert problems == [None, "StateError: the disk is full", "StateError: the disk is full"]
    assert made.told == [("Rule", "firing", 1000)]
