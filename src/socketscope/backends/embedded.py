"""The embedded backend: answers from the store of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from socketscope.backends import embedded_sql
from socketscope.backends.base import (
    Capabilities,
    ConnectionPage,
    ConnectionSummary,
    Instance,
    OpenConnection,
    Sample,
    Series,
)
from socketscope.errors import BackendError, StoreError
from socketscope.query.model import Query, Ratio
from socketscope.query.sql import compile_instant, compile_range
from socketscope.query.sql_parts import Grid, nanoseconds
from socketscope.store.store import Store

LIVE_AFTER = 15.0
"""Seconds for which an instance counts as live after a report, at the least: three export intervals where longer."""


class EmbeddedBackend:
    """Implements `Metrics` and `Connections` over `store`; every question runs in a thread.

    An instance is live for `live_after` seconds after its newest metric, or for three of its export intervals if
    that is longer. Only connections of live instances count as open.
    """

    capabilities = Capabilities(metrics=True, connections=True)

    def __init__(self, store: Store, *, live_after: float = LIVE_AFTER) -> None:
        self._store = store
        self._live_ns = nanoseconds(live_after, "live_after")

    async def instant(self, query: Query | Ratio, *, at: float) -> Sequence[Sample]:
        """Answer `query` with the window that ends at `at`; x/0 of a ratio is infinite, 0/0 no data."""
        compiled = compile_instant(query, at=at)
        return [
            Sample(dict(zip(compiled.labels, values, strict=True)), value, measured_ns / 1e9)
            for _, *values, value, measured_ns in await self._select(compiled.sql, compiled.parameters)
        ]

    async def range(self, query: Query | Ratio, *, start: float, end: float, step: float) -> Sequence[Series]:
        """Answer `query` at `start, start + step, ...` up to `end`; each series has a point for every moment."""
        compiled = compile_range(query, start=start, end=end, step=step)
        lines: dict[tuple[str, ...], dict[int, float]] = {}
        for k, *values, value, _ in await self._select(compiled.sql, compiled.parameters):
            lines.setdefault(tuple(values), {})[k] = value
        steps = Grid.range(start, end, step).steps
        return [
            Series(
                dict(zip(compiled.labels, values, strict=True)),
                [(start + k * step, line.get(k)) for k in range(steps)],
            )
            for values, line in sorted(lines.items())
        ]

    async def instances(self, *, since: float, until: float) -> Sequence[Instance]:
        """List the processes that reported in `[since, until]`, the last to report first."""
        rows = await self._select(embedded_sql.INSTANCES, _period(since, until))
        return [
            Instance(id=instance_id, service=service, started_at=started_ns / 1e9, last_seen=last_ns / 1e9)
            for instance_id, service, started_ns, last_ns in rows
        ]

    async def peak(self, metric: str, since: float, until: float) -> float | None:
        """Find the greatest sum of `metric` over all live instances in `[since, until]`; see `Metrics.peak`."""
        parameters = {**_period(since, until), "metric": metric, "live": self._live_ns}
        [(peak,)] = await self._select(embedded_sql.PEAK, parameters)
        return None if peak is None else float(peak)

    async def open(self, *, at: float, limit: int, offset: int) -> ConnectionPage:
        """List the connections that are open at `at`, newest first, `limit` of them after `offset`.

        Their counts are those of their newest event (0 before the first progress event).
        """
        parameters = {"at": nanoseconds(at, "at"), "live": self._live_ns}
        page = {"limit": max(limit, 0), "offset": max(offset, 0)}
        rows = await self._select(embedded_sql.OPEN + embedded_sql.PAGE, {**parameters, **page})
        if rows:
            total = rows[0][0]
        else:  # beyond the last page no row tells it
            [(total,)] = await self._select(embedded_sql.COUNT_OPEN, parameters)
        return ConnectionPage([_open_connection(row) for row in rows], total)

    async def summary(self, *, since: float, until: float) -> ConnectionSummary:
        """Sum up the connections with an event in `[since, until]`.

        `still_open` are those opened in the period, not closed by `until`, whose instance is live then. Counts are
        those of the closing event, of a connection without one those of its newest event in the period. `complete`
        is False where the period begins before the store does.
        """
        period = _period(since, until)
        parameters = {**period, "at": period["until"], "live": self._live_ns}
        [row] = await self._select(embedded_sql.SUMMARY, parameters)
        return ConnectionSummary(*row)

    async def _select(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        try:
            return await asyncio.to_thread(self._store.select, sql, parameters)
        except StoreError as error:
            raise BackendError(str(error)) from error


def _period(since: float, until: float) -> dict[str, int]:
    return {"since": nanoseconds(since, "since"), "until": nanoseconds(until, "until")}


def _open_connection(row: tuple[Any, ...]) -> OpenConnection:
    _, connection_id, instance, route, channels, user_hash, opened_ns, address, agent, *counts, counts_ns = row
    received, sent, bytes_received, bytes_sent = (count or 0 for count in counts)
    return OpenConnection(
        id=connection_id,
        instance=instance,
        route=route,
        channels=channels or [],
        user_hash=user_hash,
        opened_at=opened_ns / 1e9,
        client_address=address,
        user_agent=agent,
        messages_received=received,
        messages_sent=sent,
        bytes_received=bytes_received,
        bytes_sent=bytes_sent,
        counts_at=counts_ns / 1e9,
    )
