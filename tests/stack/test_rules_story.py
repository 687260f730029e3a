"""The exported rules on the real Prometheus, and ours at the same timestamps."""

from collections import Counter

import pytest
import rules_story


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    return rules_story.tell(tmp_path_factory.mktemp("rules"))


def test_everything_arrived_before_it_was_evaluated(facts):
    assert facts.lateness < rules_story.DELAY


def test_where_there_is_data_all_three_are_in_the_same_state_at_every_evaluation(facts):
    assert facts.evaluations >= 30
    assert not facts.unequal, "\n".join(map(str, facts.unequal))
    assert not facts.since_differs, "\n".join(facts.since_differs)


def test_every_rule_fired_and_resolved_with_data(facts):
    changes = Counter()
    for (rule, _, after), times in facts.changes().items():
        changes[rule, after] += times
    with_data = {row.rule for row in facts.rows} - {"NothingIsBad"}  # which fires where there is none
    assert {rule for rule, after in changes if after == "firing"} == with_data
    assert {rule for rule, after in changes if after == "inactive"} >= with_data
    assert changes["Flapping", "firing"] >= 4
    assert changes["FlappingHeld", "firing"] <= 2  # for each of two routes


def test_both_backends_give_the_same_states_also_in_the_gap(facts):
    assert not facts.backends_unequal, "\n".join(map(str, facts.backends_unequal))


def test_in_the_gap_ours_keeps_firing_what_prometheus_resolves(facts):
    assert {row.rule for row in facts.kept} >= {"Flapping"}
    assert not [row for row in facts.rows if not row.data and row.prometheus == "firing" != row.embedded]


def test_where_no_data_is_bad_the_gap_itself_fires_in_both(facts):
    states = {(row.prometheus, row.embedded) for row in facts.rows if row.rule == "NothingIsBad" and not row.data}
    assert ("firing", "firing") in states


def test_plain_promql_says_the_same_but_for_counts_around_a_restart_in_its_place(facts):
    assert {row.rule for row in facts.portable_unequal} <= {"ErrorRatio"}
