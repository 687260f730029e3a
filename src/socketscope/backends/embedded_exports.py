"""The embedded backend's answer to which exports came: from one series of each instance, in one statement.

Where single points are no longer kept, from roll-ups: they hold how many points there were, and when the last one was.
"""

# built from our own names; every value is a bound parameter

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from socketscope import semconv
from socketscope.backends.exports import LOOKBACK, MOST_GAPS, ExportGap, Reports
from socketscope.query.catalog import Catalog
from socketscope.query.kept import POINTS, SECOND_NS, TENS, cover
from socketscope.query.naming import INSTANCE_ID, SERVICE_NAME
from socketscope.query.sql_parts import Parameters
from socketscope.query.tables import ROLLUP

LOOKBACK_NS: Final = round(LOOKBACK * SECOND_NS)

_REPORTS: Final = (semconv.OVERFLOW, semconv.ACTIVE_CONNECTIONS, semconv.HANDSHAKES, semconv.MESSAGES)
"""Every process with our instrumentation exports the first, from its first export on; the others stand in for it."""

Who = tuple[str, str]
"""Service and instance id."""


class Question(NamedTuple):
    """A statement (None: nobody is known), its parameters, and the instances that its rows number."""

    sql: str | None
    parameters: dict[str, Any]
    instances: Sequence[Who]


def exports_question(catalog: Catalog, since_ns: int, until_ns: int) -> Question:
    """Ask for the exports in `(since, until]` of each instance and for what surrounds them; `read` takes the rows."""
    chosen, gauges = _choose(catalog, since_ns - LOOKBACK_NS)
    if not chosen:
        return Question(None, {}, ())
    instances = list(chosen)
    numbers = {who: number for number, who in enumerate(instances)}
    bound = Parameters()
    since, until = bound.bind(since_ns, "BIGINT"), bound.bind(until_ns, "BIGINT")
    chosen_ids = bound.bind(list(chosen.values()), "BIGINT[]")
    chosen_numbers = bound.bind(list(range(len(instances))), "BIGINT[]")
    gauge_ids = bound.bind([series_id for series_id, _ in gauges], "BIGINT[]")
    gauge_numbers = bound.bind([numbers[who] for _, who in gauges], "BIGINT[]")
    within = f"time_ns > {since} AND time_ns <= {until}"
    sql = f"""WITH chosen AS MATERIALIZED (
    SELECT unnest({chosen_ids}) AS series_id, unnest({chosen_numbers}) AS number
),
gauges AS MATERIALIZED (SELECT unnest({gauge_ids}) AS series_id, unnest({gauge_numbers}) AS number),
pieces AS MATERIALIZED (
    {_pieces(catalog, since_ns - LOOKBACK_NS, until_ns + LOOKBACK_NS, bound)}
),
of_process AS (     -- one that tells when it began is another one after a restart, by whatever name
    SELECT number, CASE WHEN temporality = 'cumulative' THEN start_ns ELSE 0 END AS began_ns, time_ns, at_ns, points,
        lag(at_ns) OVER (PARTITION BY number, began_ns ORDER BY at_ns) AS before_ns, at_ns - before_ns AS gap_ns
    FROM pieces JOIN chosen USING (series_id) JOIN series ON series.id = series_id
),
paced AS (
    SELECT number, began_ns, quantile_disc(gap_ns // points, 0.5) AS pace_ns FROM of_process
    WHERE gap_ns > 0 GROUP BY number, began_ns
),
lacking AS (    -- as `exports.missing_between` counts
    SELECT number, began_ns, before_ns, at_ns, floor(gap_ns / pace_ns - points + 0.5)::BIGINT AS missing
    FROM of_process JOIN paced USING (number, began_ns)
    WHERE before_ns > {since} AND time_ns <= {until} AND gap_ns / pace_ns - points >= 0.5
),
gaps AS (
    SELECT number, began_ns, sum(missing)::BIGINT AS missing,
        (list([before_ns, at_ns, missing] ORDER BY missing DESC, at_ns))[:{MOST_GAPS}] AS gaps
    FROM lacking GROUP BY number, began_ns
),
processes AS (
    SELECT number, began_ns,
        coalesce(bool_or(time_ns <= {since}), false) AS before,
        min(at_ns) FILTER (WHERE {within}) AS first_ns,
        arg_min(points, at_ns) FILTER (WHERE {within}) AS first_points,
        max(at_ns) FILTER (WHERE {within}) AS last_ns,
        max(at_ns) AS newest_ns,
        sum(points) FILTER (WHERE {within})::BIGINT AS seen
    FROM of_process GROUP BY number, began_ns HAVING first_ns IS NOT NULL
),
standing AS (   -- of each of its series the value that it exported with its last export, or before
    SELECT number, began_ns, sum(value) AS open FROM (
        SELECT number, began_ns, series_id, arg_max(value, at_ns) AS value
        FROM pieces JOIN gauges USING (series_id) JOIN processes USING (number)
        WHERE at_ns >= first_ns - {LOOKBACK_NS} AND at_ns <= last_ns AND at_ns >= began_ns
        GROUP BY number, began_ns, series_id
    ) GROUP BY number, began_ns
)
SELECT number, began_ns, before, first_ns, first_points, last_ns, newest_ns, seen, pace_ns, open, coalesce(missing, 0),
    coalesce(gaps, [])
FROM processes LEFT JOIN paced USING (number, began_ns) LEFT JOIN standing USING (number, began_ns)
LEFT JOIN gaps USING (number, began_ns)
ORDER BY number, first_ns"""
    return Question(sql, bound.values, instances)


