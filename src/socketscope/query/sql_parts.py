"""Pieces that all compiled statements share: parameters, the grid of moments, a query laid over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from socketscope.errors import QueryError
from socketscope.query.catalog import Catalog, Groups
from socketscope.query.kept import HOURS, Kept, Stretch, cover, widest_dividing
from socketscope.query.model import Query

MAX_STEPS = 11_000
"""Moments that one range query may ask for."""
_MAX_WINDOW_NS = 4 * 10**18
"""More than a century: longer windows see everything anyway, and the sum with a time still fits 64 bits."""


@dataclass(slots=True)
class Parameters:
    """Values of a statement, by name; no value is ever written into its text."""

    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any, sql_type: str) -> str:
        """Take a value and give the text that stands for it."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"${name}::{sql_type}"


@dataclass(frozen=True, slots=True)
class Grid:
    """The moments to answer at: `start_ns + k * step_ns` for k in `0 .. steps - 1`."""

    start_ns: int
    step_ns: int
    steps: int

    @classmethod
    def instant(cls, at: float) -> Grid:
        """One moment."""
        return cls(nanoseconds(at, "at"), 1, 1)

    @classmethod
    def range(cls, start: float, end: float, step: float) -> Grid:
        """`start, start + step, ...` up to `end`; raises `QueryError` for what makes no such list."""
        start_ns, end_ns = nanoseconds(start, "start"), nanoseconds(end, "end")
        if not step > 0 or end_ns < start_ns:
            raise QueryError(
                f"start={start!r}, end={end!r}, step={step!r}: a step over 0 and end >= start are expected"
            )
        step_ns = max(nanoseconds(step, "step"), 1)
        steps = (end_ns - start_ns) // step_ns + 1
        if steps > MAX_STEPS:
            raise QueryError(f"step={step!r}: {steps} moments are more than {MAX_STEPS}; ask with a longer step")
        return cls(start_ns, step_ns, steps)

    @property
    def end_ns(self) -> int:
        """The last moment."""
        return self.start_ns + (self.steps - 1) * self.step_ns

    def index(self, moment: float) -> int:
        """Give which of the moments is the nearest to `moment` (epoch seconds, of a backend that rounds them)."""
        return round((moment * 1e9 - self.start_ns) / self.step_ns) if self.steps > 1 else 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A query laid over the grid: its windows `(moment - offset - window, moment - offset]`, and what is read for it.

    `first` is where its first window begins and `last` where its last one ends. `ids` are the series that match,
    `groups` the number of each one's values of `by`.
    """

    query: Query
    grid: Grid
    kept: Kept
    offset_ns: int
    window_ns: int
    ids: Sequence[int]
    groups: Sequence[int]
    numbers: bool
    histograms: bool

    @property
    def first(self) -> int:
        """When the first window begins."""
        return self.grid.start_ns - self.offset_ns - self.window_ns

    @property
    def last(self) -> int:
        """When the last window ends."""
        return self.grid.end_ns - self.offset_ns

    @property
    def instant(self) -> bool:
        """There is one window."""
        return self.grid.steps == 1

    @property
    def knows_older(self) -> bool:
        """A window begins before the store did, so that what series had counted by then may be in it."""
        return self.first < self.kept.created_ns

    def chosen(self, parameters: Parameters) -> str:
        """Define `chosen(series_id, g)`."""
        ids, groups = parameters.bind(self.ids, "BIGINT[]"), parameters.bind(self.groups, "BIGINT[]")
        return f"chosen AS MATERIALIZED (SELECT unnest({ids}) AS series_id, unnest({groups}) AS g)"

    def stretches(self) -> list[Stretch]:
        """Choose what to read: of one window only the ends have to be exact, of many every begin and end."""
        begin = self.grid.start_ns - self.offset_ns
        widest = HOURS if self.instant else widest_dividing(begin, self.grid.step_ns, self.window_ns)
        return cover(self.kept, self.first, self.last, widest)

    def windows(self, parameters: Parameters) -> str:
        """Write `from_k, to_k`: a piece lies in the windows `from_k .. to_k - 1`, by its `time_ns`."""
        shift = parameters.bind(self.offset_ns - self.grid.start_ns, "BIGINT")
        step, window = parameters.bind(self.grid.step_ns, "BIGINT"), parameters.bind(self.window_ns, "BIGINT")
        steps = parameters.bind(self.grid.steps, "BIGINT")
        return f"""greatest(0, (time_ns + {shift} + {step} - 1) // {step}) AS from_k,
        least({steps}, (time_ns + {shift} + {window} + {step} - 1) // {step}) AS to_k"""

    def begins(self, parameters: Parameters) -> str:
        """Write when the window `k` begins."""
        first, step = parameters.bind(self.first, "BIGINT"), parameters.bind(self.grid.step_ns, "BIGINT")
        return f"({first} + k * {step})"


def frame(query: Query, grid: Grid, catalog: Catalog, groups: Groups) -> Frame:
    """Lay `query` over `grid` and choose its series."""
    offset_ns = nanoseconds(query.offset, "offset")
    window_ns = min(nanoseconds(min(query.window, _MAX_WINDOW_NS / 1e9), "window"), _MAX_WINDOW_NS) or 1
    after_ns = grid.start_ns - offset_ns - window_ns
    found = list(catalog.find(query.metric, where=query.where, by=query.by, after_ns=after_ns))
    return Frame(
        query,
        grid,
        catalog.kept,
        offset_ns,
        window_ns,
        ids=[series.series_id for series in found],
        groups=[groups.number(series.values) for series in found],
        numbers=any(not series.histogram for series in found),
        histograms=any(series.histogram for series in found),
    )


def nanoseconds(seconds: float, what: str) -> int:
    """Convert seconds exactly enough: a float of today's epoch seconds resolves 0.2 microseconds."""
    if not math.isfinite(seconds) or abs(seconds) > _MAX_WINDOW_NS / 1e9:
        raise QueryError(f"{what}={seconds!r}: seconds of this century are expected")
    whole = math.floor(seconds)
    return whole * 1_000_000_000 + round((seconds - whole) * 1e9)
