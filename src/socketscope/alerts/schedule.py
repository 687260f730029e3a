"""When which rule is evaluated: at multiples of its interval, whatever the time at which the program started."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_ROUNDING = 1e-4
"""Part of an interval by which a moment of the grid and a time may differ for no reason but arithmetic."""
_SAME = 1e-6
"""Seconds within which two moments are one."""


@dataclass(frozen=True, slots=True)
class Due:
    """Rules, by name, that are to be evaluated for one moment."""

    moment: float
    rules: tuple[str, ...]


class Schedule:
    """Goes through the moments in order. `intervals`: rule -> seconds; `last`: rule -> its last evaluation, if any.

    What could not be done in time is due as long as it is not older than `catch_up` seconds.
    """

    def __init__(self, intervals: Mapping[str, float], last: Mapping[str, float], *, catch_up: float) -> None:
        self._intervals = dict(intervals)
        self._catch_up = catch_up
        # Moments are counted, as sums of intervals would drift.
        self._done = {rule: _index(last[rule], interval) for rule, interval in intervals.items() if rule in last}

    def skip(self, now: float) -> dict[str, int]:
        """Pass over what is too old; rule -> evaluations that are missed by that, where there are any."""
        missed = {}
        for rule, interval in self._intervals.items():
            newest = _index(now, interval)
            oldest = min(newest, math.ceil((now - self._catch_up) / interval - _ROUNDING))
            following = self._done.get(rule, newest - 1) + 1
            if following < oldest:
                missed[rule] = oldest - following
                following = oldest
            self._done[rule] = following - 1
        return missed

    def ahead(self, now: float) -> float:
        """Return the seconds by which the latest evaluation lies in the future; 0 if none does."""
        ahead = [index * self._intervals[rule] - now for rule, index in self._done.items()]
        return max([0.0, *ahead])

    def forget_future(self, now: float) -> None:
        """Let rules whose last evaluation lies in the future begin anew; `skip` comes next."""
        self._done = {rule: index for rule, index in self._done.items() if index * self._intervals[rule] <= now}

    def next(self) -> Due:
        """Return what is due first, which may be in the past or in the future; `skip` comes before it."""
        moments = {rule: (self._done[rule] + 1) * interval for rule, interval in self._intervals.items()}
        first = min(moments.values())
        rules = tuple(rule for rule, moment in moments.items() if moment - first < _SAME)
        return Due(round(first, 6), rules)

    def done(self, due: Due) -> None:
        """Go on to what is due next."""
        for rule in due.rules:
            self._done[rule] += 1


def _index(moment: float, interval: float) -> int:
    return math.floor(moment / interval + _ROUNDING)
