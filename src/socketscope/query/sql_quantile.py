"""SQL for quantiles of histograms with explicit buckets.

The increase of every bucket over the window, all series merged; then linear interpolation within the bucket that
holds the rank, from 0 (or, for negative bounds, at the bound) in the first, and at the greatest bound in the last.
Series whose bounds differ are merged bucket by bucket at their upper bounds.
"""

# ruff: noqa: S608  # only names of our own columns are put into the text; every value is a bound parameter

from __future__ import annotations

from socketscope.query.sql_parts import Frame, Parameters
from socketscope.query.sql_series import born, reset_by_start


def quantile(frame: Frame, fraction: float, parameters: Parameters) -> str:
    """Take the quantile `fraction` (0..1) of the increase within the window.

    A cumulative series is cut into epochs at its resets (and where its bounds change); in each the counts only grow.
    """
    rank = f"{parameters.bind(fraction, 'DOUBLE')} * total"
    of_chosen = "counts IS NOT NULL AND series_id IN (SELECT series_id FROM chosen)"
    by = ", ".join(("k", *frame.by))
    return f"""WITH {frame.chosen},
points AS (
    SELECT series_id, time_ns, start_ns, count, bounds, counts FROM histogram_points
    WHERE {of_chosen} AND time_ns > {frame.first} AND time_ns <= {frame.last}
    UNION ALL
    SELECT series_id, max(time_ns), arg_max(start_ns, time_ns), arg_max(count, time_ns),
        arg_max(bounds, time_ns), arg_max(counts, time_ns)
    FROM histogram_points WHERE {of_chosen} AND time_ns <= {frame.first} GROUP BY series_id
),
flagged AS (
    SELECT points.*, is_delta, lag(time_ns) OVER ordered AS earlier_ns, (
        is_delta
        OR count < lag(count) OVER ordered
        OR {reset_by_start("ordered")}
        OR bounds <> lag(bounds) OVER ordered
    ) AS is_reset
    FROM points JOIN chosen USING (series_id)
    WINDOW ordered AS (PARTITION BY series_id ORDER BY time_ns, start_ns, count)
),
epochs AS (
    SELECT *, sum(coalesce(is_reset, false)::INTEGER) OVER (PARTITION BY series_id ORDER BY time_ns) AS epoch
    FROM flagged WHERE NOT is_delta
),
births AS (
    SELECT series_id, arg_min(epoch, time_ns) AS epoch, arg_min(counts, time_ns) AS counts,
        arg_min(start_ns, time_ns) AS start_ns
    FROM epochs GROUP BY series_id
),
{frame.cells},
grown AS (
    SELECT cells.*, newest.time_ns, newest.bounds, newest.counts, coalesce(
        oldest.counts,
        CASE WHEN births.epoch = newest.epoch AND NOT {born("births.start_ns")} THEN births.counts END
    ) AS before
    FROM (SELECT cells.*, epoch FROM cells JOIN (SELECT DISTINCT series_id, epoch FROM epochs) USING (series_id)) cells
    ASOF JOIN epochs newest
        ON newest.series_id = cells.series_id AND newest.epoch = cells.epoch AND cells.until >= newest.time_ns
    ASOF LEFT JOIN epochs oldest
        ON oldest.series_id = cells.series_id AND oldest.epoch = cells.epoch AND cells.since >= oldest.time_ns
    LEFT JOIN births ON births.series_id = cells.series_id
    WHERE newest.time_ns > cells.since
    UNION ALL
    SELECT cells.*, 0, time_ns, bounds, counts, NULL
    FROM cells JOIN flagged ON flagged.series_id = cells.series_id
        AND flagged.time_ns > cells.since AND flagged.time_ns <= cells.until
    WHERE flagged.is_delta AND flagged.time_ns IS DISTINCT FROM flagged.earlier_ns
),
counted AS (
    SELECT {frame.columns("time_ns")}, unnest(list_append(bounds, 'inf'::DOUBLE)) AS bound,
        unnest(counts) AS now, unnest(before) AS before
    FROM grown
),
buckets AS (
    SELECT {frame.columns("bound")}, sum(now - coalesce(before, 0)) AS n, max(time_ns) AS measured_ns
    FROM counted GROUP BY {frame.columns("bound")}
),
ranked AS (
    SELECT {frame.columns("bound", "n")}, max(measured_ns) OVER whole AS measured_ns, sum(n) OVER whole AS total,
        sum(n) OVER (PARTITION BY {by} ORDER BY bound) AS reached,
        lag(bound) OVER (PARTITION BY {by} ORDER BY bound) AS lower
    FROM buckets WINDOW whole AS (PARTITION BY {by})
),
picked AS (
    SELECT {frame.columns("any_value(measured_ns) AS measured_ns")}, arg_min(
        CASE
            WHEN isinf(bound) THEN lower
            ELSE coalesce(lower, least(0, bound))
                + (bound - coalesce(lower, least(0, bound))) * ({rank} - (reached - n)) / n
        END, bound
    ) AS value
    FROM ranked WHERE total > 0 AND n > 0 AND reached >= {rank} GROUP BY {by}
)
SELECT {frame.columns("value", "measured_ns")} FROM picked WHERE value IS NOT NULL"""