def read(rows: Iterable[Sequence[Any]], instances: Sequence[Who]) -> Iterator[Reports]:
    """Read the rows of processes that exported something in the period."""
    for number, began, before, first, first_points, last, newest, seen, pace, still_open, missing, gaps in rows:
        service, instance = instances[number]
        yield Reports(
            id=instance,
            service=service,
            started_at=began / 1e9 if began else None,
            before=before,
            first=first / 1e9,
            up_to_first=first_points,
            last=last / 1e9,
            newest=newest / 1e9,
            seen=seen,
            interval=pace / 1e9 if pace else None,
            open_at_last=still_open,
            missing=missing,
            gaps=[ExportGap(after / 1e9, at / 1e9, lacking) for after, at, lacking in gaps],
        )


def _choose(catalog: Catalog, after_ns: int) -> tuple[dict[Who, int], list[tuple[int, Who]]]:
    """Choose a series of each instance to count its exports by, and find those of its open connections."""
    by = (SERVICE_NAME, INSTANCE_ID)
    chosen: dict[Who, int] = {}
    gauges: list[tuple[int, Who]] = []
    for metric in _REPORTS:
        first: dict[Who, int] = {}
        for series_id, _, (service, instance) in catalog.find(metric.name, where={}, by=by, after_ns=after_ns):
            first.setdefault((service, instance), series_id)
            if metric is semconv.ACTIVE_CONNECTIONS:
                gauges.append((series_id, (service, instance)))
        chosen = first | chosen
    return chosen, [(series_id, who) for series_id, who in gauges if who in chosen]


def _pieces(catalog: Catalog, after_ns: int, until_ns: int, bound: Parameters) -> str:
    """Select `series_id, time_ns, at_ns, points, value, start_ns` of what there is in a stretch of time."""
    selects = []
    for stretch in cover(catalog.kept, after_ns, until_ns, TENS):
        after, until = bound.bind(stretch.after, "BIGINT"), bound.bind(stretch.until, "BIGINT")
        columns, table = "series_id, time_ns, value_ns AS at_ns, points, value, start_ns", ROLLUP.get(stretch.width)
        if stretch.width == POINTS:
            columns, table = "series_id, time_ns, time_ns AS at_ns, 1 AS points, value, start_ns", "number_points"
        selects.append(
            f"SELECT {columns} FROM {table} WHERE time_ns > {after} AND time_ns <= {until}"
            " AND series_id IN (SELECT series_id FROM chosen UNION SELECT series_id FROM gauges)"
        )
    return "\n    UNION ALL ".join(selects) or (
        "SELECT 0 AS series_id, 0 AS time_ns, 0 AS at_ns, 1 AS points, 0.0 AS value, 0 AS start_ns WHERE false"
    )
