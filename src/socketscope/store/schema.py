"""The tables of the embedded backend's file, and the version of their shape.

Times are nanoseconds since the epoch (BIGINT). `query/sql.py` and `backends/` read these tables by their names.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = 1
"""Version of the tables below; a file of another version is refused."""

META: Final = "socketscope_store"
"""Table of one row: `version` and `created_ns`. Its presence makes a DuckDB file a store."""

TABLES: Final = f"""
CREATE TABLE {META} (version INTEGER NOT NULL, created_ns BIGINT NOT NULL);

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
    metric VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,              -- gauge, sum, histogram, exponential_histogram
    unit VARCHAR NOT NULL,
    temporality VARCHAR NOT NULL,       -- cumulative, delta; empty for a gauge
    monotonic BOOLEAN NOT NULL,
    attributes JSON NOT NULL
);
CREATE TABLE number_points (
    series_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    start_ns BIGINT NOT NULL,           -- 0: unknown
    value DOUBLE NOT NULL
);
CREATE TABLE histogram_points (
    series_id BIGINT NOT NULL,
    time_ns BIGINT NOT NULL,
    start_ns BIGINT NOT NULL,
    count BIGINT NOT NULL,
    sum DOUBLE,
    min DOUBLE,
    max DOUBLE,
    bounds DOUBLE[],                    -- of explicit buckets; counts has one more
    counts BIGINT[],
    scale INTEGER,                      -- from here on: of exponential buckets
    zero_count BIGINT,
    zero_threshold DOUBLE,
    positive_offset INTEGER,
    positive_counts BIGINT[],
    negative_offset INTEGER,
    negative_counts BIGINT[]
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
