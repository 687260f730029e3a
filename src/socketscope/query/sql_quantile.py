"""SQL for quantiles of histograms, with explicit or exponential buckets.

The observations of every bucket within the window, all series merged at the buckets' upper bounds; then linear
interpolation within the bucket that holds the rank. The first explicit bucket begins at 0 (or, where its bound is
negative, at that bound); what lies beyond the greatest bound answers that bound.
"""

from __future__ import annotations

from socketscope.query.kept import POINTS, Stretch
from socketscope.query.sql_parts import Frame, Parameters
from socketscope.query.tables import BUCKETS


def quantile(frame: Frame, fraction: float, parameters: Parameters) -> str:
    """Take the quantile `fraction` (0..1) of what was observed within the window; no observation is no data."""
    rank = f"{parameters.bind(fraction, 'DOUBLE')} * total"
    pieces = [_piece(stretch, parameters) for stretch in frame.stretches()]
    if frame.knows_older:
        pieces.append(_older(frame, parameters))
    if not pieces:
        return "SELECT 0 AS k, 0 AS g, 0.0 AS value, 0 AS measured_ns WHERE false"
    still = f"WHERE born_ns IS NULL OR born_ns > {frame.begins(parameters)}" if frame.knows_older else ""
    return f"""WITH {frame.chosen(parameters)},
pieces AS (
    {f"{chr(10)}    UNION ALL ".join(pieces)}
),
slots AS (
    SELECT g, lower, upper, born_ns, {frame.windows(parameters)}, sum(n) AS n, max(measured_ns) AS measured_ns
    FROM pieces GROUP BY ALL
),
laid AS (SELECT *, unnest(range(from_k, to_k)) AS k FROM slots),
buckets AS (
    SELECT k, g, upper, max(lower) AS lower, sum(n)::DOUBLE AS n, max(measured_ns) AS measured_ns
    FROM laid {still} GROUP BY k, g, upper HAVING sum(n) > 0
),
ranked AS (
    SELECT k, g, upper, n, max(measured_ns) OVER whole AS measured_ns, sum(n) OVER whole AS total,
        sum(n) OVER rising AS reached, lag(upper) OVER rising AS beneath, CASE
            WHEN beneath IS NOT NULL THEN greatest(beneath, lower)
            WHEN lower > '-infinity'::DOUBLE THEN lower
            WHEN upper < 'infinity'::DOUBLE THEN least(0, upper)
        END AS begin
    FROM buckets WINDOW whole AS (PARTITION BY k, g), rising AS (PARTITION BY k, g ORDER BY upper)
),
picked AS (
    SELECT k, g, any_value(measured_ns) AS measured_ns, arg_min(
        CASE WHEN isinf(upper) THEN begin ELSE begin + (upper - begin) * ({rank} - (reached - n)) / n END, upper
    ) AS value
    FROM ranked WHERE reached >= {rank} GROUP BY k, g
)
SELECT k, g, value, measured_ns FROM picked WHERE value IS NOT NULL"""


_UNNESTED = "unnest(lowers) AS lower, unnest(uppers) AS upper, unnest(increments) AS n"


def _piece(stretch: Stretch, parameters: Parameters) -> str:
    after, until = parameters.bind(stretch.after, "BIGINT"), parameters.bind(stretch.until, "BIGINT")
    within = f"JOIN chosen USING (series_id) WHERE time_ns > {after} AND time_ns <= {until}"
    if stretch.width != POINTS:
        return f"""SELECT g, time_ns, value_ns AS measured_ns, lower, upper, n, NULL::BIGINT AS born_ns
    FROM {BUCKETS[stretch.width]} {within}"""
    return f"""SELECT g, time_ns, time_ns AS measured_ns, {_UNNESTED}, NULL::BIGINT AS born_ns
    FROM histogram_points {within}"""


def _older(frame: Frame, parameters: Parameters) -> str:
    first, last = parameters.bind(frame.first, "BIGINT"), parameters.bind(frame.last, "BIGINT")
    return f"""SELECT g, time_ns, time_ns AS measured_ns, {_UNNESTED}, start_ns AS born_ns
    FROM births JOIN chosen USING (series_id) WHERE time_ns > {first} AND time_ns <= {last} AND start_ns > {first}"""
