from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketscope.reports.schedule import due, following

MADRID = "Europe/Madrid"


def local(*of, zone=MADRID, fold=0):
    return datetime(*of, tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def test_the_report_of_a_day_is_due_the_next_day_at_its_time():
    found = due(time(2), MADRID, after=local(2026, 11, 23, 12), until=local(2026, 11, 25, 12))
    assert found == [
        (date(2026, 11, 23), local(2026, 11, 24, 2)),
        (date(2026, 11, 24), local(2026, 11, 25, 2)),
    ]


def test_a_moment_belongs_to_the_stretch_that_ends_with_it():
    moment = local(2026, 11, 24, 2)
    assert due(time(2), MADRID, after=moment - 1, until=moment) == [(date(2026, 11, 23), moment)]
    assert due(time(2), MADRID, after=moment, until=moment + 3600) == []
    assert following(time(2), MADRID, after=moment) == local(2026, 11, 25, 2)


def test_a_time_that_clocks_skip_is_made_up_for_and_one_that_comes_twice_is_taken_once():
    skipped = due(time(2), MADRID, after=local(2026, 3, 28, 12), until=local(2026, 3, 29, 12))
    assert skipped == [(date(2026, 3, 28), local(2026, 3, 29, 3))]
    twice = due(time(2), MADRID, after=local(2026, 10, 24, 12), until=local(2026, 10, 25, 12))
    assert [day for day, _ in twice] == [date(2026, 10, 24)]


ZONES = st.sampled_from(
    ["UTC", MADRID, "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kathmandu"]
)


@given(
    at=st.times().map(lambda of: of.replace(second=0, microsecond=0)),
    zone=ZONES,
    begin=st.integers(1_577_836_800, 2_051_222_400),
)
def test_every_day_has_one_report_whatever_clocks_do(at, zone, begin):
    found = due(at, zone, after=begin, until=begin + 40 * 86_400)
    days = [day for day, _ in found]
    assert days == [days[0] + timedelta(days=i) for i in range(len(days))]
    assert 39 <= len(days) <= 41
    # The day is over when its report is made.
    for day, moment in found:
        assert datetime.fromtimestamp(moment, ZoneInfo(zone)).date() > day


@pytest.mark.parametrize("zone", ["UTC", MADRID])
def test_stretches_that_adjoin_find_each_report_once(zone):
    begin = local(2026, 10, 20, zone=zone)
    bounds = [begin + 1800 * step for step in range(24 * 2 * 10)]
    found = [one for a, b in pairwise(bounds) for one in due(time(2), zone, after=a, until=b)]
    assert found == due(time(2), zone, after=bounds[0], until=bounds[-1])
