"""A question about our metrics, as data. Compilers turn it into the language of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from socketscope.errors import QueryError

OverTime = Literal["last", "avg", "min", "max", "rate", "increase", "p50", "p90", "p95", "p99"]
Across = Literal["sum", "avg", "min", "max", "count"]


@dataclass(frozen=True, slots=True)
class Query:
    """What to read of one metric.

    First every series of `metric` that matches `where` is reduced over `window` seconds (`over_time`), then the
    series are combined (`across`) for each distinct value of the attributes in `by`.

    * `last`: the newest value that is not older than `window`; a series that ended drops out.
    * `increase`: the sum of positive deltas of each instance's series within the window; a fall is a counter reset
      (where the backend knows that the counter did not begin anew, of a clock that was put back: no delta), a series
      born in the window counts from 0. `rate` is `increase / window`.
    * `pNN`: quantile of a histogram's increase over the window, all matching series merged per `by`.
    * `where`: attribute or resource attribute -> the values that match.
    * `complement`: 1 - x, applied after `across`.
    * `offset`: seconds by which the window is moved to the past.
    * `absent`: the answer is 1 where nothing matches and nothing otherwise.

    Raises `QueryError` for a negative or zero window and for a negative offset.
    """

    metric: str
    over_time: OverTime = "last"
    window: float = 60.0
    across: Across = "sum"
    by: tuple[str, ...] = ()
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    offset: float = 0.0
    complement: bool = False
    absent: bool = False

    def __post_init__(self) -> None:
        if not self.window > 0:
            raise QueryError(f"window={self.window!r}: seconds greater than 0 are expected")
        if self.offset < 0:
            raise QueryError(f"offset={self.offset!r}: seconds to the past, 0 or more, are expected")


@dataclass(frozen=True, slots=True)
class Ratio:
    """`numerator / denominator` for equal `by` values; 0/0 is no data."""

    numerator: Query
    denominator: Query
