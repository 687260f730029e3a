"""Jaeger: its query API v3 (OTLP), and the first one where v3 is not there or can't search by attributes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from socketscope import semconv
from socketscope.backends.base import Capabilities, Timeline, TraceSpan
from socketscope.backends.http import Access, JsonClient, OverHttp
from socketscope.backends.jaeger_model import attributes_of, spans_of_traces
from socketscope.backends.links import jaeger_trace
from socketscope.backends.otlp_json import spans_of
from socketscope.backends.timeline import checked_id, timeline_of, unread_traces
from socketscope.errors import BackendError, BackendStatusError

MOST_TRACES: Final = 20
"""Traces that a search finds for one connection: its own, and those of messages."""
_EARLIER: Final = 900.0
"""Seconds. Jaeger searches by the start of spans; a segment that reaches into the period began before it."""
_UNREADABLE: Final = (AttributeError, IndexError, KeyError, TypeError, ValueError)


class JaegerTraces(OverHttp):
    """Implements `Traces` over the query API of the Jaeger at `url`; links lead to its page, or to `page_url`.

    Jaeger searches in one service: without one that is given all are asked in turn. Close it, or use it as an async
    context.
    """

    capabilities = Capabilities(traces=True)

    def __init__(self, url: str, *, access: Access | None = None, page_url: str | None = None) -> None:
        super().__init__(JsonClient(url, name="Jaeger", access=access))
        self._page_url = page_url or self._client.url
        self._v3 = True
        """Whether API v3 searches by attributes, as far as is known: before Jaeger 2 it takes no notice of them."""

    async def timeline(
        self, connection_id: str, *, since: float, until: float, service: str | None = None
    ) -> Timeline | None:
        """Find the spans of a connection that was active in `[since, until]`; see `Traces.timeline`."""
        checked_id(connection_id)
        spans: list[TraceSpan] = []
        for name in [service] if service else await self._services():
            spans += await self._search(connection_id, name, since - _EARLIER, until)
        for trace_id in unread_traces(connection_id, spans):
            spans += await self._trace(trace_id)
        return timeline_of(connection_id, spans, since=since, until=until)

    def link(self, trace_id: str) -> str | None:
        """Give the address of a trace in Jaeger's page."""
        return jaeger_trace(self._page_url, trace_id)

    async def _services(self) -> list[str]:
        answer = await self._client.get("api/services")
        try:
            return [str(name) for name in answer["data"] or ()]
        except _UNREADABLE as error:
            raise self._unreadable("services", error) from error

    async def _search(self, connection_id: str, service: str, since: float, until: float) -> Sequence[TraceSpan]:
        if self._v3:
            spans = await self._search_v3(connection_id, service, since, until)
            if spans is not None:
                return spans
            self._v3 = False
        return await self._search_v1(connection_id, service, since, until)

    async def _search_v3(
        self, connection_id: str, service: str, since: float, until: float
    ) -> Sequence[TraceSpan] | None:
        """Search by API v3; None: it is not there, or its answer is not what was searched for."""
        try:
            answer = await self._client.get(
                "api/v3/traces",
                {
                    "query.service_name": service,
                    "query.attributes": json.dumps({semconv.CONNECTION_ID.name: connection_id}),
                    "query.start_time_min": _rfc3339(since),
                    "query.start_time_max": _rfc3339(until),
                    "query.num_traces": MOST_TRACES,
                },
            )
        except BackendStatusError as error:
            # "No traces found" has the same status as an address that is not known: the first API tells which.
            if error.status == 404:
                return None
            raise
        except BackendError as error:
            if isinstance(error.__cause__, ValueError):  # an address that Jaeger does not know is its page
                return None
            raise
        try:
            spans = [
                replace(span, attributes=attributes_of(span.attributes))
                for span in spans_of(answer["result"].get("resourceSpans", ()))
            ]
        except _UNREADABLE as error:
            raise self._unreadable("traces", error) from error
        return spans if _all_have(connection_id, spans) else None

    async def _search_v1(self, connection_id: str, service: str, since: float, until: float) -> Sequence[TraceSpan]:
        answer = await self._client.get(
            "api/traces",
            {
                "service": service,
                "tags": json.dumps({semconv.CONNECTION_ID.name: connection_id}),
                "start": round(since * 1e6),
                "end": round(until * 1e6),
                "limit": MOST_TRACES,
            },
        )
        return self._spans_of(answer)

    async def _trace(self, trace_id: str) -> Sequence[TraceSpan]:
        """Read a trace; one that is there no more is empty."""
        try:
            return self._spans_of(await self._client.get(f"api/traces/{trace_id}"))
        except BackendStatusError as error:
            if error.status != 404:
                raise
            return ()

    def _spans_of(self, answer: Any) -> Sequence[TraceSpan]:
        try:
            return list(spans_of_traces(answer["data"] or ()))
        except _UNREADABLE as error:
            raise self._unreadable("traces", error) from error

    def _unreadable(self, what: str, error: Exception) -> BackendError:
        return BackendError(f"Jaeger at {self._client.url} gave {what} that can't be read ({error!r})")


def _all_have(connection_id: str, spans: Iterable[TraceSpan]) -> bool:
    """Whether each of the traces has a span of the connection."""
    found: dict[str, bool] = {}
    for span in spans:
        its_own = span.attributes.get(semconv.CONNECTION_ID.name) == connection_id
        found[span.trace_id] = its_own or found.get(span.trace_id, False)
    return all(found.values())


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
