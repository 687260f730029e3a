from itertools import pairwise

import pytest

from socketscope.alerts.schedule import Due, Schedule


def run(schedule, until):
    moments = []
    while (due := schedule.next()).moment <= until:
        moments.append((due.moment, due.rules))
        schedule.done(due)
    return moments


def test_moments_are_multiples_of_the_interval_whenever_the_program_started():
    schedule = Schedule({"a": 10}, {}, catch_up=60)
    assert schedule.skip(1003.7) == {}
    assert run(schedule, 1030) == [(1000, ("a",)), (1010, ("a",)), (1020, ("a",)), (1030, ("a",))]


def test_rules_that_are_due_at_the_same_moment_are_due_together():
    schedule = Schedule({"a": 10, "b": 15, "c": 30}, {}, catch_up=60)
    schedule.skip(30)
    assert run(schedule, 60) == [
        (30, ("a", "b", "c")),
        (40, ("a",)),
        (45, ("b",)),
        (50, ("a",)),
        (60, ("a", "b", "c")),
    ]


def test_after_a_restart_it_goes_on_behind_the_last_evaluation():
    schedule = Schedule({"a": 10}, {"a": 970}, catch_up=60)
    assert schedule.skip(1003) == {}
    assert schedule.next() == Due(980, ("a",))


def test_an_evaluation_is_not_made_twice():
    schedule = Schedule({"a": 10}, {"a": 1000}, catch_up=60)
    schedule.skip(1003)
    assert schedule.next().moment == 1010


def test_what_is_too_old_is_passed_over_and_counted():
    schedule = Schedule({"a": 10, "b": 100}, {"a": 500, "b": 900}, catch_up=60)
    assert schedule.skip(1003) == {"a": 44}  # 510 to 940
    assert schedule.next() == Due(950, ("a",))
    assert schedule.skip(1003) == {}


def test_without_making_up_for_anything_only_the_newest_is_due():
    schedule = Schedule({"a": 10}, {"a": 900}, catch_up=0)
    assert schedule.skip(1003) == {"a": 9}
    assert schedule.next().moment == 1000


def test_a_rule_that_takes_longer_than_the_time_to_catch_up_is_still_evaluated():
    schedule = Schedule({"a": 300}, {"a": 600}, catch_up=60)
    assert schedule.skip(1190) == {}
    assert schedule.next().moment == 900


@pytest.mark.parametrize("interval", [0.1, 0.25, 0.3, 7, 15])
def test_no_moment_is_left_out_or_made_twice_by_arithmetic(interval):
    start = 1_795_000_000.0
    schedule = Schedule({"a": interval}, {}, catch_up=60)
    schedule.skip(start)
    moments = [moment for moment, _ in run(schedule, start + 1000 * interval)]
    assert len(moments) in {1000, 1001}
    assert [round((late - early) / interval, 3) for early, late in pairwise(moments)] == [1.0] * (len(moments) - 1)
    # The same after a restart at each of them.
    for early, late in pairwise(moments[:50]):
        again = Schedule({"a": interval}, {"a": early}, catch_up=60)
        again.skip(late)
        assert again.next().moment == late


def test_an_interval_that_was_changed_goes_on_at_its_own_multiples():
    schedule = Schedule({"a": 7}, {"a": 1000}, catch_up=60)
    schedule.skip(1003)
    assert schedule.next().moment == 1001


def test_rules_that_are_ahead_of_a_clock_that_was_set_back_begin_anew():
    schedule = Schedule({"a": 10, "b": 10}, {"a": 90_000, "b": 990}, catch_up=60)
    assert schedule.ahead(1003) == 88_997
    schedule.forget_future(1003)
    assert schedule.ahead(1003) == 0
    assert schedule.skip(1003) == {}
    assert schedule.next() == Due(1000, ("a", "b"))
    assert Schedule({}, {}, catch_up=0).ahead(0) == 0
