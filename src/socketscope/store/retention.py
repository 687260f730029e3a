"""How long what is kept: by age, and by size where there is too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from socketscope.query.kept import HOURS, MINUTES, POINTS, SECOND_NS, TENS, Kept
from socketscope.query.tables import BUCKETS, ROLLUP
from socketscope.store.state import write_kept

if TYPE_CHECKING:
    import duckdb

DAY_NS: Final = 86_400 * SECOND_NS

SHRINK: Final = 0.8
"""By how much all periods are shortened where there is too much."""

GROUP_ROWS: Final = 122_880
"""Rows of a DuckDB row group, the least that gives its space back."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What to keep: everything for `age_ns`, but points for `points_ns` and roll-ups of 10 s for twice that.

    Where all that takes more than `bytes`, every period is shortened in proportion, to an hour at the least; where an
    hour is too much, the spans that ended first go, too. Numbers, events and up to twice `GROUP_ROWS` of the newest
    spans stay for an hour, whatever they take.
    """

    age_ns: int = 7 * DAY_NS
    points_ns: int = DAY_NS
    bytes: int = 2 << 30

    def after(self, now_ns: int, share: float) -> dict[int, int]:
        """After which time each width is kept, when only this share of the periods is."""
        points = min(self.points_ns, self.age_ns)
        periods = {POINTS: points, TENS: min(2 * points, self.age_ns), MINUTES: self.age_ns, HOURS: self.age_ns}
        return {
            width: max(0, int(now_ns - max(share * period, HOURS)) // HOURS * HOURS)
            for width, period in periods.items()
        }


EVERYTHING: Final = Retention(age_ns=1 << 62, points_ns=1 << 62, bytes=1 << 62)
"""For who only reads a store: how long it is kept is its service's affair."""


def moved_on(kept: Kept, after: dict[int, int]) -> Kept:
    """Tell what is kept when nothing before these times is: they never move back, nor beyond what is settled."""
    settled = kept.settled(HOURS)
    return replace(
        kept,
        after={width: max(kept.after[width], min(limit, settled)) for width, limit in after.items()},
    )


def delete(connection: duckdb.DuckDBPyConnection, kept: Kept) -> None:
    """Delete what is no longer kept, inside a transaction, and write down what is.

    Of every series its newest point before the limit stays: it is what the next one is compared with.
    """
    limit = kept.after[POINTS]
    for table in ("number_points", "histogram_points"):
        connection.execute(
            f"""DELETE FROM {table} USING (
                SELECT series_id, max(time_ns) AS newest_ns FROM {table}
                WHERE time_ns <= $limit::BIGINT GROUP BY series_id
            ) bases WHERE {table}.series_id = bases.series_id AND time_ns < newest_ns""",
            {"limit": limit},
        )
    for width in ROLLUP:
        for table in (ROLLUP[width], BUCKETS[width]):
            connection.execute(f"DELETE FROM {table} WHERE time_ns <= ?::BIGINT", [kept.after[width]])
    connection.execute("DELETE FROM peaks WHERE time_ns <= ?::BIGINT", [kept.after[MINUTES]])
    everything = [kept.after[HOURS]]
    connection.execute("DELETE FROM births WHERE time_ns <= ?::BIGINT", everything)
    connection.execute("DELETE FROM exemplars WHERE time_ns <= ?::BIGINT", [limit])
    connection.execute("DELETE FROM events WHERE time_ns <= ?::BIGINT", everything)
    connection.execute("DELETE FROM spans WHERE end_ns <= ?::BIGINT", everything)
    write_kept(connection, kept)


def delete_ended(connection: duckdb.DuckDBPyConnection, ended: Sequence[int]) -> set[int]:
    """Delete these series, and resources that nothing is left of, inside a transaction; gives the resources."""
    ids = [list(ended)]
    for table, column in (("number_points", "series_id"), ("histogram_points", "series_id"), ("series", "id")):
        connection.execute(f"DELETE FROM {table} WHERE {column} IN (SELECT unnest(?::BIGINT[]))", ids)
    deleted = connection.execute(
        """DELETE FROM resources WHERE id NOT IN (
            SELECT resource_id FROM series UNION SELECT resource_id FROM spans UNION SELECT resource_id FROM events
        ) RETURNING id"""
    ).fetchall()
    return {number for (number,) in deleted}


def delete_older_spans(connection: duckdb.DuckDBPyConnection) -> bool:
    """Delete the half of the spans that ended first, inside a transaction; False where that gives no space back."""
    [(spans,)] = connection.execute("SELECT count(*) FROM spans").fetchall()
    if spans <= 2 * GROUP_ROWS:
        return False
    connection.execute("DELETE FROM spans WHERE end_ns < (SELECT quantile_disc(end_ns, 0.5) FROM spans)")
    return True


def used_bytes(connection: duckdb.DuckDBPyConnection) -> int:
    """Measure how much of the file, and of the log beside it, is in use."""
    [(blocks, block_size, log)] = connection.execute(
        "SELECT used_blocks, block_size, wal_size FROM pragma_database_size()"
    ).fetchall()
    return int(blocks) * int(block_size) + _bytes(log)


def _bytes(text: str) -> int:
    number, unit = text.split()
    factors = {"bytes": 1, "byte": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
    return int(float(number) * factors[unit])
