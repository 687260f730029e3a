"""Which exports of its instances a backend got, of those that they should have sent. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

STANDS: Final = 15.0
"""Seconds for which a report of an instance stands at the least; three export intervals where that is longer."""
LOOKBACK: Final = 300.0
"""Seconds for which a report stands at the most, and how far is looked around a period for what belongs to it."""
SDK_INTERVAL: Final = 60.0
"""The OpenTelemetry SDK's default export interval, assumed where none can be observed."""
ENOUGH: Final = 4
"""Exports of an instance that tell how often it does; of fewer the longest time between two is taken."""
MOST_GAPS: Final = 50
"""Gaps of an instance that are told one by one, the longest ones."""


@dataclass(frozen=True, slots=True)
class ExportGap:
    """Between two moments `missing` exports should have come."""

    after: float
    before: float
    missing: int


@dataclass(frozen=True, slots=True)
class InstanceExports:
    """The exports of one process within a period.

    Where a process tells when it `started_at`, one that follows under the same id is another one.

    * `began`: since when exports are expected, its start or the period's. `last`: when the last one came.
    * `goes_on`: it reports after the period, too, or its last report still stands at the end.
    * `open_at_last`: connections that its last report told of; of an instance that does not go on they vanished.
    * `seen`: exports that came; `missing`: those that did not, of which `gaps` are the longest.
    """

    id: str
    service: str
    started_at: float | None
    began: float
    last: float
    goes_on: bool
    interval: float
    open_at_last: int
    seen: int
    missing: int
    gaps: Sequence[ExportGap] = ()

    @property
    def vanished(self) -> bool:
        """It fell silent without having closed its connections, which one that is stopped does."""
        return not self.goes_on and self.open_at_last > 0


@dataclass(frozen=True, slots=True)
class Exports:
    """The exports of all instances that reported in a period.

    `known_since`: nothing is kept that is older; None: that is not known.
    """

    instances: Sequence[InstanceExports]
    known_since: float | None


@dataclass(frozen=True, slots=True)
class Reports:
    """What a backend found of one process.

    * `started_at`: when it started; None: not known. `before`: it reported within `LOOKBACK` before the period.
    * `first`, `last`, `seen`: first, last and number of its exports in the period. Where no single ones are kept,
      `first` is the last of several, `up_to_first`. `newest`: the last one up to `LOOKBACK` after the period.
    * `interval`: the median time between exports; None where there was one.
    * `missing`, `gaps`: between exports of the period.
    """

    id: str
    service: str
    started_at: float | None
    before: bool
    first: float
    up_to_first: int
    last: float
    newest: float
    seen: int
    interval: float | None
    open_at_last: float | None
    missing: int
    gaps: Sequence[ExportGap]


def missing_between(gap: float, interval: float, exports: int = 1) -> int:
    """Count the exports that are missing in `gap` seconds, at the end of which `exports` came."""
    return max(0, math.floor(gap / interval - exports + 0.5))


def stands(interval: float) -> float:
    """Give for how many seconds a report stands of an instance that exports every `interval` seconds."""
    return max(STANDS, min(3 * interval, LOOKBACK))


def observed(times: Sequence[float]) -> tuple[float | None, list[ExportGap]]:
    """Give the interval between exports at `times` (sorted), and the gaps between them."""
    steps = [(earlier, later) for earlier, later in pairwise(times) if later > earlier]
    if not steps:
        return None, []
    interval = median(later - earlier for earlier, later in steps)
    found = (ExportGap(earlier, later, missing_between(later - earlier, interval)) for earlier, later in steps)
    return interval, [gap for gap in found if gap.missing]


def account(found: Iterable[Reports], *, since: float, until: float) -> list[InstanceExports]:
    """Say of each instance what is missing, at both ends of its life and of the period too."""
    found = list(found)
    intervals = [reports.interval for reports in found if reports.interval and reports.seen >= ENOUGH]
    usual = median(intervals) if intervals else SDK_INTERVAL
    return [_account(reports, usual, since, until) for reports in found]


def _account(reports: Reports, usual: float, since: float, until: float) -> InstanceExports:
    interval, gaps, missing = reports.interval or usual, list(reports.gaps), reports.missing
    if reports.seen < ENOUGH:  # the last export of a process that stops comes early; its first one in its time
        started_at = reports.started_at or 0.0
        born = (reports.first - started_at) / reports.up_to_first if started_at > since else 0.0
        interval = max(reports.interval or 0.0, born) or usual
        found = (missing_between(gap.before - gap.after, interval) for gap in gaps)
        gaps = [ExportGap(gap.after, gap.before, count) for gap, count in zip(gaps, found, strict=True) if count]
        missing = sum(gap.missing for gap in gaps)
    if reports.before or (reports.started_at is not None and reports.started_at <= since):
        began = since
    elif reports.started_at is None:  # as if it had reported in its time from the start on
        began = max(since, reports.first - interval)
    else:
        began = min(reports.started_at, reports.first)
    last, open_at_last = reports.last, round(reports.open_at_last or 0)
    goes_on = reports.newest > until or (
        reports.newest + stands(interval) >= until
        # One that was stopped told of no open connections at its end, and is not expected any more.
        and (open_at_last > 0 or not missing_between(until - last, interval))
    )
    ends = [(began, reports.first, reports.up_to_first)]
    if goes_on:
        ends.append((last, until, 1))
    for after, before, came in ends:
        lacking = missing_between(before - after, interval, came)
        if lacking:
            gaps.append(ExportGap(after, before, lacking))
            missing += lacking
    if not goes_on and open_at_last:  # what happened between its last export and its sudden end nobody told
        gaps.append(ExportGap(last, min(last + interval, until), 1))
        missing += 1
    return InstanceExports(
        id=reports.id,
        service=reports.service,
        started_at=reports.started_at,
        began=began,
        last=last,
        goes_on=goes_on,
        interval=interval,
        open_at_last=open_at_last,
        seen=reports.seen,
        missing=missing,
        gaps=sorted(gaps, key=lambda gap: (-gap.missing, gap.after))[:MOST_GAPS],
    )
