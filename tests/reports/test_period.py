import itertools
import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from socketscope.errors import ConfigurationError
from socketscope.reports.period import between, compared_with, day, day_before, earlier

MADRID = "Europe/Madrid"


@pytest.mark.parametrize(
    ("zone", "of", "hours"),
    [
        ("UTC", date(2026, 11, 3), 24),
        (MADRID, date(2026, 3, 29), 23),
        (MADRID, date(2026, 10, 25), 25),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("Asia/Kathmandu", date(2026, 11, 3), 24),
    ],
)
def test_a_local_day_is_as_long_as_clocks_make_it(zone, of, hours):
    period = day(of, zone)
    assert period.hours == hours
    assert (period.start.date(), period.start.hour, period.end.hour) == (of, 0, 0)
    assert period.day == of


def test_a_day_without_a_midnight_begins_when_clocks_have_been_put_forward():
    period = day(date(2018, 11, 4), "America/Sao_Paulo")
    assert (period.start.hour, period.hours) == (1, 23)
    assert day(date(2018, 11, 3), "America/Sao_Paulo").until == period.since


def test_a_day_with_two_midnights_begins_with_the_first_and_ends_before_the_next_day():
    period = day(date(2026, 11, 1), "America/Havana")
    assert (period.hours, period.start.fold) == (25, 0)
    assert day(date(2026, 10, 31), "America/Havana").until == period.since
    assert day(date(2026, 11, 2), "America/Havana").since == period.until


def test_a_day_that_never_was_is_refused_with_its_zone():
    with pytest.raises(ConfigurationError, match=r"2011-12-30.*Pacific/Apia"):
        day(date(2011, 12, 30), "Pacific/Apia")


@pytest.mark.parametrize("of", [date.min, date(1970, 12, 31), date(2262, 1, 1), date.max])
def test_a_day_of_which_there_can_be_no_telemetry_is_refused(of):
    with pytest.raises(ConfigurationError, match="from 1971 to 2261"):
        day(of, MADRID)


def test_days_adjoin_through_a_whole_year():
    days = [day(date.fromordinal(date(2026, 1, 1).toordinal() + number), MADRID) for number in range(365)]
    assert all(one.until == other.since for one, other in itertools.pairwise(days))
    assert sum(one.hours for one in days) == 365 * 24


def test_the_day_that_is_over_is_that_before_the_local_date():
    just_after_midnight = datetime(2026, 11, 3, 0, 1, tzinfo=ZoneInfo(MADRID)).timestamp()
    assert day_before(just_after_midnight, MADRID).day == date(2026, 11, 2)
    assert day_before(just_after_midnight, "UTC").day == date(2026, 11, 1)


def test_any_period_may_be_reported_and_one_that_is_a_day_is_known_as_such():
    of = day(date(2026, 3, 29), MADRID)
    assert between(of.since, of.until, MADRID) == of
    assert between(of.since, of.until, "UTC").day is None
    assert between(of.since, of.since + 60, MADRID).hours == pytest.approx(1 / 60)


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        (10**9, 10**9, "later than since"),
        (10**9, 10**9 + 367 * 86_400, "366 days"),
        (math.nan, 10**9, "since=nan"),
        (10**9, math.inf, "until=inf"),
        (0, 86_400, "since=0.*from 1971 to 2261"),
    ],
)
def test_periods_that_are_none_or_too_long_are_refused(since, until, told):
    with pytest.raises(ConfigurationError, match=told):
        between(since, until, "UTC")


def test_a_day_is_compared_with_the_one_before_and_the_same_weekdays_by_the_clock():
    before, weeks = compared_with(day(date(2026, 3, 30), MADRID))
    assert (before.day, before.hours) == (date(2026, 3, 29), 23)
    assert [week.day for week in weeks] == [date(2026, 3, 23), date(2026, 3, 16), date(2026, 3, 9), date(2026, 3, 2)]
    assert {week.start.hour for week in weeks} == {0}, "winter time and summer time alike"


def test_other_periods_are_compared_with_the_same_times_of_the_clock_and_the_same_length_before():
    noon = datetime(2026, 3, 30, 12, tzinfo=ZoneInfo(MADRID)).timestamp()
    period = between(noon, noon + 3 * 3600, MADRID)
    before, weeks = compared_with(period)
    assert (before.since, before.until) == (noon - 3 * 3600, noon)
    assert [(week.start.hour, week.hours) for week in weeks] == [(12, 3)] * 4
    assert earlier(period, 7).start.day == 23


def test_a_day_that_a_zone_has_skipped_is_compared_with_nothing():
    before, weeks = compared_with(day(date(2011, 12, 31), "Pacific/Apia"))
    assert (before.day, before.hours) == (None, 24)
    assert len(weeks) == 4
    assert len(compared_with(day(date(2012, 1, 6), "Pacific/Apia"))[1]) == 3
