"""Grafana Tempo: a TraceQL search, then each trace that it found by its id."""

from __future__ import annotations

import math
from typing import Any, Final

from socketscope.backends.base import Capabilities, Timeline, TraceSpan
from socketscope.backends.http import Access, JsonClient, OverHttp
from socketscope.backends.links import LinkOptions, traceql
from socketscope.backends.otlp_json import spans_of
from socketscope.backends.timeline import checked_id, timeline_of, unread_traces
from socketscope.errors import BackendError, BackendStatusError

MOST_TRACES: Final = 20
"""Traces that a search finds for one connection: its own, and those of messages."""


class TempoTraces(OverHttp):
    """Implements `Traces` over the HTTP API of the Tempo at `url` (2.2 or newer, for TraceQL).

    Give a tenant and how to be let in as `access`. Links lead into the Grafana of `links`. Close it, or use it as an
    async context.
    """

    capabilities = Capabilities(traces=True)

    def __init__(self, url: str, *, access: Access | None = None, links: LinkOptions | None = None) -> None:
        super().__init__(JsonClient(url, name="Tempo", access=access))
        self._links = links or LinkOptions()

    async def timeline(
        self, connection_id: str, *, since: float, until: float, service: str | None = None
    ) -> Timeline | None:
        """Find the spans of a connection that was active in `[since, until]`; see `Traces.timeline`."""
        period = {"start": math.floor(since), "end": math.ceil(until)}
        query = traceql(checked_id(connection_id), service=service)
        found = await self._client.get("api/search", {"q": query, "limit": MOST_TRACES, "spss": 1, **period})
        try:
            trace_ids = [trace["traceID"].zfill(32) for trace in found.get("traces") or ()]
        except (AttributeError, KeyError, TypeError) as error:
            raise self._unreadable("search", error) from error
        spans: list[TraceSpan] = []
        for trace_id in trace_ids:
            spans += await self._trace(trace_id, period)
        for trace_id in unread_traces(connection_id, spans):
            spans += await self._trace(trace_id, period)
        return timeline_of(connection_id, spans, since=since, until=until)

    def link(self, trace_id: str) -> str | None:
        """Give the address of Grafana's page for a trace, where Grafana's is set."""
        return self._links.trace(trace_id)

    async def _trace(self, trace_id: str, period: dict[str, int]) -> list[TraceSpan]:
        """Read a trace; one that is there no more is empty. The first API (before Tempo 2.7) is asked where it must."""
        try:
            answer = await self._client.get(f"api/v2/traces/{trace_id}", period)
            resource_spans = (answer.get("trace") or {}).get("resourceSpans") or []
        except BackendStatusError as error:
            if error.status != 404:
                raise
            resource_spans = await self._first_api(trace_id, period)
        except AttributeError as error:
            raise self._unreadable("trace", error) from error
        try:
            return list(spans_of(resource_spans))
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise self._unreadable("trace", error) from error

    async def _first_api(self, trace_id: str, period: dict[str, int]) -> Any:
        try:
            answer = await self._client.get(f"api/traces/{trace_id}", period)
        except BackendStatusError as error:
            if error.status != 404:
                raise
            return []
        return answer.get("batches") or [] if isinstance(answer, dict) else []

    def _unreadable(self, what: str, error: Exception) -> BackendError:
        return BackendError(f"Tempo at {self._client.url} gave a {what} that can't be read ({error!r})")
