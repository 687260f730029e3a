"""When the report of which day is made. Pure."""

from __future__ import annotations

import itertools
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim

MOST: Final = 1000
"""Reports that are looked for at once."""


def due(at: time, zone: str, *, after: float, until: float) -> list[tuple[date, float]]:
    """Return the days whose reports are to be made in `(after, until]`, and when, in their order.

    Each local day has one such moment, the day after: where clocks skip it, as soon as they go on; where it comes
    twice, once.
    """
    moments = itertools.takewhile(lambda moment: moment.timestamp() <= until, _moments(at, zone, after))
    return [(_day_before(moment), moment.timestamp()) for moment in itertools.islice(moments, MOST)]


def following(at: time, zone: str, *, after: float) -> float:
    """Return when the next report is to be made."""
    return next(_moments(at, zone, after)).timestamp()


def _moments(at: time, zone: str, after: float) -> CronSim:
    return CronSim(f"{at.minute} {at.hour} * * *", datetime.fromtimestamp(after, ZoneInfo(zone)))


def _day_before(moment: datetime) -> date:
    return moment.date() - timedelta(days=1)
