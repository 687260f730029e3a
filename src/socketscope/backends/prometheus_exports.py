"""Which exports Prometheus got: from all samples of one metric that every process reports."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from socketscope import semconv
from socketscope.backends.exports import LOOKBACK, MOST_GAPS, Exports, Reports, account, observed
from socketscope.backends.prometheus_api import Line, PrometheusApi
from socketscope.backends.prometheus_fleet import REPORTS
from socketscope.backends.prometheus_names import Names
from socketscope.query.naming import INSTANCE_ID, SERVICE_NAME, quoted
from socketscope.query.promql import duration

MOST_SAMPLES: Final = 2_000_000
"""Samples that are looked at, a day of 23 processes that export every second; of more nothing is said."""
_AT_ONCE: Final = 100_000

Who = tuple[str, str]


async def read_exports(api: PrometheusApi, names: Names, since: float, until: float) -> Exports | None:
    """Tell which exports in `(since, until]` came; None: there are more than `MOST_SAMPLES`.

    A process counts as born with its first report where it did not report in the five minutes before the period.
    """
    naming = await names.of(*REPORTS)
    metric = next(filter(None, map(naming.metric, REPORTS)), None)
    if metric is None or not since < until:
        return Exports((), None)
    service, instance = naming.label(SERVICE_NAME), naming.label(INSTANCE_ID)
    series = f"{{__name__={quoted(metric.name)}}}"
    period = duration(until - since)
    [counted, before, after, standing] = await asyncio.gather(
        api.at(f"sum(count_over_time({series}[{period}]))", until),
        api.at(f"count_over_time({series}[{duration(LOOKBACK)}])", since),
        api.at(f"max_over_time(timestamp({series})[{duration(LOOKBACK)}:1s])", until + LOOKBACK),
        _standing(api, names, until, period),
    )
    samples = sum(line.points[0][1] for line in counted)
    if samples > MOST_SAMPLES:
        return None

    def who(line: Line) -> Who:
        return line.labels.get(service, ""), line.labels.get(instance, "")

    times: defaultdict[Who, array[float]] = defaultdict(lambda: array("d"))
    for begin, end in _parts(since, until, math.ceil(samples / _AT_ONCE)):
        of_part: defaultdict[Who, set[float]] = defaultdict(set)
        for line in await api.at(f"{series}[{duration(end - begin)}]", end):
            of_part[who(line)].update(moment for moment, _ in line.points)
        for key, found in of_part.items():
            times[key].extend(sorted(found))
    there_before = {who(line) for line in before}
    newest = {who(line): line.points[0][1] for line in after}
    still_open: defaultdict[Who, float] = defaultdict(float)
    for line in standing:
        still_open[who(line)] += line.points[0][1]
    reports = [
        _reports(key, of_instance, before=key in there_before, newest=newest.get(key, 0), open_at_last=still_open[key])
        for key, of_instance in times.items()
    ]
    return Exports(account(reports, since=since, until=until), None)


async def _standing(api: PrometheusApi, names: Names, until: float, period: str) -> Sequence[Line]:
    """Ask what each series of open connections said last."""
    gauge = semconv.ACTIVE_CONNECTIONS.name
    metric = (await names.of(gauge)).metric(gauge)
    return await api.at(f"last_over_time({{__name__={quoted(metric.name)}}}[{period}])", until) if metric else ()


def _parts(since: float, until: float, parts: int) -> Iterator[tuple[float, float]]:
    # Of whole seconds: what lies between two parts must fall into one of them, and Prometheus knows milliseconds.
    length = math.ceil((until - since) / max(parts, 1))
    begin = since
    while begin < until:
        yield begin, min(begin + length, until)
        begin += length


def _reports(who: Who, times: Sequence[float], *, before: bool, newest: float, open_at_last: float) -> Reports:
    interval, gaps = observed(times)
    longest = sorted(gaps, key=lambda gap: (-gap.missing, gap.after))[:MOST_GAPS]
    return Reports(
        id=who[1],
        service=who[0],
        started_at=None,
        before=before,
        first=times[0],
        up_to_first=1,
        last=times[-1],
        newest=max(newest, times[-1]),
        seen=len(times),
        interval=interval,
        open_at_last=open_at_last,
        missing=sum(gap.missing for gap in gaps),
        gaps=longest,
    )
