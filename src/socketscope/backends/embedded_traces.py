"""Timelines of connections from the embedded backend's store."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from socketscope import semconv
from socketscope.backends.base import Capabilities, SpanLink, Timeline, TraceSpan
from socketscope.backends.links import LinkOptions
from socketscope.backends.timeline import checked_id, timeline_of
from socketscope.errors import BackendError, StoreError
from socketscope.query.sql_parts import nanoseconds
from socketscope.store.store import Store

TIMELINE: Final = f"""
WITH traces AS (
    SELECT DISTINCT trace_id FROM spans JOIN resources ON resources.id = spans.resource_id
    WHERE spans.attributes->>'$."{semconv.CONNECTION_ID.name}"' = $connection_id::VARCHAR
        AND end_ns >= $since::BIGINT AND start_ns <= $until::BIGINT
        AND ($service::VARCHAR IS NULL OR resources.service_name = $service::VARCHAR)
)
SELECT trace_id, span_id, parent_span_id, name, kind, resources.service_name, start_ns, end_ns, status,
    status_message, spans.attributes, links
FROM spans SEMI JOIN traces USING (trace_id)
JOIN resources ON resources.id = spans.resource_id
"""
"""All spans of the traces that have a span of the connection in `[$since, $until]`."""


class EmbeddedTraces:
    """Implements `Traces` over `store`; every question runs in a thread. Links lead where `links` says."""

    capabilities = Capabilities(traces=True)

    def __init__(self, store: Store, *, links: LinkOptions | None = None) -> None:
        self._store = store
        self._links = links or LinkOptions()

    async def timeline(
        self, connection_id: str, *, since: float, until: float, service: str | None = None
    ) -> Timeline | None:
        """Find the spans of a connection that was active in `[since, until]`; see `Traces.timeline`."""
        parameters = {
            "connection_id": checked_id(connection_id),
            "since": nanoseconds(since, "since"),
            "until": nanoseconds(until, "until"),
            "service": service,
        }
        try:
            rows = await asyncio.to_thread(self._store.select, TIMELINE, parameters)
        except StoreError as error:
            raise BackendError(str(error)) from error
        return timeline_of(connection_id, map(_span, rows), since=since, until=until)

    def link(self, trace_id: str) -> str | None:
        """Give the address of a page that shows a trace, where one is set."""
        return self._links.trace(trace_id)


def _span(row: tuple[Any, ...]) -> TraceSpan:
    trace_id, span_id, parent_id, name, kind, service, start_ns, end_ns, status, message, attributes, links = row
    return TraceSpan(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent_id,
        name=name,
        kind=kind,
        service=service,
        start=start_ns / 1e9,
        end=end_ns / 1e9,
        status=status,
        status_message=message,
        attributes=json.loads(attributes),
        links=tuple(SpanLink(link["trace_id"], link["span_id"], link["attributes"]) for link in json.loads(links)),
    )
