"""Stretches of high load, from lines of points. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from socketscope.reports.answers import GRID, Details, Line
from socketscope.reports.figures import Trust
from socketscope.reports.model import MOST_GAPS, Figure, HighLoad, LoadKind
from socketscope.reports.options import ReportOptions

LEAST: Final = 10.0
"""Open connections, and messages a second, below which nothing is a high load unless it was set."""


def high_load(details: Details, trust: Trust, options: ReportOptions) -> Figure[Sequence[HighLoad]]:
    """List the stretches in which a load was high, by time."""
    found = [
        *_stretches("connections", details.connections, options.high_connections, times=2),
        *_stretches("messages", details.message_rate, options.high_messages, times=3),
        *_stretches("cpu", details.cpu, options.high_cpu, times=1),
    ]
    return trust.from_metrics(sorted(found, key=lambda load: (load.since, load.kind)), "gauge_range", "estimate")


def unknown_loads(details: Details) -> list[LoadKind]:
    """List the loads of which there is not one point."""
    lines: dict[LoadKind, Line] = {
        "connections": details.connections,
        "messages": details.message_rate,
        "cpu": details.cpu,
    }
    return [kind for kind, line in lines.items() if all(value is None for _, value in line)]


def _stretches(kind: LoadKind, line: Line, threshold: float | None, *, times: float) -> list[HighLoad]:
    """Find stretches of points that reach the threshold, by default so many times the median; one below bridges two."""
    values = [value for _, value in line if value is not None]
    if not values:
        return []
    if threshold is None:
        threshold = max(LEAST, times * median(values))
    found: list[HighLoad] = []
    for moment, value in line:
        if value is None or value < threshold:
            continue
        begin, peak = moment - GRID, value
        if found and begin - found[-1].until <= GRID:
            before = found.pop()
            begin, peak = before.since, max(before.peak, value)
        found.append(HighLoad(kind=kind, since=begin, until=moment, peak=peak, threshold=threshold))
    longest = sorted(found, key=lambda load: load.since - load.until)[:MOST_GAPS]
    return sorted(longest, key=lambda load: load.since)
