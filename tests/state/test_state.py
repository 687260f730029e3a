import pytest

from alerts_fakes import note
from socketscope.rules.state import Alert, RuleState
from socketscope.state.history import Entry
from socketscope.state.notices import Notice
from socketscope.state.rule_states import Evaluated
from socketscope.state.silences import Silence
from socketscope.state.state import KEPT, State


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.sqlite"


@pytest.fixture
def state(path):
    state = State.open(path)
    yield state
    state.close()


def again(state):
    state.close()
    return State.open(state.path)


def test_states_of_rules_come_back_as_they_were(state):
    alert = Alert(labels={"a": "b"}, fingerprint="f", state="firing", since=1.0, value=float("inf"), fired_at=2.0)
    kept = Evaluated(RuleState(alerts={(("a", "b"),): alert}, health="ok", at=30.0, observed_at=30.0), 30.0)
    state.rules.save("One", kept)
    state.rules.save("Two", Evaluated(RuleState(), 15.0))
    state.rules.save("Two", Evaluated(RuleState(), 30.0))
    state.rules.forget("Three")
    reopened = again(state)
    assert reopened.rules.load() == {"One": kept, "Two": Evaluated(RuleState(), 30.0)}
    reopened.rules.forget("One")
    assert list(reopened.rules.load()) == ["Two"]
    reopened.close()


def test_notices_come_back_as_they_were(state):
    told = Notice(
        fingerprint="f", rule="One", firing=True, started_at=10, told_at=20, last=note(value=float("inf")), repeat=2
    )
    never = Notice(fingerprint="g", rule="Two", firing=False, started_at=10)
    state.notices.save(told)
    state.notices.save(never)
    reopened = again(state)
    assert reopened.notices.load() == {"f": told, "g": never}
    reopened.notices.forget("f")
    assert reopened.notices.load() == {"g": never}
    reopened.close()


def change(at, what, *, fingerprint="f", started_at=None, rule="One"):
    return Entry(
        at=at, rule=rule, fingerprint=fingerprint, labels={"a": fingerprint}, severity="warning", change=what,
        started_at=at if started_at is None else started_at, value=2.0,
    )  # fmt: skip


def test_alerts_of_a_time_are_those_that_fired_in_it_or_still_did(state):
    for entry in (
        change(10, "firing", fingerprint="before"),
        change(20, "resolved", fingerprint="before", started_at=10),
        change(30, "firing", fingerprint="into"),
        change(50, "pending", fingerprint="within"),
        change(60, "firing", fingerprint="within"),
        change(80, "expired", fingerprint="within", started_at=60),
        change(90, "firing", fingerprint="beyond"),
        change(110, "resolved", fingerprint="into", started_at=30),
        change(150, "firing", fingerprint="after"),
        change(160, "removed", fingerprint="beyond", started_at=90),
    ):
        state.history.add(entry)
    found = [(one.labels["a"], one.fired_at, one.ended_at, one.end) for one in state.history.during(20, 120)]
    assert found == [
        ("before", 10, 20, "resolved"),
        ("into", 30, 110, "resolved"),
        ("within", 60, 80, "expired"),
        ("beyond", 90, None, None),
    ], "the last one still fired at 120"
    assert [one.labels["a"] for one in state.history.during(20, 120, limit=1)] == ["beyond"]
    assert [one.labels["a"] for one in state.history.during(200, 300)] == ["after"], "which never ended"


def silence(**matchers):
    return Silence(id="s", matchers=matchers, created_at=0, expires_at=1, author="", reason="")


@pytest.mark.parametrize(
    ("matchers", "matches"),
    [
        ({"rule": "HighCpu"}, True),
        ({"rule": "High*"}, True),
        ({"rule": "Low*"}, False),
        ({"severity": "warning"}, True),
        ({"severity": "critical"}, False),
        ({"host": "a-1", "rule": "HighCpu"}, True),
        ({"host": "a-?"}, False),
        ({"host": "b", "rule": "HighCpu"}, False),
        ({"absent": "x"}, False),
        ({"absent": "*"}, True),
    ],
)
def test_a_silence_matches_an_alert_that_has_all_its_labels(matchers, matches):
    assert silence(**matchers).matches("HighCpu", "warning", {"host": "a-1"}) is matches


def test_a_silence_ends_by_itself_or_by_hand(state):
    one = state.silences.add({"rule": "One"}, author="ana", reason="deploy", now=100, seconds=60)
    two = state.silences.add({"rule": "Two"}, author="ana", reason="deploy", now=100, seconds=120)
    assert state.silences.active(159) == [one, two]
    assert state.silences.active(160) == [two]
    assert state.silences.expire(two.id, 161)
    assert not state.silences.expire(two.id, 162)
    assert not state.silences.expire("unknown", 162)
    assert state.silences.active(162) == []


@pytest.mark.parametrize(("matchers", "seconds"), [({}, 60), ({"rule": "x"}, 0), ({"rule": "x"}, float("nan"))])
def test_a_silence_of_everything_or_for_no_time_is_refused(state, matchers, seconds):
    with pytest.raises(ValueError, match=r"matchers|seconds"):
        state.silences.add(matchers, author="", reason="", now=0, seconds=seconds)


def entry(at, change, *, started_at=None, fingerprint="f"):
    return Entry(
        at=at,
        rule="One",
        fingerprint=fingerprint,
        labels={"a": "b"},
        severity="warning",
        change=change,
        started_at=started_at,
        value=at,
    )


def test_history_tells_each_transition_and_each_alert_from_firing_to_its_end(state):
    for told in (
        entry(1, "pending"),
        entry(2, "firing", started_at=2),
        entry(3, "firing", started_at=3, fingerprint="g"),
        entry(4, "resolved", started_at=2),
        entry(5, "firing", started_at=5),
    ):
        state.history.add(told)
    assert [one.at for one in state.history.entries(since=2)] == [5, 4, 3, 2]
    assert state.history.entries(since=5)[0] == entry(5, "firing", started_at=5)
    episodes = state.history.episodes()
    assert [(one.fingerprint, one.fired_at, one.ended_at, one.end) for one in episodes] == [
        ("f", 5, None, None),
        ("g", 3, None, None),
        ("f", 2, 4, "resolved"),
    ]
    assert episodes[0].labels == {"a": "b"}
    assert len(state.history.episodes(limit=1)) == 1


def test_what_is_old_is_dropped(state):
    state.history.add(entry(1, "pending"))
    state.history.add(entry(100, "pending"))
    state.silences.add({"rule": "x"}, author="", reason="", now=1, seconds=1)
    state.prune(KEPT + 50)
    assert [one.at for one in state.history.entries(since=0)] == [100]


def test_beats_are_remembered(state):
    assert state.beats.last("x") is None
    state.beats.done("x", 5.0)
    state.beats.done("x", 6.0)
    assert state.beats.last("x") == 6.0


def test_nothing_of_a_transaction_that_fails_is_kept_in_any_room(state):
    with pytest.raises(ZeroDivisionError), state.transaction():
        state.rules.save("One", Evaluated(RuleState(), 1.0))
        state.outbox.put("mail", note(), now=0)
        state.history.add(entry(1, "pending"))
        raise ZeroDivisionError
    assert (state.rules.load(), state.outbox.recent(), state.history.entries(since=0)) == ({}, [], [])
