"""Shapes of the REST answers, the same in one's own service (`monitoring.router()`) and in the console.

A value that the source can't know is `null`, never 0. Times are ISO 8601 in UTC, durations seconds, sizes bytes.
"""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

CHANNEL = "monitoring_metrics"
"""Name of the channel on which the live socket pushes."""


class SystemMetrics(BaseModel):
    """CPU and memory of the host (in the console: of the worst host), threads (in the console: summed)."""

    cpu_usage: float | None = Field(description="Percent of all CPUs, 0..100.")
    memory_usage: float | None = Field(description="Percent of the memory in use, 0..100.")
    active_threads: int | None = Field(description="Threads of the service's processes.")
    timestamp: datetime = Field(description="When these were measured.")


class Metrics(BaseModel):
    """`GET /monitoring/websocket/metrics`."""

    current_connections: int | None = Field(description="Open connections now.")
    connections_by_channel: dict[str, int] = Field(description="Open connections by channel.")
    messages_sent: int | None
    messages_received: int | None
    errors: int | None = Field(description="Exceptions of handlers.")
    uptime: float | None = Field(description="Seconds since the start (console: of the oldest live instance).")
    timestamp: datetime
    system_metrics: SystemMetrics | None
    system_metrics_reason: str | None = Field(default=None, description="Why `system_metrics` is null and what to do.")
    bytes_sent: int | None = None
    bytes_received: int | None = None
    connections_accepted: int | None = None
    connections_denied: int | None = None
    connections_failed: int | None = Field(default=None, description="Ended by an exception of their handler.")
    connections_lost: int | None = Field(default=None, description="Ended without a close frame: a lost link.")
    peak_connections: int | None = Field(default=None, description="Most connections open at one time.")
    unique_users: int | None = Field(default=None, description="Distinct `user.hash` values.")
    channels: int | None = Field(default=None, description="Distinct channels.")
    messages_per_second: float | None = Field(default=None, description="Both directions, over the last 10 s.")
    connections_maximum: int = Field(default=1000, description="What the bar of connections calls full.")
    instances: int = Field(default=1, description="Service processes that reported lately.")
    age: float | None = Field(default=None, description="Seconds since the newest data; null: there is none.")
    stale: bool = Field(default=False, description="The data is older than three export intervals.")


class Connection(BaseModel):
    """One open connection."""

    id: str
    route: str | None
    channels: list[str]
    user_hash: str | None
    connected_at: datetime
    duration: float
    remote_addr: str | None = Field(description="Truncated address.")
    user_agent: str | None
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    instance: str | None = None
    counts_at: datetime | None = Field(
        default=None, description="When the counts were taken (console: the last event of the connection)."
    )


class Connections(BaseModel):
    """`GET /monitoring/websocket/connections?limit=&offset=`."""

    active_connections: list[Connection]
    total_active: int
    limit: int
    offset: int


class Stats(BaseModel):
    """`GET /monitoring/websocket/stats/{hours}`: from the events (service: from the ring of closed connections)."""

    hours: float
    total_connections: int = Field(description="Connections that were opened in the period.")
    closed_connections: int
    open_connections: int = Field(description="Of `total_connections`, those still open.")
    connections_lost: int
    connections_failed: int
    avg_duration: float | None = Field(description="Of closed connections; null: none closed.")
    unique_channels: int
    unique_users: int | None
    peak_connections: int | None
    messages_received: int = Field(description="Of the connections in the period, so far as events tell.")
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    complete: bool = Field(description="False where the period is longer than what is kept.")


class HistoryPoint(BaseModel):
    """One point of the line chart."""

    timestamp: datetime
    current_connections: float | None
    messages_per_second: float | None
    cpu_usage: float | None
    memory_usage: float | None


class History(BaseModel):
    """`GET /monitoring/websocket/history?minutes=&step=` (console only)."""

    step: float = Field(description="Seconds between points.")
    points: list[HistoryPoint]


class Health(BaseModel):
    """`GET /monitoring/websocket/health`; 503 when unhealthy."""

    status: str = Field(description="`healthy` or `unhealthy`.")
    timestamp: datetime
    reasons: list[str] = Field(description="Why it is unhealthy; empty when healthy.")
    metrics: Metrics


class LiveMessage(BaseModel):
    """What the live socket `/monitoring/websocket/live` pushes, once a second."""

    channel: str = CHANNEL
    data: Metrics


class Root(BaseModel):
    """`GET /` of the example service."""

    message: str
    status: str
    timestamp: datetime
