"""Increases of counters from their samples, for backends that can't compute them to the unit. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise

from socketscope.query.model import Query
from socketscope.query.sql_parts import Grid

Labels = tuple[str, ...]
"""Values of `query.by`, in its order."""
Lines = dict[Labels, dict[int, float]]
"""An answer over a grid: by labels, then by the moment's index; where there is no data nothing."""

_ACROSS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": sum,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "count": len,
}


class Counter:
    """One series of a counter: its samples `(seconds, value)`, in any order.

    A value below the one before is that of a counter that began anew; the first one is all that was counted before it.
    """

    def __init__(self, samples: Iterable[tuple[float, float]]) -> None:
        ordered = sorted(dict(samples).items())
        self._times = [time for time, _ in ordered]
        values = [value for _, value in ordered]
        steps = [new if new < old else new - old for old, new in pairwise(values)]
        self._running = list(accumulate([*values[:1], *steps]))

    def increase(self, since: float, until: float) -> float | None:
        """Give what was counted in `(since, until]`; None without a sample there."""
        first, last = bisect_right(self._times, since), bisect_right(self._times, until)
        if first == last:
            return None
        return self._running[last - 1] - (self._running[first - 1] if first else 0.0)


def increases(query: Query, series: Iterable[tuple[Labels, Counter]], grid: Grid) -> Lines:
    """Answer `query` (an `increase` or `rate`) at every moment of `grid` from the series' samples."""
    per = query.window if query.over_time == "rate" else 1.0
    found: defaultdict[tuple[Labels, int], list[float]] = defaultdict(list)
    for labels, counter in series:
        for k in range(grid.steps):
            until = (grid.start_ns + k * grid.step_ns) / 1e9 - query.offset
            value = counter.increase(until - query.window, until)
            if value is not None:
                found[labels, k].append(value / per)
    lines: Lines = {}
    for (labels, k), values in found.items():
        value = float(_ACROSS[query.across](values))
        lines.setdefault(labels, {})[k] = 1 - value if query.complement else value
    if query.absent:
        known = {k for line in lines.values() for k in line}
        missing = {k: 1.0 for k in range(grid.steps) if k not in known}
        return {(): missing} if missing else {}
    return lines


def divided(above: Lines, below: Lines) -> Lines:
    """Divide two answers where both have data: x/0 is infinite, 0/0 no data."""
    lines: Lines = {}
    for labels in above.keys() & below.keys():
        for k in above[labels].keys() & below[labels].keys():
            numerator, denominator = above[labels][k], below[labels][k]
            if denominator:
                lines.setdefault(labels, {})[k] = numerator / denominator
            elif numerator:
                lines.setdefault(labels, {})[k] = math.copysign(math.inf, numerator)
    return lines
