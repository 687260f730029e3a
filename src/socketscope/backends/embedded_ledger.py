"""The embedded backend's account of a period's connections: its events are read once, into a table of lives.

Parameters: `$since`, `$until` in nanoseconds. Connections are told apart by their id, so that records that came twice
count once.
"""

# built from our own names; every value is a bound parameter

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from socketscope import semconv
from socketscope.backends.exports import InstanceExports
from socketscope.backends.ledger import (
    LOOKBACK,
    ConnectionLedger,
    Ended,
    InChannel,
    Stretch,
    Users,
    Vanished,
)
from socketscope.query.kept import HOURS, SECOND_NS, Kept

_OPENED: Final = f"event_name = '{semconv.OPENED.name}'"
_CLOSED: Final = f"event_name = '{semconv.CLOSED.name}'"
_LIFE: Final = (
    f"connection_id IS NOT NULL AND event_name IN ('{semconv.OPENED.name}', '{semconv.PROGRESS.name}',"
    f" '{semconv.CLOSED.name}')"
)
_WITHIN: Final = "time_ns >= $since::BIGINT AND time_ns < $until::BIGINT"
_SILENT_NS: Final = 2 * 300 * SECOND_NS
"""How long connections of a process that sends no metrics count as open after their last event."""

_LIVES: Final = f"""CREATE OR REPLACE TEMP TABLE report_lives AS
WITH processes AS (
    SELECT unnest($services::VARCHAR[]) AS service_name, unnest($instances::VARCHAR[]) AS instance_id,
        unnest($starts::BIGINT[]) AS started_ns, unnest($lasts::BIGINT[]) AS last_ns,
        unnest($goes_on::BOOLEAN[]) AS goes_on
),
reporting AS (   -- the first one under a name also has what is older than itself, by a clock that was put back
    SELECT resources.id AS resource_id, last_ns, goes_on,
        CASE WHEN row_number() OVER (PARTITION BY resources.id ORDER BY started_ns) > 1 THEN started_ns ELSE 0 END
            AS from_ns
    FROM resources JOIN processes USING (service_name, instance_id)
),
lives AS (
    SELECT connection_id, any_value(resource_id) AS resource_id,
        min(time_ns) FILTER (WHERE {_OPENED}) AS began_ns,
        coalesce(began_ns, min(time_ns - (coalesce(duration, 0) * 1e9)::BIGINT)) AS opened_ns,
        min(time_ns) FILTER (WHERE {_CLOSED}) AS closed_ns,
        max(time_ns) AS last_event_ns,
        any_value(duration) FILTER (WHERE {_CLOSED}) AS duration,
        any_value(close_code) FILTER (WHERE {_CLOSED}) AS code,
        any_value(close_initiator) FILTER (WHERE {_CLOSED}) AS initiator,
        coalesce(bool_or({_CLOSED} AND error_type IS NOT NULL), false) AS failed
    FROM events
    WHERE time_ns >= $since::BIGINT - {round(LOOKBACK * SECOND_NS)} AND time_ns < $until::BIGINT AND {_LIFE}
    GROUP BY connection_id
)
SELECT lives.resource_id, began_ns, opened_ns, closed_ns, duration, code, initiator, failed,
    CASE    -- when it was gone, however it went; NULL: it is open at the end
        WHEN closed_ns IS NOT NULL THEN greatest(closed_ns, opened_ns)
        WHEN goes_on THEN NULL
        WHEN last_ns IS NOT NULL THEN greatest(last_ns, last_event_ns)
        WHEN last_event_ns + {_SILENT_NS} < $until::BIGINT THEN last_event_ns
    END AS gone_ns
FROM lives ASOF LEFT JOIN reporting ON reporting.resource_id = lives.resource_id AND from_ns <= opened_ns
WHERE gone_ns IS NULL OR gone_ns >= $since::BIGINT OR closed_ns >= $since::BIGINT"""

_TOTALS: Final = """SELECT
    count(*) FILTER (WHERE began_ns >= $since::BIGINT),
    count(*) FILTER (WHERE closed_ns >= $since::BIGINT),
    count(*) FILTER (WHERE closed_ns >= $since::BIGINT AND initiator = 'network'),
    count(*) FILTER (WHERE closed_ns >= $since::BIGINT AND failed),
    count(*) FILTER (WHERE gone_ns IS NULL),
    avg(duration) FILTER (WHERE closed_ns >= $since::BIGINT),
    quantile_cont(duration, [0.5, 0.95]) FILTER (WHERE closed_ns >= $since::BIGINT)
FROM report_lives"""

_PEAK: Final = """WITH changes AS (
    SELECT greatest(opened_ns, $since::BIGINT) AS time_ns, 1 AS change FROM report_lives
    UNION ALL SELECT gone_ns, -1 FROM report_lives WHERE gone_ns IS NOT NULL
),
moments AS (SELECT time_ns, sum(change) AS change FROM changes GROUP BY time_ns)
SELECT coalesce(max(total), 0)::BIGINT FROM (SELECT sum(change) OVER (ORDER BY time_ns) AS total FROM moments)"""

