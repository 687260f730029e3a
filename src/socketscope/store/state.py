"""The one row that says what the store keeps (`schema.META`), and the series as they are in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from socketscope.query.kept import HOURS, MINUTES, POINTS, TENS, Kept
from socketscope.store import schema
from socketscope.store.buckets import Explicit, Exponential, Shape
from socketscope.store.rows import SeriesKey
from socketscope.store.series import Registry, Series

if TYPE_CHECKING:
    import duckdb

    from socketscope.store.resources import Resources

_AFTER = {POINTS: "after_points_ns", TENS: "after_10s_ns", MINUTES: "after_1m_ns", HOURS: "after_1h_ns"}
_READ = f"SELECT created_ns, settled_ns, {', '.join(_AFTER.values())} FROM {schema.META}"
# Not updated: while a question is asked that began before an update, DuckDB writes no check-point.
_WRITE = f"INSERT INTO {schema.META} VALUES (?, ?, ?, {', '.join('?' for _ in _AFTER)})"

SHAPE_COLUMNS = (
    "counts, scale, zero_count, zero_threshold, positive_offset, positive_counts, negative_offset, negative_counts"
)


def compared_with(stored: str, within: str) -> str:
    """Select `series_id, begin_ns`: the time of the point with which one after those `within` is compared.

    `stored` has `series_id, time_ns, start_ns, value, cumulates`. It is the newest one or, where the series cumulates,
    the one with the greatest value since its start became what it is now (`points.py`).
    """
    return f"""
    SELECT series_id, CASE
        WHEN any_value(cumulates) AND any_value(run_ns) > 0
        THEN max({{'value': value, 'time_ns': time_ns}}) FILTER (WHERE time_ns > after_ns).time_ns
        ELSE max(time_ns)
    END AS begin_ns
    FROM {stored} JOIN (
        SELECT series_id, any_value(run_ns) AS run_ns,
            coalesce(max(time_ns) FILTER (WHERE start_ns <> run_ns), 0) AS after_ns
        FROM {stored} JOIN (
            SELECT series_id, arg_max(start_ns, time_ns) AS run_ns FROM {stored} WHERE {within} GROUP BY series_id
        ) USING (series_id) WHERE {within} GROUP BY series_id
    ) USING (series_id) WHERE {within} GROUP BY series_id"""


def _newest(table: str, value: str, columns: str) -> str:
    return f"""WITH asked AS (SELECT unnest($ids::BIGINT[]) AS series_id, unnest($cumulates::BOOLEAN[]) AS cumulates),
stored AS (SELECT series_id, time_ns, start_ns, {value}::DOUBLE AS value, cumulates
    FROM {table} JOIN asked USING (series_id)),
newest AS (SELECT series_id, max(time_ns) AS newest_ns FROM stored GROUP BY series_id),
begins AS ({compared_with("stored", "true")})
SELECT series_id, newest_ns, start_ns, {columns}
FROM {table} JOIN begins USING (series_id) JOIN newest USING (series_id) WHERE time_ns = begin_ns"""


_NEWEST_NUMBERS = _newest("number_points", "value", "value")
_NEWEST_HISTOGRAMS = _newest("histogram_points", "count", f"count, {SHAPE_COLUMNS}")


def read_kept(connection: duckdb.DuckDBPyConnection) -> Kept:
    """Read what is kept, as the transaction sees it."""
    [(created_ns, settled_ns, *after)] = connection.execute(_READ).fetchall()
    return Kept(created_ns, settled_ns, dict(zip(_AFTER, after, strict=True)))


def write_kept(connection: duckdb.DuckDBPyConnection, kept: Kept) -> None:
    """Write what is kept, inside a transaction."""
    connection.execute(f"DELETE FROM {schema.META}")
    after = (kept.after[width] for width in _AFTER)
    connection.execute(_WRITE, [schema.VERSION, kept.created_ns, kept.settled_ns, *after])


def load_series(connection: duckdb.DuckDBPyConnection, resources: Resources, registry: Registry) -> int:
    """Register all series with their newest points; gives the first number that is free."""
    by_number = resources.by_number()
    known = []
    for number, resource_id, *columns in connection.execute(
        "SELECT id, resource_id, scope, scope_version, scope_attributes, metric, kind, unit, temporality, monotonic,"
        " attributes, bounds FROM series"
    ).fetchall():
        key = SeriesKey._make((by_number[resource_id], *columns[:-1], tuple(columns[-1])))
        series = registry.intern(key)
        series.id = number
        known.append(series)
    load_newest(connection, known)
    return max((series.id or 0 for series in known), default=0) + 1


def load_newest(connection: duckdb.DuckDBPyConnection, of: list[Series]) -> None:
    """Set the newest point of each series, and what the next one is compared with, as it is in the file."""
    asked = {"ids": [series.id for series in of], "cumulates": [series.cumulates for series in of]}
    newest: dict[int | None, tuple[int, int, float, Shape | None]] = {
        number: (time_ns, start_ns, value, None)
        for number, time_ns, start_ns, value in connection.execute(_NEWEST_NUMBERS, asked).fetchall()
    }
    for number, time_ns, start_ns, count, *shape in connection.execute(_NEWEST_HISTOGRAMS, asked).fetchall():
        newest[number] = (time_ns, start_ns, count, shape_of(*shape))
    for series in of:  # none is without its points meanwhile: readers look at `time_ns`
        series.time_ns, series.start_ns, series.value, series.shape = newest.get(series.id, (0, 0, 0.0, None))


def shape_of(counts: list[int] | None, *exponential: Any) -> Shape:
    """Read the buckets of a row from `SHAPE_COLUMNS`."""
    return Explicit(counts) if counts is not None else Exponential(*exponential)


def shape_columns(shape: Shape) -> tuple[object, ...]:
    """Write buckets as `SHAPE_COLUMNS`."""
    return (shape.counts, *[None] * 7) if isinstance(shape, Explicit) else (None, *shape)
