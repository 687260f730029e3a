"""The embedded backend's questions that are no `Query`: instances, peaks, connections (of `store/schema.py`).

Parameters: `$since`, `$until`, `$at`, `$live` in nanoseconds. Every statement tolerates records that came twice:
connections are told apart by their id, points by series and time.
"""

# ruff: noqa: S608  # built from our own names; every value is a bound parameter

from __future__ import annotations

from typing import Final

from socketscope import semconv

LOOKBACK_NS: Final = 300_000_000_000
"""Longest time that a report stands, and how far is looked back to learn how often reports come."""

_POINTS: Final = (
    "(SELECT series_id, time_ns, start_ns FROM number_points"
    " UNION ALL SELECT series_id, time_ns, start_ns FROM histogram_points)"
)

INSTANCES: Final = f"""
SELECT resources.instance_id, resources.service_name,
    coalesce(
        min(points.start_ns) FILTER (WHERE points.start_ns > 0 AND series.temporality = 'cumulative'),
        min(points.time_ns)
    ) AS started_ns,
    max(points.time_ns) AS last_ns
FROM {_POINTS} points
JOIN series ON series.id = points.series_id
JOIN resources ON resources.id = series.resource_id
WHERE points.time_ns >= $since::BIGINT AND points.time_ns <= $until::BIGINT
GROUP BY ALL ORDER BY last_ns DESC, started_ns, resources.instance_id
"""
"""`instance_id, service_name, started_ns, last_ns` of what reported in `[$since, $until]`."""

_STANDS: Final = f"greatest($live::BIGINT, least(3 * coalesce(median(gap), 0)::BIGINT, {LOOKBACK_NS}))"
"""How long a report stands: three of the gaps between reports, at least `$live`, at most `LOOKBACK_NS`."""

PEAK: Final = f"""
WITH points AS (
    SELECT series_id, time_ns, any_value(value) AS value
    FROM number_points JOIN series ON series.id = number_points.series_id
    WHERE series.metric = $metric::VARCHAR AND time_ns <= $until::BIGINT
        AND time_ns > $since::BIGINT - greatest($live::BIGINT, {LOOKBACK_NS})
    GROUP BY series_id, time_ns
),
followed AS (
    SELECT *, lead(time_ns) OVER (PARTITION BY series_id ORDER BY time_ns) AS next_ns, next_ns - time_ns AS gap
    FROM points
),
stands AS (SELECT series_id, {_STANDS} AS stands_ns FROM followed GROUP BY series_id),
spans AS (      -- each value stands until the next point of its series, but no longer than a report does
    SELECT value, time_ns AS begin_ns, least(coalesce(next_ns, time_ns + stands_ns), time_ns + stands_ns) AS end_ns
    FROM followed JOIN stands USING (series_id)
),
changes AS (    -- what stands when the period begins changes the sum at its begin
    SELECT greatest(begin_ns, $since::BIGINT) AS time_ns, value AS change FROM spans WHERE end_ns > $since::BIGINT
    UNION ALL
    SELECT end_ns, -value FROM spans WHERE end_ns > $since::BIGINT AND end_ns <= $until::BIGINT
),
moments AS (SELECT time_ns, sum(change) AS change FROM changes GROUP BY time_ns)
SELECT max(total) FROM (SELECT sum(change) OVER (ORDER BY time_ns) AS total FROM moments)
"""
"""One row: the greatest sum of a metric's standing values in `[$since, $until]`, NULL without points."""

_LIVE: Final = f"""reports AS (
    SELECT resources.service_name, resources.instance_id, points.time_ns,
        points.time_ns - lag(points.time_ns) OVER (PARTITION BY series_id ORDER BY points.time_ns) AS gap
    FROM (SELECT DISTINCT series_id, time_ns FROM {_POINTS}) points
    JOIN series ON series.id = points.series_id
    JOIN resources ON resources.id = series.resource_id
    WHERE points.time_ns > $at::BIGINT - greatest($live::BIGINT, {LOOKBACK_NS}) AND points.time_ns <= $at::BIGINT
),
live AS (
    SELECT service_name, instance_id FROM reports GROUP BY ALL
    HAVING max(time_ns) > $at::BIGINT - {_STANDS}
)"""
"""Define `live`: the instances whose newest report still stands at `$at`."""

_LIFE: Final = f"event_name IN ('{semconv.OPENED.name}', '{semconv.PROGRESS.name}', '{semconv.CLOSED.name}')"

