"""The embedded backend: answers from the store of this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from socketscope.backends import embedded_exports, embedded_ledger, embedded_sql, ledger
from socketscope.backends.base import (
    Capabilities,
    ConnectionPage,
    ConnectionSummary,
    Instance,
    OpenConnection,
    Sample,
    Series,
)
from socketscope.backends.exports import Exports, account
from socketscope.backends.ledger import ConnectionLedger
from socketscope.errors import BackendError, StoreError
from socketscope.query.catalog import Catalog
from socketscope.query.kept import HOURS, Kept
from socketscope.query.model import Query, Ratio
from socketscope.query.sql import Compiled, compile_instant, compile_range
from socketscope.query.sql_many import Together, compile_together
from socketscope.query.sql_parts import Grid, nanoseconds
from socketscope.store.peaks import LIVE_AFTER_NS, peak_statements
from socketscope.store.store import Store

LIVE_AFTER = LIVE_AFTER_NS / 1e9
"""Seconds for which an instance counts as live after a report, at the least: three export intervals where longer."""

Answer = TypeVar("Answer")


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
        compiled, rows = await self._ask(partial(compile_instant, query, at=at))
        samples = [
            Sample(dict(zip(compiled.labels, compiled.groups[group], strict=True)), value, measured_ns / 1e9)
            for _, group, value, measured_ns in rows
        ]
        return sorted(samples, key=lambda sample: tuple(sample.labels.values()))

    async def instant_many(self, queries: Sequence[Query], *, at: float) -> Sequence[Sequence[Sample]]:
        """Answer many queries at one moment, each as `instant` does, in far less time than one by one."""
        compiled: list[Together] = []

        def statements(catalog: Catalog) -> list[tuple[str | None, Mapping[str, Any]]]:
            compiled.extend(compile_together(queries, catalog, at=at))
            return [(each.sql, each.parameters) for each in compiled]

        answers = await self._run(self._store.ask, statements)
        samples: list[list[Sample]] = [[] for _ in queries]
        for each, rows in zip(compiled, answers, strict=True):
            for _, group, value, measured_ns in rows:
                number, values = each.groups[group]
                query = queries[number]
                labels = dict(zip(query.by, values, strict=True))
                samples[number].append(Sample(labels, 1 - value if query.complement else value, measured_ns / 1e9))
        for number, query in enumerate(queries):
            if query.absent:
                samples[number] = [] if samples[number] else [Sample({}, 1.0, at - query.offset)]
        return samples

    async def range(self, query: Query | Ratio, *, start: float, end: float, step: float) -> Sequence[Series]:
        """Answer `query` at `start, start + step, ...` up to `end`; each series has a point for every moment."""
        compiled, rows = await self._ask(partial(compile_range, query, start=start, end=end, step=step))
        lines: dict[int, dict[int, float]] = {}
        for k, group, value, _ in rows:
            lines.setdefault(group, {})[k] = value
        moments = [start + k * step for k in range(Grid.range(start, end, step).steps)]
        return [
            Series(
                dict(zip(compiled.labels, compiled.groups[group], strict=True)),
                [(moment, lines[group].get(k)) for k, moment in enumerate(moments)],
            )
            for group in sorted(lines, key=compiled.groups.__getitem__)
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
        statements = partial(peak_statements, metric, since=since, until=until, live_ns=self._live_ns)
        answers = await self._run(self._store.ask, statements)
        return max((float(peak) for [(peak,)] in answers if peak is not None), default=None)

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

    async def exports(self, *, since: float, until: float) -> Exports:
        """Tell which exports in `(since, until]` came, and which did not; see `Metrics.exports`."""
        questions: list[embedded_exports.Question] = []
        kept: list[Kept] = []

        def statements(catalog: Catalog) -> list[tuple[str | None, Mapping[str, Any]]]:
            since_ns, until_ns = nanoseconds(since, "since"), nanoseconds(until, "until")
            questions.append(embedded_exports.exports_question(catalog, since_ns, until_ns))
            kept.append(catalog.kept)
            return [(questions[0].sql, questions[0].parameters)]

        [rows] = await self._run(self._store.ask, statements)
        found = embedded_exports.read(rows, questions[0].instances)
        known_since = max(kept[0].created_ns, kept[0].after[HOURS]) / 1e9
        return Exports(account(found, since=since, until=until), known_since)

    async def ledger(self, *, since: float, until: float, step: float, top: int) -> ConnectionLedger:
        """Account for the connections of `[since, until)`; see `Connections.ledger`."""
        ledger.check(since, until, step, top)
        exports = await self.exports(since=since - ledger.LOOKBACK, until=until)
        asked = embedded_ledger.Asked(
            since=nanoseconds(since, "since"),
            until=nanoseconds(until, "until"),
            step=nanoseconds(step, "step"),
            top=top,
            instances=exports.instances,
        )
        kept: list[Kept] = []

        def statements(catalog: Catalog) -> Iterator[tuple[str, Mapping[str, Any]]]:
            kept.append(catalog.kept)
            yield from embedded_ledger.statements(asked)

        answers = await self._run(self._store.ask, statements)
        return embedded_ledger.read(asked, kept[0], answers)

    async def _ask(self, compile_it: Callable[[Catalog], Compiled]) -> tuple[Compiled, list[tuple[Any, ...]]]:
        compiled: list[Compiled] = []

        def statements(catalog: Catalog) -> list[tuple[str | None, Mapping[str, Any]]]:
            compiled.append(compile_it(catalog))
            return [(compiled[0].sql, compiled[0].parameters)]

        [rows] = await self._run(self._store.ask, statements)
        return compiled[0], rows

    async def _select(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return await self._run(self._store.select, sql, parameters)

    async def _run(self, question: Callable[..., Answer], *arguments: Any) -> Answer:
        try:
            return await asyncio.to_thread(question, *arguments)
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
