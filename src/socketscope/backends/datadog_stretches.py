"""Lines as Datadog gives them, and what a `Query` makes of them. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from socketscope.query.counters import Labels
from socketscope.query.datadog import QUANTILES, DatadogQuery
from socketscope.query.model import Query


@dataclass(frozen=True, slots=True)
class Stretches:
    """Lines by labels: the value of each stretch of `interval` seconds, by its begin."""

    asked: DatadogQuery
    lines: Mapping[Labels, Mapping[float, float]]
    interval: int

    def reduced(self, query: Query, line: Mapping[float, float], until: float) -> float | None:
        """Reduce the stretches of the window that ends at `until` to one number; None where there is no data."""
        end = math.floor(until / self.interval) * self.interval
        length = max(1, round(query.window / self.interval)) * self.interval
        values = [value for begin, value in sorted(line.items()) if end - length <= begin < end]
        if not values:
            return None
        value = _REDUCED[query.over_time](values)
        if query.over_time == "rate":
            value /= length
        return 1 - value if query.complement else value


def _newest_of(values: Sequence[float]) -> float:
    return values[-1]


_REDUCED: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {
    "last": _newest_of,
    "avg": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "increase": sum,
    "rate": sum,
    **dict.fromkeys(QUANTILES, _newest_of),
}
