"""Pieces that all compiled statements share: parameters, the grid of moments, the series that were chosen."""

# ruff: noqa: S608  # only names of our own columns are put into the text; every value is a bound parameter

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from socketscope.errors import QueryError
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

    def cte(self, parameters: Parameters) -> str:
        """Define `grid(k, moment)`."""
        start, step = parameters.bind(self.start_ns, "BIGINT"), parameters.bind(self.step_ns, "BIGINT")
        steps = parameters.bind(self.steps, "BIGINT")
        return f"grid AS MATERIALIZED (SELECT k, {start} + k * {step} AS moment FROM range({steps}) r(k))"


@dataclass(frozen=True, slots=True)
class Frame:
    """A query laid over the grid, as bound SQL: its offset and window, and the first and last time it looks at.

    The window that ends at a moment is `(moment - offset - window, moment - offset]`.
    """

    query: Query
    offset: str
    window: str
    first: str
    last: str
    chosen: str

    @property
    def by(self) -> list[str]:
        """Names of the columns that hold the values of `query.by`."""
        return [f"by{index}" for index in range(len(self.query.by))]

    def columns(self, *more: str) -> str:
        """Write a select list that begins with the moment and the `by` columns."""
        return ", ".join(("k", *self.by, *more))

    @property
    def cells(self) -> str:
        """Define `cells`: every moment with every chosen series, and its window `(since, until]`."""
        return f"""cells AS (
    SELECT k, moment - {self.offset} AS until, moment - {self.offset} - {self.window} AS since, chosen.*
    FROM grid CROSS JOIN chosen
)"""


def frame(query: Query, grid: Grid, parameters: Parameters) -> Frame:
    """Bind what `query` needs over `grid`."""
    offset_ns = nanoseconds(query.offset, "offset")
    window_ns = min(nanoseconds(min(query.window, _MAX_WINDOW_NS / 1e9), "window"), _MAX_WINDOW_NS) or 1
    return Frame(
        query,
        offset=parameters.bind(offset_ns, "BIGINT"),
        window=parameters.bind(window_ns, "BIGINT"),
        first=parameters.bind(grid.start_ns - offset_ns - window_ns, "BIGINT"),
        last=parameters.bind(grid.end_ns - offset_ns, "BIGINT"),
        chosen=_chosen(query, parameters),
    )


def nanoseconds(seconds: float, what: str) -> int:
    """Convert seconds exactly enough: a float of today's epoch seconds resolves 0.2 microseconds."""
    if not math.isfinite(seconds) or abs(seconds) > _MAX_WINDOW_NS / 1e9:
        raise QueryError(f"{what}={seconds!r}: seconds of this century are expected")
    whole = math.floor(seconds)
    return whole * 1_000_000_000 + round((seconds - whole) * 1e9)


def _chosen(query: Query, parameters: Parameters) -> str:
    """Define `chosen`: the series that match, whether they are delta, and their `by` values."""
    conditions = [f"series.metric = {parameters.bind(query.metric, 'VARCHAR')}"]
    for name, values in query.where.items():
        wanted = parameters.bind(list(values), "VARCHAR[]")
        conditions.append(f"list_contains({wanted}, {_attribute(name, parameters)})")
    columns = ["series.id AS series_id", "series.temporality = 'delta' AS is_delta"]
    columns += [f"{_attribute(name, parameters)} AS by{index}" for index, name in enumerate(query.by)]
    return f"""chosen AS MATERIALIZED (
    SELECT {", ".join(columns)}
    FROM series JOIN resources ON resources.id = series.resource_id
    WHERE {" AND ".join(conditions)}
)"""


def _attribute(name: str, parameters: Parameters) -> str:
    """Read an attribute of the series, else of its resource, as text; empty where there is none."""
    pointer = parameters.bind("/" + name.replace("~", "~0").replace("/", "~1"), "VARCHAR")
    return (
        f"coalesce(json_extract_string(series.attributes, {pointer}),"
        f" json_extract_string(resources.attributes, {pointer}), '')"
    )
