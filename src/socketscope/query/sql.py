"""Compile a `Query` or `Ratio` to one SQL statement for the embedded backend's tables (`store/schema.py`).

Pure: text and parameters come out, nobody is asked; which series match is looked up in a `Catalog`. Names and values
of attributes never get into a statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from socketscope.errors import QueryError
from socketscope.query.catalog import Catalog, Groups
from socketscope.query.model import Query, Ratio
from socketscope.query.sql_parts import Frame, Grid, Parameters, frame
from socketscope.query.sql_quantile import quantile
from socketscope.query.sql_reduce import reduce

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_REDUCTIONS = ("last", "avg", "min", "max", "increase")
_ACROSS = ("sum", "avg", "min", "max", "count")


class Compiled(NamedTuple):
    """A statement, its parameters by name, and what its rows mean.

    Rows are `(k, g, value, measured_ns)`: k is the index of the moment (0 for an instant), `groups[g]` the values of
    `labels`, value a float (infinite for x/0), measured_ns the time of the newest point behind it. An attribute that
    a series lacks is the empty text. Moments without data have no row. `sql` is None where no series matches, and so
    nothing has to be asked.
    """

    sql: str | None
    parameters: dict[str, Any]
    labels: tuple[str, ...]
    groups: Sequence[tuple[str, ...]]


def compile_instant(query: Query | Ratio, catalog: Catalog, *, at: float) -> Compiled:
    """Ask at one moment (epoch seconds). Raises `QueryError` for what can't be asked."""
    return _compile(query, catalog, Grid.instant(at))


def compile_range(query: Query | Ratio, catalog: Catalog, *, start: float, end: float, step: float) -> Compiled:
    """Ask at `start, start + step, ...` up to `end` (seconds), in one statement. Raises `QueryError`."""
    return _compile(query, catalog, Grid.range(start, end, step))


def _compile(query: Query | Ratio, catalog: Catalog, grid: Grid) -> Compiled:
    parameters, groups = Parameters(), Groups()
    if isinstance(query, Ratio):
        labels = _labels(query.numerator)
        if labels != _labels(query.denominator):
            raise QueryError(
                f"by={query.numerator.by!r} over by={query.denominator.by!r}: a ratio needs the same on both sides"
            )
        above = _query(frame(query.numerator, grid, catalog, groups), parameters)
        below = _query(frame(query.denominator, grid, catalog, groups), parameters)
        sql = above and below and _ratio(above, below)
    else:
        labels = _labels(query)
        sql = _query(frame(query, grid, catalog, groups), parameters)
    return Compiled(sql, parameters.values, labels, groups.values if labels else [()])


def _labels(query: Query) -> tuple[str, ...]:
    # What is absent has no attributes.
    return () if query.absent else query.by


def _ratio(above: str, below: str) -> str:
    return f"""SELECT k, g, above.value / below.value AS value,
    least(above.measured_ns, below.measured_ns) AS measured_ns
FROM ({above}) above JOIN ({below}) below USING (k, g)
WHERE above.value <> 0 OR below.value <> 0"""


def _query(laid: Frame, parameters: Parameters) -> str | None:
    query = laid.query
    answer = reduction(laid, parameters)
    if query.absent:
        return _absent(laid, answer, parameters)
    if answer and query.complement:
        return f"SELECT k, g, 1 - value AS value, measured_ns FROM ({answer})"
    return answer


def reduction(laid: Frame, parameters: Parameters) -> str | None:
    """Reduce and combine the series that were chosen; None where there are none. Raises `QueryError`."""
    over_time, across = laid.query.over_time, laid.query.across
    if over_time not in {*_QUANTILES, *_REDUCTIONS, "rate"}:
        known = ", ".join((*_REDUCTIONS, "rate", *_QUANTILES))
        raise QueryError(f"over_time={over_time!r} is not one of {known}")
    if across not in _ACROSS:
        raise QueryError(f"across={across!r} is not one of {', '.join(_ACROSS)}")
    if not laid.ids:
        return None
    if over_time in _QUANTILES:
        return quantile(laid, _QUANTILES[over_time], parameters) if laid.histograms else None
    if over_time == "rate":
        return reduce(laid, "increase", parameters, divisor=laid.query.window)
    return reduce(laid, over_time, parameters)


def _absent(laid: Frame, answer: str | None, parameters: Parameters) -> str:
    start = parameters.bind(laid.grid.start_ns - laid.offset_ns, "BIGINT")
    step, steps = parameters.bind(laid.grid.step_ns, "BIGINT"), parameters.bind(laid.grid.steps, "BIGINT")
    there = f"ANTI JOIN ({answer}) USING (k)" if answer else ""
    return f"""SELECT k, 0 AS g, 1::DOUBLE AS value, {start} + k * {step} AS measured_ns
FROM range({steps}) moments(k) {there}"""