_BY_STRETCH: Final = """SELECT (time_ns - $since::BIGINT) // $step::BIGINT AS k,
    count(*) FILTER (WHERE what = 'opened'), count(*) FILTER (WHERE what <> 'opened'),
    count(*) FILTER (WHERE what = 'lost'), count(*) FILTER (WHERE failed)
FROM (
    SELECT began_ns AS time_ns, 'opened' AS what, false AS failed FROM report_lives
    UNION ALL
    SELECT closed_ns, CASE WHEN initiator = 'network' THEN 'lost' ELSE 'closed' END, failed FROM report_lives
) WHERE time_ns >= $since::BIGINT GROUP BY k ORDER BY k"""

_TRACES: Final = f"""SELECT (time_ns - $since::BIGINT) // $step::BIGINT AS k,
    min(trace_id) FILTER (WHERE close_initiator = 'network'), min(trace_id) FILTER (WHERE error_type IS NOT NULL)
FROM events WHERE {_WITHIN} AND {_CLOSED} AND (close_initiator = 'network' OR error_type IS NOT NULL)
GROUP BY k ORDER BY k"""

_CLOSES: Final = """SELECT code, coalesce(initiator, '') AS by_whom, count(*) AS connections FROM report_lives
WHERE closed_ns >= $since::BIGINT GROUP BY ALL ORDER BY connections DESC, code, by_whom"""

_VANISHED: Final = """SELECT instance_id, service_name, max(gone_ns), count(*) AS connections
FROM report_lives JOIN resources ON resources.id = resource_id
WHERE closed_ns IS NULL AND gone_ns IS NOT NULL
GROUP BY instance_id, service_name ORDER BY connections DESC, instance_id"""

_USERS: Final = f"""SELECT count(*), count(user_hash), count(DISTINCT user_hash), count(DISTINCT user_key_id)
FROM events WHERE {_WITHIN} AND {_LIFE}"""

_CHANNELS: Final = f"""WITH memberships AS (
    SELECT DISTINCT channel, connection_id FROM (
        SELECT unnest(channels) AS channel, connection_id FROM events WHERE {_WITHIN} AND {_LIFE}
    )
)
SELECT channel, count(*) AS connections, count(*) OVER () AS channels FROM memberships
GROUP BY channel ORDER BY connections DESC, channel LIMIT $top::BIGINT"""

Rows = list[tuple[Any, ...]]


class Asked(NamedTuple):
    """The period in nanoseconds, how long its stretches are, how many channels to list, and who reported in it."""

    since: int
    until: int
    step: int
    top: int
    instances: Sequence[InstanceExports]


def statements(asked: Asked) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give all questions, to be asked in one transaction; `read` takes the answers in this order."""
    since, period = {"since": asked.since}, {"since": asked.since, "until": asked.until}
    step = {"step": asked.step}
    instances = {
        "services": [instance.service for instance in asked.instances],
        "instances": [instance.id for instance in asked.instances],
        "starts": [round((instance.started_at or 0) * 1e9) for instance in asked.instances],
        "lasts": [round(instance.last * 1e9) for instance in asked.instances],
        "goes_on": [instance.goes_on for instance in asked.instances],
    }
    yield _LIVES, period | instances
    yield _TOTALS, since
    yield _PEAK, since
    yield _BY_STRETCH, since | step
    yield _TRACES, period | step
    yield _CLOSES, since
    yield _VANISHED, {}
    yield _USERS, period
    yield _CHANNELS, period | {"top": asked.top}


def read(asked: Asked, kept: Kept, answers: Sequence[Rows]) -> ConnectionLedger:
    """Read the answers to `statements`."""
    _, [totals], [(peak,)], stretches, traces, closes, vanished, [users], channels = answers
    opened, closed, lost, failed, open_at_end, average, quantiles = totals
    events, with_user, different, keys = users
    told: Users = "keys_differ" if keys > 1 else "unknown" if events and not with_user else "known"
    median, p95 = quantiles or (None, None)
    return ConnectionLedger(
        opened=opened,
        closed=closed,
        lost=lost,
        failed=failed,
        open_at_end=open_at_end,
        peak=peak,
        avg_duration=average,
        median_duration=median,
        p95_duration=p95,
        users=told,
        unique_users=different if told == "known" else None,
        unique_channels=channels[0][2] if channels else 0,
        known_since=max(kept.created_ns, kept.after[HOURS]) / 1e9,
        stretches=_stretches(asked, stretches, traces),
        closes=[Ended(*row) for row in closes],
        channels=[InChannel(name, connections) for name, connections, _ in channels],
        vanished=[Vanished(instance, service, at / 1e9, count) for instance, service, at, count in vanished],
    )


def _stretches(asked: Asked, counts: Rows, traces: Rows) -> list[Stretch]:
    counted = {k: rest for k, *rest in counts}
    traced = {k: rest for k, *rest in traces}
    found = []
    for k in range(-(-(asked.until - asked.since) // asked.step)):
        begin = asked.since + k * asked.step
        end = min(begin + asked.step, asked.until)
        found.append(Stretch(begin / 1e9, end / 1e9, *counted.get(k, [0] * 4), *traced.get(k, [None] * 2)))
    return found
