"""What Prometheus knows of the processes that report: who they are, and how many connections they had together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Final

from socketscope import semconv
from socketscope.backends.base import Instance
from socketscope.backends.exports import LOOKBACK, SDK_INTERVAL, STANDS
from socketscope.backends.prometheus_api import Line, PrometheusApi
from socketscope.backends.prometheus_names import Names
from socketscope.query.naming import INSTANCE_ID, SERVICE_NAME, quoted, quoted_label
from socketscope.query.promql import duration

REPORTS: Final = (semconv.OVERFLOW.name, semconv.ACTIVE_CONNECTIONS.name)
"""Every process with our instrumentation reports the first, from its first export on; the second stands in for it."""
_MONTH: Final = 31 * 86_400.0
_MOST_MOMENTS: Final = 100_000


async def read_instances(api: PrometheusApi, names: Names, since: float, until: float) -> Sequence[Instance]:
    """List the processes that reported in `[since, until]`, the last to report first.

    Their start is the first report that is seen in the period, to a thousandth of it.
    """
    naming = await names.of(*REPORTS)
    found = next(filter(None, map(naming.metric, REPORTS)), None)
    window = min(until - since, _MONTH)
    if found is None or window < 0:
        return []
    service, instance = naming.label(SERVICE_NAME), naming.label(INSTANCE_ID)
    by = f"by ({quoted_label(service)}, {quoted_label(instance)})"
    times = f"timestamp({{__name__={quoted(found.name)}}})"
    # A step is shorter than a value stands, so that no report is stepped over; what came after the last step is now's.
    steps = f"[{duration(window)}:{duration(min(max(window / 1000, 1.0), LOOKBACK - 60))}]"
    first, last, now = await asyncio.gather(
        api.at(f"min {by} (min_over_time({times}{steps}))", until),
        api.at(f"max {by} (max_over_time({times}{steps}))", until),
        api.at(f"max {by} ({times})", until),
    )

    def read(lines: Sequence[Line]) -> dict[tuple[str, str], float]:
        return {(line.labels.get(service, ""), line.labels.get(instance, "")): line.points[0][1] for line in lines}

    started, newest = read(first), read(last) | read(now)
    reported = [
        Instance(id=key[1], service=key[0], started_at=min(started.get(key, moment), moment), last_seen=moment)
        for key, moment in newest.items()
        if moment >= since
    ]
    return sorted(reported, key=lambda entry: (-entry.last_seen, entry.started_at, entry.id))


async def read_peak(api: PrometheusApi, names: Names, metric: str, since: float, until: float) -> float | None:
    """Find the greatest sum of `metric` over all live instances in `[since, until]`; None: there are no points.

    Sampled once an export interval, but not more than 100,000 times; of a period longer than a month its last month.
    """
    found = (await names.of(metric)).metric(metric)
    window = min(until - since, _MONTH)
    if found is None or window < 0:
        return None
    series = f"{{__name__={quoted(found.name)}}}"
    interval = await _interval(api, series, until)
    standing = f"sum(last_over_time({series}[{duration(min(max(STANDS, 3 * interval), LOOKBACK))}]))"
    steps = f"[{duration(window)}:{duration(max(interval, window / _MOST_MOMENTS))}]"
    answers = await asyncio.gather(api.at(f"max_over_time({standing}{steps})", until), api.at(standing, until))
    return max((line.points[0][1] for answer in answers for line in answer), default=None)


async def _interval(api: PrometheusApi, series: str, until: float) -> float:
    """Give the export interval in seconds, as it was lately."""
    for back in (LOOKBACK, 86_400.0):
        lines = await api.at(f"{series}[{duration(back)}]", until)
        gaps = [later - earlier for line in lines for (earlier, _), (later, _) in pairwise(line.points)]
        if gaps:
            return median(gaps)
    return SDK_INTERVAL
