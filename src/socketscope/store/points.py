"""New points as rows: each with its step, the increase since the points before it in its series.

A counter that tells when it began (`start_ns`) can't fall as long as that stays the same. A lower value at a later time
is then no reset: the clock of its process was put back, and so what it counted came with earlier times than what it had
counted before. Steps are the increases of the greatest value so far, in the order of times, and add up to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from socketscope.store.buckets import Growth, growth
from socketscope.store.rows import HistogramRow
from socketscope.store.series import Series
from socketscope.store.state import shape_columns

if TYPE_CHECKING:
    import duckdb

Row = tuple[Any, ...]

_STAGED: Final = """series_id BIGINT, time_ns BIGINT, start_ns BIGINT, count BIGINT, step DOUBLE,
sum DOUBLE, min DOUBLE, max DOUBLE, counts VARCHAR, scale INTEGER, zero_count BIGINT, zero_threshold DOUBLE,
positive_offset INTEGER, positive_counts VARCHAR, negative_offset INTEGER, negative_counts VARCHAR,
lowers VARCHAR, uppers VARCHAR, increments VARCHAR"""


class Points:
    """Rows of one transaction. Each `add` takes a point that is newer than its series' newest, and makes it that.

    Cumulative values that start anew count from 0, and so do those that fall and don't tell when they began. The first
    point of a series counts from 0 too if the series was born under the store's eyes (or does not tell when);
    what an older one had counted is a row of `births`.
    """

    def __init__(self, created_ns: int) -> None:
        self.numbers: list[Row] = []
        self.histograms: list[Row] = []
        self.births: list[Row] = []
        self._created_ns = created_ns

    def add_number(self, series: Series, time_ns: int, start_ns: int, value: float) -> None:
        """Take a number."""
        if series.is_delta:
            step = value
        elif series.is_below(start_ns, value):
            series.time_ns = time_ns
            self.numbers.append((series.id, time_ns, start_ns, value, 0.0))
            return
        elif series.time_ns:
            before = series.value
            step = value if value < before or 0 < series.start_ns < start_ns else value - before
        elif 0 < start_ns < self._created_ns:
            step = 0.0
            self.births.append((series.id, time_ns, start_ns, value, None, None, None))
        else:
            step = value
        series.time_ns, series.start_ns, series.value = time_ns, start_ns, value
        self.numbers.append((series.id, time_ns, start_ns, value, step))

    def add_histogram(self, series: Series, row: HistogramRow) -> None:
        """Take a histogram: its count and each of its buckets."""
        if series.is_below(row.start_ns, row.count):
            series.time_ns = row.time_ns
            self._append(series, row, 0.0, Growth([], [], []))
            return
        bounds = series.key.bounds
        before = None if series.is_delta else series.shape
        grown = None
        if before is not None and row.count >= series.value and not 0 < series.start_ns < row.start_ns:
            step: float = row.count - series.value
            grown = growth(bounds, row.shape, before)
        if grown is None:  # the first point, a delta or a reset: it counts from 0
            step = row.count
            grown = growth(bounds, row.shape, None) or Growth([], [], [])
            if before is None and not series.is_delta and 0 < row.start_ns < self._created_ns:
                self.births.append((series.id, row.time_ns, row.start_ns, float(row.count), *grown))
                step, grown = 0, Growth([], [], [])
        series.time_ns, series.start_ns, series.value = row.time_ns, row.start_ns, row.count
        series.shape = row.shape
        self._append(series, row, float(step), grown)

    def _append(self, series: Series, row: HistogramRow, step: float, grown: Growth) -> None:
        self.histograms.append((
            series.id, row.time_ns, row.start_ns, row.count, step, row.sum, row.min, row.max,
            *shape_columns(row.shape), *grown,
        ))  # fmt: skip


def append_rows(connection: duckdb.DuckDBPyConnection, table: str, rows: list[Row]) -> None:
    """Append rows to a table, inside a transaction."""
    if rows:
        with connection.appender(table) as appender:
            appender.append_rows(rows)


def append_histograms(connection: duckdb.DuckDBPyConnection, rows: list[Row]) -> None:
    """Append rows to `histogram_points`, their lists as text: DuckDB turns that into lists five times as fast."""
    if rows:
        connection.execute(f"CREATE OR REPLACE TEMP TABLE staged ({_STAGED})")
        append_rows(connection, "staged", [_staged(row) for row in rows])
        connection.execute("INSERT INTO histogram_points SELECT * FROM staged")
        connection.execute("DROP TABLE staged")


def _staged(row: Row) -> Row:
    lists = str(row[16]), str(row[17]), str(row[18])
    if row[8] is not None:
        return (*row[:8], str(row[8]), *row[9:16], *lists)
    return (*row[:13], str(row[13]), row[14], str(row[15]), *lists)
