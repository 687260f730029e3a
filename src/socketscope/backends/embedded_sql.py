"""The embedded backend's questions that are no `Query`: instances, connections (of `store/schema.py`).

Parameters: `$since`, `$until`, `$at`, `$live` in nanoseconds. Every statement tolerates records that came twice:
connections are told apart by their id.
"""

from __future__ import annotations

from typing import Final

from socketscope import semconv
from socketscope.query.kept import MINUTES
from socketscope.query.tables import ROLLUP
from socketscope.store.peaks import LOOKBACK_NS, stands

INSTANCES: Final = f"""
SELECT resources.instance_id, resources.service_name,
    coalesce(
        min(reports.start_ns) FILTER (WHERE reports.start_ns > 0 AND series.temporality = 'cumulative'),
        min(reports.time_ns)
    ) AS started_ns,
    max(reports.time_ns) AS last_ns
FROM (
    SELECT series_id, time_ns, start_ns FROM number_points
    UNION ALL SELECT series_id, time_ns, start_ns FROM histogram_points
    UNION ALL SELECT series_id, value_ns, start_ns FROM {ROLLUP[MINUTES]}
        WHERE value_ns <= (SELECT after_points_ns FROM socketscope_store)
) reports
JOIN series ON series.id = reports.series_id
JOIN resources ON resources.id = series.resource_id
WHERE reports.time_ns >= $since::BIGINT AND reports.time_ns <= $until::BIGINT
GROUP BY ALL ORDER BY last_ns DESC, started_ns, resources.instance_id
"""
"""`instance_id, service_name, started_ns, last_ns` of what reported in `[$since, $until]`."""

_LIVE: Final = f"""recent AS (
    SELECT series_id, time_ns FROM number_points
    WHERE time_ns > $at::BIGINT - greatest($live::BIGINT, {LOOKBACK_NS}) AND time_ns <= $at::BIGINT
    UNION ALL
    SELECT series_id, time_ns FROM histogram_points
    WHERE time_ns > $at::BIGINT - greatest($live::BIGINT, {LOOKBACK_NS}) AND time_ns <= $at::BIGINT
),
reporting AS (  -- of each instance, when it reported last, and the series that tells best how often it does
    SELECT resources.service_name, resources.instance_id, max(last_ns) AS last_ns, arg_max(series_id, n) AS series_id
    FROM (SELECT series_id, count(*) AS n, max(time_ns) AS last_ns FROM recent GROUP BY series_id) counted
    JOIN series ON series.id = counted.series_id
    JOIN resources ON resources.id = series.resource_id
    GROUP BY ALL
),
gaps AS (
    SELECT series_id, time_ns - lag(time_ns) OVER (PARTITION BY series_id ORDER BY time_ns) AS gap
    FROM recent SEMI JOIN reporting USING (series_id)
),
live AS (
    SELECT service_name, instance_id FROM reporting
    JOIN (SELECT series_id, {stands("gap", "$live::BIGINT")} AS stands_ns FROM gaps GROUP BY series_id)
        USING (series_id)
    WHERE last_ns > $at::BIGINT - stands_ns
)"""
"""Define `live`: the instances whose newest report still stands at `$at`."""

_LIFE: Final = f"event_name IN ('{semconv.OPENED.name}', '{semconv.PROGRESS.name}', '{semconv.CLOSED.name}')"

OPEN: Final = f"""
WITH {_LIVE},
here AS (       -- the resources of live instances
    SELECT resources.id AS resource_id, resources.instance_id FROM resources
    SEMI JOIN live ON live.service_name = resources.service_name AND live.instance_id = resources.instance_id
),
happened AS (
    SELECT * FROM events
    WHERE connection_id IS NOT NULL AND time_ns <= $at::BIGINT AND {_LIFE}
        AND resource_id IN (SELECT resource_id FROM here)
),
standing AS MATERIALIZED (      -- few of many, so that only few are looked at closely
    SELECT connection_id FROM happened WHERE event_name <> '{semconv.CLOSED.name}'
    EXCEPT SELECT connection_id FROM happened WHERE event_name = '{semconv.CLOSED.name}'
),
known AS (
    SELECT connection_id, resource_id,
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
    FROM happened SEMI JOIN standing USING (connection_id) GROUP BY connection_id, resource_id
)
SELECT count(*) OVER () AS total, connection_id, instance_id, route, channels, user_hash, opened_ns, client_address,
    user_agent, messages_received, messages_sent, bytes_received, bytes_sent, counts_ns
FROM known JOIN here USING (resource_id)
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
