"""The greatest sum of a gauge at one moment, over any period: from its points, and by minute once those are settled.

A value stands until its series' next point, but no longer than a report does: three of the gaps between its reports,
at least `$live` and at most `LOOKBACK_NS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from socketscope.query.catalog import Catalog
from socketscope.query.kept import MINUTES, POINTS
from socketscope.query.sql_parts import nanoseconds

LIVE_AFTER_NS: Final = 15_000_000_000
"""How long a report stands at the least."""
LOOKBACK_NS: Final = 300_000_000_000
"""How long a report stands at the most, and how far is looked back to learn how often reports come."""


def stands(gap: str, live: str) -> str:
    """Write how long a report stands: an aggregate over the gaps between reports."""
    return f"greatest({live}, least(3 * coalesce(median({gap}), 0)::BIGINT, {LOOKBACK_NS}))"


def spans(series: str, after: str, until: str, live: str) -> str:
    """Define `spans(metric, value, begin_ns, end_ns)`: when each value of the chosen series stands.

    `series` is a condition on the table of series; what stands after `after` and was measured up to `until` is there.
    """
    return f"""followed AS (
    SELECT series.metric, series_id, time_ns, value,
        lead(time_ns) OVER (PARTITION BY series_id ORDER BY time_ns) AS next_ns, next_ns - time_ns AS gap
    FROM number_points JOIN series ON series.id = series_id
    WHERE {series} AND time_ns <= {until} AND time_ns > {after} - greatest({live}, {LOOKBACK_NS})
),
standing AS (SELECT series_id, {stands("gap", live)} AS stands_ns FROM followed GROUP BY series_id),
spans AS (
    SELECT metric, value, time_ns AS begin_ns,
        least(coalesce(next_ns, time_ns + stands_ns), time_ns + stands_ns) AS end_ns
    FROM followed JOIN standing USING (series_id)
),
changes AS (
    SELECT metric, greatest(begin_ns, {after}) AS time_ns, value AS change, 1 AS more FROM spans WHERE end_ns > {after}
    UNION ALL
    SELECT metric, end_ns, -value, -1 FROM spans WHERE end_ns > {after} AND end_ns <= {until}
),
totals AS (
    SELECT metric, time_ns, sum(change) OVER ordered AS total, lead(time_ns) OVER ordered AS next_ns
    FROM (SELECT metric, time_ns, sum(change) AS change, sum(more) AS more FROM changes GROUP BY metric, time_ns)
    WINDOW ordered AS (PARTITION BY metric ORDER BY time_ns) QUALIFY sum(more) OVER ordered > 0
)"""


PEAK: Final = f"""WITH {spans("series.metric = $metric::VARCHAR", "$after::BIGINT", "$until::BIGINT", "$live::BIGINT")}
SELECT max(total) FROM totals"""
"""One row: the greatest sum of what stood in `[$after, $until]`, from points; NULL without any."""

PEAK_BY_MINUTE: Final = """SELECT max(value) FROM peaks
WHERE metric = $metric::VARCHAR AND time_ns > $after::BIGINT AND time_ns <= $until::BIGINT"""
"""The same of whole minutes, once they are settled."""

PEAKS_BY_MINUTE: Final = f"""INSERT INTO peaks
WITH {
    spans(
        "series.kind IN ('gauge', 'sum') AND NOT series.monotonic",
        "$after::BIGINT",
        "$until::BIGINT",
        f"{LIVE_AFTER_NS}::BIGINT",
    )
}
SELECT metric, bucket_ns, max(total) FROM (
    SELECT metric, total, unnest(range(
        greatest((time_ns + {MINUTES - 1}) // {MINUTES}, $after::BIGINT // {MINUTES} + 1),
        (least(coalesce(next_ns - 1, $until::BIGINT), $until::BIGINT) + {MINUTES - 1}) // {MINUTES} + 1
    )) * {MINUTES} AS bucket_ns FROM totals
) GROUP BY metric, bucket_ns ORDER BY bucket_ns"""
"""Fill in the minutes of `($after, $until]`, which are whole ones."""


def peak_statements(
    metric: str, catalog: Catalog, *, since: float, until: float, live_ns: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ask for the peak in `[since, until]` (epoch seconds); the answer is the greatest of all.

    Minutes that are settled are read as such, with `LIVE_AFTER_NS`. Where points are no longer kept the minute in
    which the period begins, or ends, counts as a whole.
    """
    kept, after, until_ns = catalog.kept, nanoseconds(since, "since"), nanoseconds(until, "until")
    points_after = kept.after[POINTS]
    begin = after if after < points_after else -(-after // MINUTES) * MINUTES
    end = until_ns if until_ns <= points_after else min(until_ns, kept.settled_ns) // MINUTES * MINUTES
    if begin < end:
        yield PEAK_BY_MINUTE, {"metric": metric, "after": begin, "until": end}
    else:
        begin = end = until_ns
    for first, last in ((after, begin), (end, until_ns)):
        if first < last:
            yield PEAK, {"metric": metric, "after": first, "until": last, "live": live_ns}
