"""Roll-ups: what happened in each bucket of 10 s, a minute, an hour, made from points once those have come in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from socketscope.query.kept import MINUTES, TENS, WIDTHS, Kept
from socketscope.query.tables import BUCKETS, ROLLUP
from socketscope.store.peaks import PEAKS_BY_MINUTE
from socketscope.store.state import write_kept

if TYPE_CHECKING:
    import duckdb


def _end(width: int) -> str:
    """Write when the bucket of `time_ns` ends."""
    return f"(time_ns + {width - 1}) // {width} * {width}"


# A sum that no BIGINT holds is none of a real service; it must not stop the roll-ups of all others.
_SUM_OF_N: Final = f"least(sum(n), {(1 << 63) - 1})"
_WITHIN: Final = "time_ns > $after::BIGINT AND time_ns <= $until::BIGINT"

_FROM_POINTS: Final = f"""INSERT INTO {ROLLUP[TENS]}
SELECT series_id, {_end(TENS)} AS bucket_ns, count(*), sum(step), arg_max(value, time_ns), max(time_ns),
    arg_max(start_ns, time_ns), min(value), max(value), sum(value)
FROM (
    SELECT series_id, time_ns, start_ns, value, step FROM number_points WHERE {_WITHIN}
    UNION ALL
    SELECT series_id, time_ns, start_ns, count::DOUBLE, step FROM histogram_points WHERE {_WITHIN}
) GROUP BY series_id, bucket_ns ORDER BY bucket_ns"""

_BUCKETS_FROM_POINTS: Final = f"""INSERT INTO {BUCKETS[TENS]}
SELECT series_id, {_end(TENS)} AS bucket_ns, max(time_ns), lower, upper, {_SUM_OF_N}
FROM (
    SELECT series_id, time_ns, unnest(lowers) AS lower, unnest(uppers) AS upper, unnest(increments) AS n
    FROM histogram_points WHERE {_WITHIN}
) GROUP BY series_id, bucket_ns, lower, upper ORDER BY bucket_ns"""


def _from_narrower(width: int, narrower: int) -> tuple[str, str]:
    return (
        f"""INSERT INTO {ROLLUP[width]}
SELECT series_id, {_end(width)} AS bucket_ns, sum(points), sum(step), arg_max(value, value_ns), max(value_ns),
    arg_max(start_ns, value_ns), min(low), max(high), sum(total)
FROM {ROLLUP[narrower]} WHERE {_WITHIN} GROUP BY series_id, bucket_ns ORDER BY bucket_ns""",
        f"""INSERT INTO {BUCKETS[width]}
SELECT series_id, {_end(width)} AS bucket_ns, max(value_ns), lower, upper, {_SUM_OF_N}
FROM {BUCKETS[narrower]} WHERE {_WITHIN} GROUP BY series_id, bucket_ns, lower, upper ORDER BY bucket_ns""",
    )


_STATEMENTS: Final = {
    TENS: (_FROM_POINTS, _BUCKETS_FROM_POINTS),
    **{width: _from_narrower(width, WIDTHS[index]) for index, width in enumerate(WIDTHS[1:])},
}


def settle(connection: duckdb.DuckDBPyConnection, kept: Kept, until_ns: int) -> Kept:
    """Complete the roll-ups up to `until_ns`, inside a transaction; gives what is kept then."""
    settled = replace(kept, settled_ns=until_ns - until_ns % TENS)
    if settled.settled_ns <= kept.settled_ns:
        return kept
    for width in WIDTHS:
        stretch = {"after": kept.settled(width), "until": settled.settled(width)}
        if stretch["after"] < stretch["until"]:
            for statement in _STATEMENTS[width]:
                connection.execute(statement, stretch)
            if width == MINUTES:
                connection.execute(PEAKS_BY_MINUTE, stretch)
    write_kept(connection, settled)
    return settled


def retreat(connection: duckdb.DuckDBPyConnection, kept: Kept, before_ns: int) -> Kept:
    """Take back the roll-ups from the bucket of `before_ns` on, inside a transaction: a late point falls into it."""
    left = replace(kept, settled_ns=(before_ns - 1) // TENS * TENS)
    if left.settled_ns >= kept.settled_ns:
        return kept
    for width in WIDTHS:
        for table in (ROLLUP[width], BUCKETS[width], *(("peaks",) if width == MINUTES else ())):
            connection.execute(f"DELETE FROM {table} WHERE time_ns > ?::BIGINT", [left.settled(width)])
    write_kept(connection, left)
    return left
