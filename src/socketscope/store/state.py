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

_NEWEST_NUMBERS = """SELECT series_id, max(time_ns), arg_max(start_ns, time_ns), arg_max(value, time_ns)
FROM number_points WHERE series_id IN (SELECT unnest($1::BIGINT[])) GROUP BY series_id"""
_NEWEST_HISTOGRAMS = f"""SELECT series_id, time_ns, start_ns, count, {SHAPE_COLUMNS}
FROM histogram_points JOIN (
    SELECT series_id, max(time_ns) AS time_ns FROM histogram_points
    WHERE series_id IN (SELECT unnest($1::BIGINT[])) GROUP BY series_id
) USING (series_id, time_ns)"""


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
    """Set the newest point of each series as it is in the file."""
    ids = [series.id for series in of]
    newest: dict[int | None, tuple[int, int, float, Shape | None]] = {
        number: (time_ns, start_ns, value, None)
        for number, time_ns, start_ns, value in connection.execute(_NEWEST_NUMBERS, [ids]).fetchall()
    }
    for number, time_ns, start_ns, count, *shape in connection.execute(_NEWEST_HISTOGRAMS, [ids]).fetchall():
        newest[number] = (time_ns, start_ns, count, shape_of(*shape))
    for series in of:  # none is without its points meanwhile: readers look at `time_ns`
        series.time_ns, series.start_ns, series.value, series.shape = newest.get(series.id, (0, 0, 0.0, None))


def shape_of(counts: list[int] | None, *exponential: Any) -> Shape:
    """Read the buckets of a row from `SHAPE_COLUMNS`."""
    return Explicit(counts) if counts is not None else Exponential(*exponential)


def shape_columns(shape: Shape) -> tuple[object, ...]:
    """Write buckets as `SHAPE_COLUMNS`."""
    return (shape.counts, *[None] * 7) if isinstance(shape, Explicit) else (None, *shape)
