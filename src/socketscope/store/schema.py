"""The tables of the embedded backend's file, and the version of their shape.

Times are nanoseconds since the epoch (BIGINT). `query/` and `backends/` read these tables by their names.

* Points are as they came, one for each series and time, with the increase since the series' point before (`step`).
* Roll-ups (`rollup_*`, `buckets_*`, `peaks`) hold what happened in a bucket `(time_ns - width, time_ns]`, up to
  `settled_ns`; they are made from points and can be made again as long as those are kept.
"""

from __future__ import annotations

from typing import Final

from socketscope.query.tables import BUCKETS, ROLLUP

VERSION: Final = 2
"""Version of the tables below; a file of another version is refused."""

META: Final = "socketscope_store"
"""Table of one row: what is kept (`query/kept.py`). Its presence makes a DuckDB file a store."""

_BUCKET_LISTS: Final = """lowers DOUBLE[],                    -- of each bucket that grew since the point before
    uppers DOUBLE[],
    increments BIGINT[]"""

_ROLLUP: Final = """(
    series_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,            -- when the bucket ends
    points BIGINT NOT NULL,
    step DOUBLE NOT NULL,               -- sum of the points' steps
    value DOUBLE NOT NULL,              -- of the newest point (of a histogram: its count), as are:
    value_ns BIGINT NOT NULL,
    start_ns BIGINT NOT NULL,
    low DOUBLE NOT NULL,                -- least, greatest and sum of the values
    high DOUBLE NOT NULL,
    total DOUBLE NOT NULL
);"""

_BUCKETS: Final = """(
    series_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    value_ns BIGINT NOT NULL,
    lower DOUBLE NOT NULL,              -- n observations in (lower, upper]; infinite for the outermost
    upper DOUBLE NOT NULL,
    n BIGINT NOT NULL
);"""

TABLES: Final = f"""
CREATE TABLE {META} (
    version INTEGER NOT NULL,
    created_ns BIGINT NOT NULL,
    settled_ns BIGINT NOT NULL,         -- roll-ups are complete up to here
    after_points_ns BIGINT NOT NULL,    -- what is older was deleted
    after_10s_ns BIGINT NOT NULL,
    after_1m_ns BIGINT NOT NULL,
    after_1h_ns BIGINT NOT NULL         -- of events and spans, too
);

CREATE TABLE resources (
    id BIGINT NOT NULL,
    service_name VARCHAR NOT NULL,
    instance_id VARCHAR NOT NULL,       -- service.instance.id; empty where there is none
    attributes JSON NOT NULL
);
CREATE TABLE series (
    id BIGINT NOT NULL,
    resource_id BIGINT NOT NULL,
    scope VARCHAR NOT NULL,
    scope_version VARCHAR NOT NULL,
    scope_attributes JSON NOT NULL,
    metric VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,              -- gauge, sum, histogram, exponential_histogram
    unit VARCHAR NOT NULL,
    temporality VARCHAR NOT NULL,       -- cumulative, delta; empty for a gauge
    monotonic BOOLEAN NOT NULL,
    attributes JSON NOT NULL,
    bounds DOUBLE[] NOT NULL            -- of explicit buckets
);
CREATE TABLE births (                   -- first points of series that are older than the store
    series_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    start_ns BIGINT NOT NULL,
    value DOUBLE NOT NULL,              -- what had been counted by then
    {_BUCKET_LISTS}
);
CREATE TABLE number_points (
    series_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    start_ns BIGINT NOT NULL,           -- 0: unknown
    value DOUBLE NOT NULL,
    step DOUBLE NOT NULL                -- increase since the series' point before; a fall is a reset
);
CREATE TABLE histogram_points (
    series_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    start_ns BIGINT NOT NULL,
    count BIGINT NOT NULL,
    step DOUBLE NOT NULL,               -- increase of the count
    sum DOUBLE,
    min DOUBLE,
    max DOUBLE,
    counts BIGINT[],                    -- of explicit buckets: one more than the series has bounds
    scale INTEGER,                      -- from here on: of exponential buckets
    zero_count BIGINT,
    zero_threshold DOUBLE,
    positive_offset INTEGER,
    positive_counts BIGINT[],
    negative_offset INTEGER,
    negative_counts BIGINT[],
    {_BUCKET_LISTS}
);
CREATE TABLE exemplars (
    series_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    value DOUBLE NOT NULL,
    trace_id VARCHAR,                   -- hexadecimal
    span_id VARCHAR,
    attributes JSON NOT NULL
);
{"".join(f"CREATE TABLE {table} {_ROLLUP}" for table in ROLLUP.values())}
{"".join(f"CREATE TABLE {table} {_BUCKETS}" for table in BUCKETS.values())}
CREATE TABLE peaks (                    -- of gauges and up-down counters, by minute
    metric VARCHAR NOT NULL,
    time_ns BIGINT NOT NULL,
    value DOUBLE NOT NULL               -- greatest sum of what stood at one moment
);
CREATE TABLE spans (
    resource_id BIGINT NOT NULL,
    scope VARCHAR NOT NULL,
    trace_id VARCHAR NOT NULL,          -- hexadecimal
    span_id VARCHAR NOT NULL,
    parent_span_id VARCHAR,
    name VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    start_ns BIGINT NOT NULL,
    end_ns BIGINT NOT NULL,
    status VARCHAR NOT NULL,            -- unset, ok, error
    status_message VARCHAR,
    attributes JSON NOT NULL,
    events JSON NOT NULL,
    links JSON NOT NULL
);
CREATE TABLE events (
    resource_id BIGINT NOT NULL,
    scope VARCHAR NOT NULL,
    time_ns BIGINT NOT NULL,
    event_name VARCHAR,
    severity INTEGER NOT NULL,
    severity_text VARCHAR,
    body VARCHAR,
    trace_id VARCHAR,
    span_id VARCHAR,
    connection_id VARCHAR,
    user_hash VARCHAR,
    user_key_id VARCHAR,
    route VARCHAR,
    client_address VARCHAR,
    user_agent VARCHAR,
    close_initiator VARCHAR,
    error_type VARCHAR,
    close_code BIGINT,
    messages_received BIGINT,
    messages_sent BIGINT,
    bytes_received BIGINT,
    bytes_sent BIGINT,
    duration DOUBLE,                    -- seconds
    channels VARCHAR[] NOT NULL,
    attributes JSON NOT NULL
);
"""
