"""Points that are older than their series' newest one: put where they belong, and the step after them corrected."""

# only names of our own tables are put into the text; every value is a bound parameter

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from socketscope.store.points import Points, Row
from socketscope.store.rows import HistogramRow, NumberRow
from socketscope.store.series import Series
from socketscope.store.state import compared_with, shape_of

if TYPE_CHECKING:
    import duckdb

_AROUND = """WITH asked AS (
    SELECT unnest($ids::BIGINT[]) AS series_id, unnest($low::BIGINT[]) AS low, unnest($high::BIGINT[]) AS high,
        unnest($top::DOUBLE[]) AS top, unnest($cumulates::BOOLEAN[]) AS cumulates
),
stored AS MATERIALIZED (
    SELECT series_id, time_ns, start_ns, {value}::DOUBLE AS value, low, high, top, cumulates
    FROM {table} JOIN asked USING (series_id)
),
begins AS ({begins}),
marked AS (
    SELECT stored.*, max(value) OVER (PARTITION BY series_id ORDER BY time_ns) AS mark
    FROM stored LEFT JOIN begins USING (series_id) WHERE time_ns >= coalesce(begin_ns, 0)
),
ends AS (
    SELECT series_id, min(time_ns) AS end_ns FROM marked
    WHERE time_ns > high AND (NOT cumulates OR start_ns = 0 OR value >= greatest(top, mark)) GROUP BY series_id
)
SELECT {table}.* FROM {table} JOIN asked USING (series_id)
LEFT JOIN begins USING (series_id) LEFT JOIN ends USING (series_id)
WHERE time_ns >= coalesce(begin_ns, 0) AND time_ns <= coalesce(end_ns, time_ns) ORDER BY series_id, time_ns"""
"""What is stored of a series from the point with which those after `low` are compared, to the first one after `high`
whose step is sure not to change any more what comes after it: it is no less than anything before it, late or not."""

_DELETE = """DELETE FROM {table} USING (
    SELECT unnest($ids::BIGINT[]) AS series_id, unnest($times::BIGINT[]) AS time_ns
) gone WHERE {table}.series_id = gone.series_id AND {table}.time_ns = gone.time_ns"""


class _Kind(NamedTuple):
    """How points of a table are read from its rows, added, and taken as what was there before."""

    table: str
    value: str
    value_of: Callable[[Any], float]
    point_of: Callable[[Series, Row], Any]
    add: Callable[[Points, Series, Any], None]
    resume: Callable[[Series, Any], None]
    rows: Callable[[Points], list[Row]]


def _add_number(points: Points, series: Series, point: Row) -> None:
    points.add_number(series, *point)


def _resume_number(series: Series, point: Row) -> None:
    series.time_ns, series.start_ns, series.value = point


def _histogram_of(series: Series, row: Row) -> HistogramRow:
    _, time_ns, start_ns, count, _, total, low, high, *rest = row
    return HistogramRow(series, time_ns, start_ns, count, total, low, high, shape_of(*rest[:8]))


def _add_histogram(points: Points, series: Series, point: HistogramRow) -> None:
    points.add_histogram(series, point)


def _resume_histogram(series: Series, point: HistogramRow) -> None:
    series.time_ns, series.start_ns, series.value = point.time_ns, point.start_ns, point.count
    series.shape = point.shape


_NUMBERS = _Kind(
    "number_points",
    "value",
    lambda point: point[2],
    lambda _, row: row[1:4],
    _add_number,
    _resume_number,
    lambda points: points.numbers,
)
_HISTOGRAMS = _Kind(
    "histogram_points",
    "count",
    lambda point: point.count,
    _histogram_of,
    _add_histogram,
    _resume_histogram,
    lambda points: points.histograms,
)


def insert_late(
    connection: duckdb.DuckDBPyConnection,
    points: Points,
    numbers: Iterable[NumberRow],
    histograms: Iterable[HistogramRow],
) -> int | None:
    """Add late points, and what they change, to `points`, and delete what that replaces; inside a transaction.

    A point whose time its series has already came twice: the first one counts. Gives the time of the oldest point
    that is new.
    """
    late_numbers: dict[Series, dict[int, Any]] = defaultdict(dict)
    for series, time_ns, start_ns, value in numbers:
        late_numbers[series].setdefault(time_ns, (time_ns, start_ns, value))
    late_histograms: dict[Series, dict[int, Any]] = defaultdict(dict)
    for row in histograms:
        late_histograms[row.series].setdefault(row.time_ns, row)
    oldest = []
    for kind, late in ((_NUMBERS, late_numbers), (_HISTOGRAMS, late_histograms)):
        if late:
            oldest += _insert(connection, points, kind, late)
    return min(oldest, default=None)


def _insert(
    connection: duckdb.DuckDBPyConnection, points: Points, kind: _Kind, late: dict[Series, dict[int, Any]]
) -> list[int]:
    around = {
        "ids": [series.id for series in late],
        "low": [min(times) for times in late.values()],
        "high": [max(times) for times in late.values()],
        "top": [max(map(kind.value_of, times.values())) for times in late.values()],
        "cumulates": [series.cumulates for series in late],
    }
    stored: dict[int | None, dict[int, Row]] = defaultdict(dict)
    begins = compared_with("stored", "time_ns <= low")
    around_them = _AROUND.format(table=kind.table, value=kind.value, begins=begins)
    for row in connection.execute(around_them, around).fetchall():
        stored[row[0]][row[1]] = row
    oldest, newborn = [], []
    replaced: list[tuple[int | None, int]] = []
    for series, of_series in late.items():
        there = stored[series.id]
        missing = [time_ns for time_ns in of_series if time_ns not in there]
        if missing:
            oldest.append(min(missing))
            replaced += _walk(points, kind, series, there, {time_ns: of_series[time_ns] for time_ns in missing})
            if min(missing) < min(there):
                newborn.append(series.id)
    if newborn:
        connection.execute("DELETE FROM births WHERE series_id IN (SELECT unnest(?::BIGINT[]))", [newborn])
    if replaced:
        gone = {"ids": [number for number, _ in replaced], "times": [time_ns for _, time_ns in replaced]}
        connection.execute(_DELETE.format(table=kind.table), gone)
    return oldest


def _walk(
    points: Points, kind: _Kind, series: Series, there: dict[int, Row], missing: dict[int, Any]
) -> list[tuple[int | None, int]]:
    """Take the points in the order of their times; gives the stored rows whose step is another now."""
    walker = Series(series.key)
    walker.id = series.id
    rows = kind.rows(points)
    replaced = []
    begin, *times = sorted({*there, *missing})
    if begin in missing:
        kind.add(points, walker, missing[begin])
    else:
        kind.resume(walker, kind.point_of(walker, there[begin]))
    for time_ns in times:
        if time_ns in missing:
            kind.add(points, walker, missing[time_ns])
            continue
        row = there[time_ns]
        kind.add(points, walker, kind.point_of(walker, row))
        if rows[-1] == row:
            rows.pop()
        else:
            replaced.append((series.id, time_ns))
    if walker.time_ns == series.time_ns:  # the newest one, with which the next one is compared
        series.start_ns, series.value, series.shape = walker.start_ns, walker.value, walker.shape
    return replaced
