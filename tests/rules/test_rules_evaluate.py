"""The evaluator: pure, like Prometheus where there is data, and never resolving without."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketscope.query.model import Query
from socketscope.rules.evaluate import EXPIRY, evaluate
from socketscope.rules.model import Rule
from socketscope.rules.observe import Observation, Reading
from socketscope.rules.state import RuleState, fingerprint

A, B = (("http.route", "/a"),), (("http.route", "/b"),)
FAILED = Observation(problem="refused", unreachable=True)


def rule(**keys):
    return Rule(**{"name": "Many", "query": Query("m", by=("http.route",)), "above": 10, "interval": 10.0} | keys)


def seen(**values):
    return Observation({{"a": A, "b": B, "none": ()}[name]: Reading(value) for name, value in values.items()})


def follow(of, observations, *, state=None, start=0.0, step=10.0):
    """States of label set A, and all transitions as (from, to, at)."""
    state = state or RuleState()
    states, changes = [], []
    for index, observation in enumerate(observations):
        state, found = evaluate(of, state, observation, at=start + index * step)
        states.append(state.alerts[A].state if A in state.alerts else "inactive")
        changes += [(change.before, change.after, change.at) for change in found]
    return states, changes, state


def letters(states):
    return "".join(state[0] for state in states)


HIGH, LOW, NONE = seen(a=11), seen(a=1), Observation()


@pytest.mark.parametrize(
    ("keys", "given", "expected"),
    [
        ({}, [LOW, HIGH, LOW], "ifi"),
        ({"for_": 20}, [HIGH, HIGH, HIGH, LOW], "ppfi"),
        ({"for_": 20}, [HIGH, HIGH, LOW, HIGH, HIGH, HIGH], "ppippf"),
        ({"for_": 15}, [HIGH, HIGH, HIGH], "ppf"),
        ({"keep_firing_for": 20}, [HIGH, LOW, LOW, LOW, LOW], "fffii"),
        ({"keep_firing_for": 20}, [HIGH, LOW, LOW, HIGH, LOW, LOW, LOW], "ffffffi"),
        ({"keep_firing_for": 5}, [HIGH, LOW, LOW], "ffi"),
        ({"for_": 10}, [HIGH, NONE, HIGH, HIGH], "pppf"),
        ({"for_": 10}, [HIGH, NONE, LOW], "ppi"),
        ({}, [HIGH, NONE, NONE, NONE, LOW], "ffffi"),
        ({"keep_firing_for": 20}, [HIGH, LOW, NONE, LOW, LOW, LOW], "fffffi"),
        ({"for_": 10}, [HIGH, FAILED, HIGH], "ppf"),
        ({}, [HIGH, FAILED, FAILED, FAILED, FAILED, LOW], "fffffi"),
        ({"above": None, "below": 10}, [LOW, HIGH], "fi"),
    ],
)
def test_states_follow_what_is_observed(keys, given, expected):
    assert letters(follow(rule(**keys), given)[0]) == expected


def test_a_value_at_the_threshold_is_no_breach():
    assert follow(rule(), [seen(a=10)])[0] == ["inactive"]
    assert follow(rule(above=None, below=10), [seen(a=10)])[0] == ["inactive"]


def test_what_is_no_number_is_no_data_and_what_is_infinite_is_a_breach():
    assert letters(follow(rule(), [HIGH, seen(a=math.nan), seen(a=math.inf)])[0]) == "fff"


def test_too_little_never_breaches_and_resolves():
    little = Observation({A: Reading(1000.0, enough=False)})
    assert letters(follow(rule(), [little, HIGH, little])[0]) == "ifi"


def test_after_three_intervals_without_an_evaluation_for_is_counted_anew():
    _, _, state = follow(rule(for_=30), [HIGH])
    kept, _ = evaluate(rule(for_=30), state, HIGH, at=30.0)
    assert kept.alerts[A].state == "firing"
    assert kept.missed == 2
    late, _ = evaluate(rule(for_=30), state, HIGH, at=40.0)
    assert (late.alerts[A].state, late.alerts[A].since, late.missed) == ("pending", 40.0, 3)


def test_a_firing_alert_outlives_any_gap_in_the_evaluations():
    _, _, state = follow(rule(keep_firing_for=20), [HIGH])
    later, changes = evaluate(rule(keep_firing_for=20), state, LOW, at=86_400.0)
    assert (later.alerts[A].state, later.alerts[A].quiet_since, changes) == ("firing", 86_400.0, ())


def test_health_stands_beside_the_states():
    _, _, state = follow(rule(), [HIGH])
    assert (state.health, state.problem) == ("ok", None)
    state, _ = evaluate(rule(), state, FAILED, at=10.0)
    assert (state.health, state.problem, state.at, state.observed_at) == ("query failed", "refused", 10.0, 0.0)
    state, _ = evaluate(rule(), state, NONE, at=20.0)
    assert (state.health, state.problem) == ("no data", None)
    assert state.alerts[A].state == "firing"


def test_an_evaluation_that_was_made_already_changes_nothing():
    _, _, state = follow(rule(), [HIGH])
    for at in (0.0, -10.0):
        assert evaluate(rule(), state, LOW, at=at) == (state, ())


def test_a_label_set_that_is_gone_while_others_are_there_is_given_up_after_an_hour_and_not_called_resolved():
    _, _, state = follow(rule(), [seen(a=11, b=1)])
    count, at, changes = 0, 0.0, ()
    while not changes:
        count, at = count + 1, at + 10
        state, changes = evaluate(rule(), state, seen(b=1), at=at)
    [change] = changes
    assert (change.before, change.after, change.expired, change.resolved) == ("firing", "inactive", True, False)
    assert change.alert.value == 11
    assert at == 10 + EXPIRY
    assert not state.alerts


def test_the_hour_begins_anew_when_nothing_at_all_was_known_meanwhile():
    _, _, state = follow(rule(), [seen(a=11, b=1), seen(b=1)])
    state, _ = evaluate(rule(), state, NONE, at=EXPIRY - 10)
    state, changes = evaluate(rule(), state, seen(b=1), at=EXPIRY + 100)
    assert not changes
    assert state.alerts[A].state == "firing"


def test_a_resolved_alert_tells_the_value_that_resolved_it():
    _, _, state = follow(rule(), [seen(a=11)])
    _, [change] = evaluate(rule(), state, seen(a=3), at=10.0)
    assert (change.resolved, change.alert.value, change.alert.fired_at) == (True, 3, 0.0)


def test_where_no_data_is_bad_it_fires_without_labels_and_resolves_when_there_is_data_of_anything():
    of = rule(no_data="alert", for_=10)
    state = RuleState()
    told = []
    for index, observation in enumerate([seen(b=1), NONE, NONE, FAILED, seen(b=1)]):
        state, changes = evaluate(of, state, observation, at=10.0 * index)
        told += [(dict(change.alert.labels), change.after, change.alert.value) for change in changes]
    assert told == [({}, "pending", None), ({}, "firing", None), ({}, "inactive", None)]


def test_the_fingerprint_is_of_the_rule_and_all_labels_and_stays_when_the_rules_labels_change():
    _, _, state = follow(rule(labels={"team": "x"}), [HIGH])
    alert = state.alerts[A]
    assert alert.labels == {"team": "x", "http.route": "/a"}
    assert alert.fingerprint == fingerprint("Many", {"http.route": "/a", "team": "x"})
    assert len(alert.fingerprint) == 64
    assert fingerprint("Many", {"a": "b"}) != fingerprint("Many", {"a": "c"}) != fingerprint("More", {"a": "c"})
    state, _ = evaluate(rule(labels={"team": "y"}), state, HIGH, at=10.0)
    assert state.alerts[A].fingerprint == alert.fingerprint


def test_a_state_that_is_none_is_refused():
    for text in ("{}", "[]", '{"alerts": [{"key": {}}]}', '{"alerts": [], "healthy": 1}', "nonsense"):
        with pytest.raises(ValueError, match=r"no state of a rule|Expecting"):
            RuleState.from_json(text)


observations = st.one_of(
    st.fixed_dictionaries({}, optional={"a": st.sampled_from([1.0, 11.0]), "b": st.sampled_from([1.0, 11.0])}).map(
        lambda values: seen(**values)
    ),
    st.just(FAILED),
)
rules = st.builds(
    rule,
    for_=st.sampled_from([0.0, 10.0, 25.0]),
    keep_firing_for=st.sampled_from([0.0, 10.0, 25.0]),
    no_data=st.sampled_from(["keep", "alert"]),
)


@settings(deadline=None)
@given(rules, st.lists(st.tuples(observations, st.sampled_from([10.0, 20.0, 35.0, 100.0])), max_size=40))
def test_an_alert_resolves_on_a_real_value_and_on_nothing_else(of, steps):
    state, at = RuleState(), 0.0
    for observation, pause in steps:
        at += pause
        state, changes = evaluate(of, state, observation, at=at)
        for change in changes:
            if change.resolved and change.alert.labels:
                key = tuple(change.alert.labels.items())
                assert observation.readings[key].value == 1.0
            if change.resolved and not change.alert.labels:
                assert observation.readings
        # A restart at any point continues as if there had been none.
        assert RuleState.from_json(state.to_json()) == state


@settings(deadline=None)
@given(rules, st.lists(st.sampled_from([1.0, 11.0]), max_size=40))
def test_with_data_at_every_evaluation_it_is_the_state_machine_of_prometheus(of, values):
    expected = prometheus(values, of.for_, of.keep_firing_for, 10.0)
    assert follow(of, [seen(a=value) for value in values])[0] == expected


def prometheus(values, hold, keep, step):
    """Its documented states of an alert, written down independently: times are kept as numbers of evaluations."""
    states, breaches, quiet, firing = [], 0, 0, False
    for value in values:
        if value > 10:
            breaches, quiet = breaches + 1, 0
            firing = firing or (breaches - 1) * step >= hold
        elif firing:
            quiet += 1
            if (quiet - 1) * step >= keep:
                firing, breaches, quiet = False, 0, 0
        else:
            breaches = 0
        states.append("firing" if firing else "pending" if breaches else "inactive")
    return states
