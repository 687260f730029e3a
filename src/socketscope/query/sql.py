"""Compile a `Query` or `Ratio` to one SQL statement for the embedded backend's tables (`store/schema.py`).

Pure: text and parameters come out, nobody is asked. Names and values of attributes travel as parameters only.
"""

# ruff: noqa: S608  # only names of our own columns are put into the text; every value is a bound parameter

from __future__ import annotations

from typing import Any, NamedTuple

from socketscope.errors import QueryError
from socketscope.query import sql_quantile, sql_series
from socketscope.query.model import Query, Ratio
from socketscope.query.sql_parts import Grid, Parameters, frame

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


class Compiled(NamedTuple):
    """A statement: text, parameters by name, and the attributes whose values stand in the rows.

    Its rows are `(k, value of each label ..., value, measured_ns)`, sorted: k is the index of the moment (0 for an
    instant), value a float (infinite for x/0), measured_ns the time of the newest point behind it. An attribute that
    a series lacks is the empty text. Moments without data have no row.
    """

    sql: str
    parameters: dict[str, Any]
    labels: tuple[str, ...]


def compile_instant(query: Query | Ratio, *, at: float) -> Compiled:
    """Ask at one moment (epoch seconds). Raises `QueryError` for what can't be asked."""
    return _compile(query, Grid.instant(at))


def compile_range(query: Query | Ratio, *, start: float, end: float, step: float) -> Compiled:
    """Ask at `start, start + step, ...` up to `end` (seconds), in one statement. Raises `QueryError`."""
    return _compile(query, Grid.range(start, end, step))


def _compile(query: Query | Ratio, grid: Grid) -> Compiled:
    parameters = Parameters()
    grid_cte = grid.cte(parameters)
    if isinstance(query, Ratio):
        labels, answer = _ratio(query, grid, parameters)
    else:
        labels, answer = _labels(query), _query(query, grid, parameters)
    return Compiled(f"WITH {grid_cte}\nSELECT * FROM (\n{answer}\n) ORDER BY ALL", parameters.values, labels)


def _labels(query: Query) -> tuple[str, ...]:
    # What is absent has no attributes.
    return () if query.absent else query.by


def _ratio(ratio: Ratio, grid: Grid, parameters: Parameters) -> tuple[tuple[str, ...], str]:
    labels = _labels(ratio.numerator)
    if labels != _labels(ratio.denominator):
        raise QueryError(
            f"by={ratio.numerator.by!r} over by={ratio.denominator.by!r}: a ratio needs the same on both sides"
        )
    columns = ["k", *(f"by{index}" for index in range(len(labels)))]
    return (
        labels,
        f"""SELECT {", ".join(columns)}, above.value / below.value AS value,
    least(above.measured_ns, below.measured_ns) AS measured_ns
FROM ({_query(ratio.numerator, grid, parameters)}) above
JOIN ({_query(ratio.denominator, grid, parameters)}) below USING ({", ".join(columns)})
WHERE above.value <> 0 OR below.value <> 0""",
    )


def _query(query: Query, grid: Grid, parameters: Parameters) -> str:
    laid = frame(query, grid, parameters)
    over_time = query.over_time
    if over_time in _QUANTILES:
        answer = sql_quantile.quantile(laid, _QUANTILES[over_time], parameters)
    elif over_time == "increase":
        answer = sql_series.increase(laid, grid)
    elif over_time == "rate":
        answer = sql_series.increase(laid, grid, per_second=query.window)
    elif over_time == "last":
        answer = sql_series.last(laid)
    elif over_time in {"avg", "min", "max"}:
        answer = sql_series.over_window(laid, grid, parameters)
    else:
        raise QueryError(
            f"over_time={over_time!r} is not one of last, avg, min, max, rate, increase, p50, p90, p95, p99"
        )
    if query.across not in {"sum", "avg", "min", "max", "count"}:
        raise QueryError(f"across={query.across!r} is not one of sum, avg, min, max, count")
    if query.absent:
        return f"""SELECT k, 1::DOUBLE AS value, moment - {laid.offset} AS measured_ns
FROM grid ANTI JOIN ({answer}) USING (k)"""
    if query.complement:
        columns = laid.columns("1 - value AS value", "measured_ns")
        return f"SELECT {columns} FROM ({answer})"
    return answer
