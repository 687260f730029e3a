from dataclasses import replace

import pytest

from socketscope.backends.exports import (
    SDK_INTERVAL,
    ExportGap,
    Reports,
    account,
    missing_between,
    observed,
    stands,
)

SINCE, UNTIL = 1000.0, 2000.0

RUNNING = Reports(
    id="one",
    service="chat",
    started_at=500.0,
    before=True,
    first=1003.0,
    up_to_first=1,
    last=1993.0,
    newest=2003.0,
    seen=100,
    interval=10.0,
    open_at_last=3,
    missing=0,
    gaps=(),
)


def told(**changes):
    [found] = account([replace(RUNNING, **changes)], since=SINCE, until=UNTIL)
    return found


@pytest.mark.parametrize(("gap", "missing"), [(9, 0), (10, 0), (14.9, 0), (15.1, 1), (20, 1), (24, 1), (31, 2)])
def test_exports_are_missing_where_a_gap_is_a_half_longer_than_it_should_be(gap, missing):
    assert missing_between(gap, 10) == missing


def test_several_exports_at_the_end_of_a_gap_fill_it():
    assert missing_between(60, 10, 6) == 0
    assert missing_between(60, 10, 4) == 2


def test_the_interval_is_the_median_and_gaps_are_what_exceeds_it():
    assert observed([0, 10, 20, 50, 60]) == (10, [ExportGap(20, 50, 2)])
    assert observed([0, 10, 10, 20]) == (10, [])
    assert observed([7]) == (None, [])
    assert observed([]) == (None, [])


def test_a_report_stands_three_intervals_between_a_quarter_of_a_minute_and_five():
    assert [stands(interval) for interval in (1, 10, 60, 600)] == [15, 30, 180, 300]


def test_of_a_process_that_ran_through_nothing_is_missing():
    found = told()
    assert (found.began, found.goes_on, found.seen, found.missing, found.vanished) == (SINCE, True, 100, 0, False)


def test_what_it_should_have_sent_at_the_begin_and_at_the_end_is_missing():
    found = told(first=1043.0, last=1943.0)
    assert found.missing == 3 + 5
    assert list(found.gaps) == [ExportGap(1943.0, UNTIL, 5), ExportGap(SINCE, 1043.0, 3)]


def test_gaps_in_between_are_added():
    found = told(missing=7, gaps=(ExportGap(1200.0, 1280.0, 7),))
    assert (found.missing, found.gaps[0].missing) == (7, 7)


def test_one_that_began_is_expected_from_its_start_on():
    found = told(before=False, started_at=1500.0, first=1510.0)
    assert (found.began, found.missing) == (1500.0, 0)
    assert told(before=False, started_at=1500.0, first=1550.0).missing == 4


def test_one_whose_start_is_not_known_is_taken_for_punctual():
    found = told(before=False, started_at=None, first=1550.0)
    assert (found.began, found.missing) == (1540.0, 0)


def test_one_that_was_stopped_is_not_expected_any_more():
    found = told(last=1503.0, newest=1503.0, open_at_last=0)
    assert (found.goes_on, found.missing, found.vanished) == (False, 0, False)


def test_one_that_fell_silent_with_open_connections_owes_its_last_export():
    found = told(last=1503.0, newest=1503.0, open_at_last=4)
    assert (found.goes_on, found.missing, found.vanished, found.open_at_last) == (False, 1, True, 4)
    assert found.gaps == [ExportGap(1503.0, 1513.0, 1)]


def test_silence_shortly_before_the_end_is_no_end_unless_all_was_closed():
    assert told(last=1975.0, newest=1975.0).goes_on
    assert told(last=1975.0, newest=1975.0).missing == 2
    stopped = told(last=1975.0, newest=1975.0, open_at_last=0)
    assert (stopped.goes_on, stopped.missing) == (False, 0)


def test_of_several_that_come_as_one_each_is_counted():
    assert told(first=1059.0, up_to_first=6).missing == 0
    assert told(first=1059.0, up_to_first=4).missing == 2


def test_few_exports_are_judged_by_the_longest_time_between_two():
    short = {"before": False, "started_at": 1500.0, "first": 1560.0, "last": 1563.0, "newest": 1563.0, "seen": 2}
    found = told(**short, interval=3.0, open_at_last=0)
    assert (found.interval, found.missing) == (60.0, 0), "it exports every minute, and once more when it is stopped"


def test_without_an_interval_that_of_the_others_is_taken_or_the_sdk_s():
    lonely = replace(RUNNING, seen=1, first=1993.0, interval=None)
    others = account([RUNNING, replace(RUNNING, interval=20.0), lonely], since=SINCE, until=UNTIL)
    assert others[2].interval == 15
    assert account([lonely], since=SINCE, until=UNTIL)[0].interval == SDK_INTERVAL
