"""Which stretch of time a report is about: a local day, from midnight to midnight, or any other. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from socketscope.errors import ConfigurationError
from socketscope.reports.model import Period

LONGEST: Final = timedelta(days=366)
"""The longest period of a report."""
YEARS: Final = range(1971, 2262)
"""Years of periods: nanoseconds since 1970, in which telemetry has its times, fit into 63 bits until 2262."""
WEEKS: Final = 4
"""Weeks before, with which a period is compared."""
_BEGIN, _END = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (YEARS.start, YEARS.stop))


def day(of: date, zone: str) -> Period:
    """Give the local day, `[midnight, next midnight)`: 23 or 25 hours long where clocks are changed.

    Where midnight does not exist, the day begins when clocks have been put forward; where it comes twice, with the
    first. Raises `ConfigurationError` for a day that a zone has skipped, and for one out of `YEARS`.
    """
    if of.year not in YEARS:
        raise ConfigurationError("date", of.isoformat(), f"a day from {YEARS[0]} to {YEARS[-1]}")
    since, until = _midnight(of, zone), _midnight(of + timedelta(days=1), zone)
    if not since < until:
        raise ConfigurationError("date", of.isoformat(), f"a day that there was in {zone}")
    return Period(since=since, until=until, zone=zone, day=of)


def day_before(moment: float, zone: str) -> Period:
    """Give the last local day that is over at `moment` (epoch seconds)."""
    local = datetime.fromtimestamp(moment, ZoneInfo(zone)).date()
    return day(local - timedelta(days=1), zone)


def between(since: float, until: float, zone: str) -> Period:
    """Give any period; a local day where it is one.

    Raises `ConfigurationError` for one that is empty or too long, or out of `YEARS`.
    """
    for name, moment in (("since", since), ("until", until)):
        if not _BEGIN <= moment < _END:  # nor is what is not a number
            raise ConfigurationError(name, moment, f"a time from {YEARS[0]} to {YEARS[-1]}")
    if not since < until:
        raise ConfigurationError("until", _text(until, zone), f"a time later than since, {_text(since, zone)}")
    if until - since > LONGEST.total_seconds():
        raise ConfigurationError("since", _text(since, zone), f"a period of {LONGEST.days} days at the most")
    local = datetime.fromtimestamp(since, ZoneInfo(zone)).date()
    if (since, until) == (_midnight(local, zone), _midnight(local + timedelta(days=1), zone)):
        return Period(since=since, until=until, zone=zone, day=local)
    return Period(since=since, until=until, zone=zone)


def earlier(period: Period, days: int) -> Period:
    """Give the same local period `days` earlier: of a day that one, of others the same times of the clock.

    Raises `ConfigurationError` for a day that the zone has skipped.
    """
    back = timedelta(days=days)
    if period.day:
        return day(period.day - back, period.zone)
    zone = ZoneInfo(period.zone)
    since = (period.start.replace(tzinfo=None, fold=0) - back).replace(tzinfo=zone).timestamp()
    return Period(since=since, until=since + (period.until - period.since), zone=period.zone)


def compared_with(period: Period) -> tuple[Period, list[Period]]:
    """Give the period before, and those 1 to `WEEKS` weeks before; a day that a zone has skipped is left out."""
    same_length = Period(since=period.since - (period.until - period.since), until=period.since, zone=period.zone)
    before = _there_was(period, 1) if period.day else same_length
    weeks = (_there_was(period, 7 * week) for week in range(1, WEEKS + 1))
    return before or same_length, [week for week in weeks if week]


def _there_was(period: Period, days: int) -> Period | None:
    try:
        return earlier(period, days)
    except ConfigurationError:
        return None


def _midnight(of: date, zone: str) -> float:
    return datetime.combine(of, time(), ZoneInfo(zone)).timestamp()


def _text(moment: float, zone: str) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone)).isoformat()
