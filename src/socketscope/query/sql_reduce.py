"""SQL for reductions of each series to a number: last, avg, min, max, increase, rate.

The statements read pieces (`query/kept.py`), lay each into the windows that it falls into, reduce the pieces of each
series in each window, and combine the series. A histogram counts as the series of its count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from socketscope.query.kept import POINTS, Stretch
from socketscope.query.sql_parts import Frame, Parameters
from socketscope.query.tables import ROLLUP


class _Reducer(NamedTuple):
    """What to read from points and roll-ups, how to merge it, and what the answer is."""

    number: str
    histogram: str
    rollup: str
    merge: str
    answer: str


_REDUCERS: Final = {
    "increase": _Reducer("step", "step", "step", "sum(value)", "sum(value)"),
    "last": _Reducer("value", "count::DOUBLE", "value", "arg_max(value, measured_ns)", "arg_max(value, measured_ns)"),
    "min": _Reducer("value", "count::DOUBLE", "low", "min(value)", "min(value)"),
    "max": _Reducer("value", "count::DOUBLE", "high", "max(value)", "max(value)"),
    "avg": _Reducer("value", "count::DOUBLE", "total", "sum(value)", "sum(value) / sum(points)"),
}


def reduce(frame: Frame, over_time: str, parameters: Parameters, *, divisor: float | None = None) -> str:
    """Give a SELECT of `k, g, value, measured_ns` for one of the reductions, divided by `divisor` (a rate)."""
    reducer = _REDUCERS[over_time]
    counts = over_time == "increase"
    older = counts and frame.knows_older
    # Sums of sums: the series of a group need not be told apart.
    together = counts and frame.query.across == "sum"
    key = "g" if together else "g, series_id"
    columns = [*key.split(", "), "measured_ns", "value"]
    columns += ["points"] if over_time == "avg" else []
    columns += [] if frame.instant else ["time_ns"]
    columns += ["born_ns"] if older and not frame.instant else []
    pieces = [_piece(frame, stretch, reducer, columns, parameters) for stretch in frame.stretches()]
    if older:
        pieces.append(_older(frame, columns, parameters))
    if not pieces:
        return "SELECT 0 AS k, 0 AS g, 0.0 AS value, 0 AS measured_ns WHERE false"
    answer = reducer.answer if divisor is None else f"{reducer.answer} / {parameters.bind(divisor, 'DOUBLE')}"
    answer = f"{key}, ({answer})::DOUBLE AS value, max(measured_ns) AS measured_ns"
    source = f"""WITH {frame.chosen(parameters)},
pieces AS (
    {f"{chr(10)}    UNION ALL ".join(pieces)}
)"""
    if frame.instant:
        reduced = f"SELECT 0 AS k, {answer} FROM pieces GROUP BY {key}"
    else:
        born = ", born_ns" if older else ""
        points = ", sum(points) AS points" if over_time == "avg" else ""
        source += f""",
slots AS (
    SELECT {key}{born}, {frame.windows(parameters)},
        {reducer.merge} AS value{points}, max(measured_ns) AS measured_ns
    FROM pieces GROUP BY ALL
),
laid AS (SELECT *, unnest(range(from_k, to_k)) AS k FROM slots)"""
        still = f"WHERE born_ns IS NULL OR born_ns > {frame.begins(parameters)}" if older else ""
        reduced = f"SELECT k, {answer} FROM laid {still} GROUP BY k, {key}"
    if together:
        return f"{source}\n{reduced}"
    return f"""{source}
SELECT k, g, {frame.query.across}(value)::DOUBLE AS value, max(measured_ns) AS measured_ns
FROM ({reduced}) GROUP BY k, g"""


def _piece(frame: Frame, stretch: Stretch, reducer: _Reducer, columns: Sequence[str], parameters: Parameters) -> str:
    after, until = parameters.bind(stretch.after, "BIGINT"), parameters.bind(stretch.until, "BIGINT")
    within = f"JOIN chosen USING (series_id) WHERE time_ns > {after} AND time_ns <= {until}"
    if stretch.width != POINTS:
        written = {"measured_ns": "value_ns", "value": reducer.rollup, "born_ns": "NULL::BIGINT"}
        return f"SELECT {_select(columns, written)} FROM {ROLLUP[stretch.width]} {within}"
    tables = [("number_points", reducer.number)] if frame.numbers else []
    tables += [("histogram_points", reducer.histogram)] if frame.histograms else []
    written = {"measured_ns": "time_ns", "points": "1", "born_ns": "NULL::BIGINT"}
    return "\n    UNION ALL ".join(
        f"SELECT {_select(columns, {**written, 'value': value})} FROM {table} {within}" for table, value in tables
    )


def _older(frame: Frame, columns: Sequence[str], parameters: Parameters) -> str:
    """Read what series that are older than the store had counted at their first point.

    Of a window that contains the birth too; in any other the first point is only the base of the next one.
    """
    first, last = parameters.bind(frame.first, "BIGINT"), parameters.bind(frame.last, "BIGINT")
    written = {"measured_ns": "time_ns", "value": "value", "born_ns": "start_ns"}
    return f"""SELECT {_select(columns, written)} FROM births JOIN chosen USING (series_id)
    WHERE time_ns > {first} AND time_ns <= {last} AND start_ns > {first}"""


def _select(columns: Sequence[str], written: Mapping[str, str]) -> str:
    return ", ".join(f"{written[name]} AS {name}" if name in written else name for name in columns)