OPEN: Final = f"""
WITH {_LIVE},
known AS (
    SELECT connection_id, resource_id,
        bool_or(event_name = '{semconv.CLOSED.name}') AS is_closed,
        coalesce(   -- a connection whose first record was lost is known by a later one
            min(time_ns) FILTER (WHERE event_name = '{semconv.OPENED.name}'),
            min(time_ns - (coalesce(duration, 0) * 1e9)::BIGINT)
        ) AS opened_ns,
        max(time_ns) AS counts_ns,
        arg_max(route, time_ns) AS route,
        arg_max(channels, time_ns) FILTER (WHERE len(channels) > 0) AS channels,
        arg_max(user_hash, time_ns) AS user_hash,
        arg_max(client_address, time_ns) AS client_address,
        arg_max(user_agent, time_ns) AS user_agent,
        arg_max(messages_received, time_ns) AS messages_received,
        arg_max(messages_sent, time_ns) AS messages_sent,
        arg_max(bytes_received, time_ns) AS bytes_received,
        arg_max(bytes_sent, time_ns) AS bytes_sent
    FROM events
    WHERE connection_id IS NOT NULL AND time_ns <= $at::BIGINT AND {_LIFE}
    GROUP BY connection_id, resource_id
),
standing AS (
    SELECT known.*, resources.instance_id
    FROM known JOIN resources ON resources.id = known.resource_id
    SEMI JOIN live ON live.service_name = resources.service_name AND live.instance_id = resources.instance_id
    WHERE NOT known.is_closed
)
SELECT count(*) OVER () AS total, connection_id, instance_id, route, channels, user_hash, opened_ns, client_address,
    user_agent, messages_received, messages_sent, bytes_received, bytes_sent, counts_ns
FROM standing
ORDER BY opened_ns DESC, connection_id
"""
"""What is open at `$at`, newest first, each row beginning with how many there are in all."""

PAGE: Final = " LIMIT $limit::BIGINT OFFSET $offset::BIGINT"

COUNT_OPEN: Final = f"SELECT count(*) FROM ({OPEN})"

SUMMARY: Final = f"""
WITH {_LIVE},
happened AS (
    SELECT * FROM events
    WHERE connection_id IS NOT NULL AND time_ns >= $since::BIGINT AND time_ns <= $until::BIGINT AND {_LIFE}
),
connections AS (
    SELECT connection_id, any_value(resource_id) AS resource_id,
        bool_or(event_name = '{semconv.OPENED.name}') AS opened,
        bool_or(event_name = '{semconv.CLOSED.name}') AS closed,
        coalesce(bool_or(event_name = '{semconv.CLOSED.name}' AND close_initiator = 'network'), false) AS lost,
        bool_or(event_name = '{semconv.CLOSED.name}' AND error_type IS NOT NULL) AS failed,
        any_value(duration) FILTER (WHERE event_name = '{semconv.CLOSED.name}') AS duration,
        max(messages_received) AS messages_received,    -- counts are the life's: they only grow
        max(messages_sent) AS messages_sent,
        max(bytes_received) AS bytes_received,
        max(bytes_sent) AS bytes_sent
    FROM happened GROUP BY connection_id
),
standing AS (
    SELECT connection_id FROM connections JOIN resources ON resources.id = connections.resource_id
    SEMI JOIN live ON live.service_name = resources.service_name AND live.instance_id = resources.instance_id
    WHERE connections.opened AND NOT connections.closed
)
SELECT
    count(*) FILTER (WHERE opened),
    count(*) FILTER (WHERE closed),
    (SELECT count(*) FROM standing),
    count(*) FILTER (WHERE lost),
    count(*) FILTER (WHERE failed),
    avg(duration),
    (SELECT CASE WHEN count(DISTINCT user_key_id) <= 1 THEN count(DISTINCT user_hash) END FROM happened),
    (SELECT count(DISTINCT channel) FROM (SELECT unnest(channels) AS channel FROM happened)),
    coalesce(sum(messages_received), 0)::BIGINT,
    coalesce(sum(messages_sent), 0)::BIGINT,
    coalesce(sum(bytes_received), 0)::BIGINT,
    coalesce(sum(bytes_sent), 0)::BIGINT,
    (SELECT $since::BIGINT >= created_ns FROM socketscope_store)
FROM connections
"""
"""One row, in the order of `ConnectionSummary`'s fields; `$at` is `$until`."""
