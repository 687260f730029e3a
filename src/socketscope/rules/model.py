"""A rule as data: what is asked, what is too much, for how long, and what is said then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from socketscope.errors import QueryError
from socketscope.query.model import Query, Ratio

Severity = Literal["critical", "warning", "info"]
NoData = Literal["keep", "alert"]
RawLanguage = Literal["prometheus", "datadog"]


@dataclass(frozen=True, slots=True)
class Raw:
    """A question in a backend's own language, for what `Query` can't say: backend name -> text."""

    by_backend: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One alerting rule; durations are seconds.

    * `above` or `below`: exactly one is set. The condition holds for a label set whose value is beyond it.
    * `at_least`: the condition holds only where the greater side of a ratio, or the number of observations behind a
      quantile, reaches this. Small numbers make wild ratios.
    * `for_`: how long the condition must hold without a gap before the alert fires.
    * `keep_firing_for`: how long a firing alert stays so from the first evaluation at which its condition does not
      hold any more; a breach in between starts it anew.
    * `no_data`: `keep` leaves the state as it is while nothing is known, `alert` counts it as a breach. Whatever it
      says, missing data and failed queries never resolve an alert.
    * `interval`: how often it is evaluated. `delay`: evaluations look at `now - delay`, so that exports have arrived.
    * `source`: file and line where it stands, for messages.
    """

    name: str
    query: Query | Ratio | Raw
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    for_: float = 0.0
    keep_firing_for: float = 0.0
    no_data: NoData = "keep"
    severity: Severity = "warning"
    summary: str = ""
    runbook: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    interval: float = 15.0
    delay: float = 0.0
    source: tuple[Path, int] | None = None

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise QueryError(f"rule {self.name}: exactly one of 'above' and 'below' is expected")

    @property
    def threshold(self) -> float:
        """What the value is compared with."""
        return self.above if self.above is not None else self.below or 0.0

    @property
    def absent(self) -> bool:
        """Whether it asks for what is not there: an answer of nothing then says that it is."""
        return isinstance(self.query, Query) and self.query.absent

    def breached(self, value: float) -> bool:
        """Whether a value is beyond the threshold; NaN never is."""
        return value > self.threshold if self.above is not None else value < self.threshold
