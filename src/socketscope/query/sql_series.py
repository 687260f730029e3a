"""SQL for reductions of each series to a number: last, avg, min, max, increase, rate.

Each function gives a SELECT of `k, by..., value, measured_ns`. A histogram counts as the series of its count.
"""

# ruff: noqa: S608  # only names of our own columns are put into the text; every value is a bound parameter

from __future__ import annotations

from socketscope.query.sql_parts import Frame, Grid, Parameters

_SOURCE = """(
        SELECT series_id, time_ns, start_ns, value FROM number_points
        UNION ALL
        SELECT series_id, time_ns, start_ns, count::DOUBLE FROM histogram_points
    )"""


def last(frame: Frame) -> str:
    """Take each series' newest value within the window."""
    return f"""WITH {frame.chosen},
{_points(frame)},
{frame.cells},
reduced AS (
    SELECT cells.*, points.value, points.time_ns AS measured_ns
    FROM cells ASOF JOIN points ON points.series_id = cells.series_id AND cells.until >= points.time_ns
    WHERE points.time_ns > cells.since
)
{_combined(frame)}"""


def over_window(frame: Frame, grid: Grid, parameters: Parameters) -> str:
    """Take avg, min or max of each series' values within the window.

    Each point is laid into all windows that it falls into: those that end at or after it, but less than a window
    after it.
    """
    start, step = parameters.bind(grid.start_ns, "BIGINT"), parameters.bind(grid.step_ns, "BIGINT")
    steps = parameters.bind(grid.steps, "BIGINT")
    begin = f"time_ns + {frame.offset} - {start}"
    return f"""WITH {frame.chosen},
{_points(frame)},
laid AS (
    SELECT series_id, time_ns, any_value(value) AS value, unnest(range(
        greatest(0, ({begin} + {step} - 1) // {step}),
        least({steps}, ({begin} + {frame.window} + {step} - 1) // {step})
    )) AS k
    FROM points GROUP BY series_id, time_ns
),
reduced AS (
    SELECT {frame.columns(f"{frame.query.over_time}(value) AS value", "max(time_ns) AS measured_ns")}
    FROM laid JOIN chosen USING (series_id)
    GROUP BY {frame.columns("series_id")}
)
{_combined(frame)}"""


def increase(frame: Frame, grid: Grid, *, per_second: float | None = None) -> str:
    """Sum each series' positive deltas within the window, divided by `per_second` (a rate) if it is given.

    The first point that is known of a cumulative series counts from 0 where the series was born in the window, or
    while the store already existed; else it is only the base of the next one.
    """
    divisor = "" if per_second is None else f" / {per_second!r}"
    reduced = _increase_at_one_moment if grid.steps == 1 else _increase_at_many
    return f"""WITH {frame.chosen},
{_points(frame, base=True)},
stepped AS (
    SELECT series_id, time_ns, CASE
        WHEN is_delta THEN CASE WHEN time_ns IS DISTINCT FROM lag(time_ns) OVER ordered THEN value ELSE 0 END
        WHEN lag(value) OVER ordered IS NULL THEN 0
        WHEN value < lag(value) OVER ordered OR {reset_by_start("ordered")} THEN value
        ELSE value - lag(value) OVER ordered
    END AS step
    FROM points JOIN chosen USING (series_id)
    WINDOW ordered AS (PARTITION BY series_id ORDER BY time_ns)
),
births AS (
    SELECT series_id, min(time_ns) AS time_ns, arg_min(value, time_ns) AS value, arg_min(start_ns, time_ns) AS start_ns
    FROM points JOIN chosen USING (series_id) WHERE NOT is_delta GROUP BY series_id
),
{frame.cells},
{reduced(divisor)}
{_combined(frame)}"""


def _increase_at_one_moment(divisor: str) -> str:
    """Define `reduced` by adding up the steps: all points but the base lie within the one window."""
    return f"""steps AS (
    SELECT series_id, sum(step) AS total, max(time_ns) AS time_ns
    FROM stepped WHERE time_ns > (SELECT since FROM cells LIMIT 1) GROUP BY series_id
),
reduced AS (
    SELECT cells.*, steps.time_ns AS measured_ns, (
        steps.total
        + CASE WHEN births.time_ns > cells.since AND {born("births.start_ns")} THEN births.value ELSE 0 END
    ){divisor} AS value
    FROM cells JOIN steps USING (series_id) LEFT JOIN births USING (series_id)
)"""


def _increase_at_many(divisor: str) -> str:
    """Define `reduced` by a running total that never falls: an increase is its difference between a window's ends."""
    return f"""running AS (
    SELECT series_id, time_ns, sum(step) OVER (PARTITION BY series_id ORDER BY time_ns) AS total FROM stepped
),
reduced AS (
    SELECT cells.*, newest.time_ns AS measured_ns, (
        newest.total - coalesce(oldest.total, 0)
        + CASE WHEN births.time_ns > cells.since AND {born("births.start_ns")} THEN births.value ELSE 0 END
    ){divisor} AS value
    FROM cells
    ASOF JOIN running newest ON newest.series_id = cells.series_id AND cells.until >= newest.time_ns
    ASOF LEFT JOIN running oldest ON oldest.series_id = cells.series_id AND cells.since >= oldest.time_ns
    LEFT JOIN births ON births.series_id = cells.series_id
    WHERE newest.time_ns > cells.since
)"""


def born(start_ns: str) -> str:
    """Whether a series with that start was born within the cell's window, or under the store's eyes."""
    return f"({start_ns} = 0 OR {start_ns} > cells.since OR {start_ns} >= (SELECT created_ns FROM socketscope_store))"


def reset_by_start(window: str) -> str:
    """Whether a point has a later (and known) start than the one before it."""
    return f"(lag(start_ns) OVER {window} > 0 AND start_ns > lag(start_ns) OVER {window})"


def _points(frame: Frame, *, base: bool = False) -> str:
    """Define `points` of all windows; with `base` also each series' newest one before the first window."""
    of_chosen = "series_id IN (SELECT series_id FROM chosen)"
    points = f"""points AS (
    SELECT series_id, time_ns, start_ns, value FROM {_SOURCE}
    WHERE {of_chosen} AND time_ns > {frame.first} AND time_ns <= {frame.last}"""
    if base:
        points += f"""
    UNION ALL
    SELECT series_id, max(time_ns), arg_max(start_ns, time_ns), arg_max(value, time_ns) FROM {_SOURCE}
    WHERE {of_chosen} AND time_ns <= {frame.first} GROUP BY series_id"""
    return points + "\n)"


def _combined(frame: Frame) -> str:
    """Combine the series of `reduced` for each moment and each set of `by` values."""
    value = f"{frame.query.across}(value)::DOUBLE"
    return f"""SELECT {frame.columns(f"{value} AS value", "max(measured_ns) AS measured_ns")}
FROM reduced GROUP BY {frame.columns()}"""
