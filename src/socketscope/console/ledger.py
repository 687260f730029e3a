"""Open connections and statistics of a period, from the connections' events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from socketscope import semconv
from socketscope.console.moments import to_datetime
from socketscope.monitoring import schemas

if TYPE_CHECKING:
    from socketscope.backends.base import Connections, Metrics, OpenConnection


async def read_open(connections: Connections, *, at: float, limit: int, offset: int) -> schemas.Connections:
    """Return one page of the connections that are open at `at`, newest first.

    Raises `BackendError` when the backend can't be asked.
    """
    page = await connections.open(at=at, limit=limit, offset=offset)
    return schemas.Connections(
        active_connections=[_connection(connection, at) for connection in page.connections],
        total_active=page.total,
        limit=limit,
        offset=offset,
    )


async def read_stats(metrics: Metrics, connections: Connections, *, at: float, hours: float) -> schemas.Stats:
    """Return the statistics of the `hours` before `at`. Raises `BackendError` when the backend can't be asked."""
    since = at - hours * 3600
    summary, peak = await asyncio.gather(
        connections.summary(since=since, until=at),
        metrics.peak(semconv.ACTIVE_CONNECTIONS.name, since, at),
    )
    return schemas.Stats(
        hours=hours,
        total_connections=summary.opened,
        closed_connections=summary.closed,
        open_connections=summary.still_open,
        connections_lost=summary.lost,
        connections_failed=summary.failed,
        avg_duration=summary.avg_duration,
        unique_channels=summary.unique_channels,
        unique_users=summary.unique_users,
        peak_connections=None if peak is None else round(peak),
        messages_received=summary.messages_received,
        messages_sent=summary.messages_sent,
        bytes_received=summary.bytes_received,
        bytes_sent=summary.bytes_sent,
        complete=summary.complete,
    )


def _connection(connection: OpenConnection, at: float) -> schemas.Connection:
    return schemas.Connection(
        id=connection.id,
        route=connection.route,
        channels=list(connection.channels),
        user_hash=connection.user_hash,
        connected_at=to_datetime(connection.opened_at),
        duration=max(0.0, at - connection.opened_at),
        remote_addr=connection.client_address,
        user_agent=connection.user_agent,
        messages_received=connection.messages_received,
        messages_sent=connection.messages_sent,
        bytes_received=connection.bytes_received,
        bytes_sent=connection.bytes_sent,
        instance=connection.instance,
        counts_at=to_datetime(connection.counts_at),
    )
