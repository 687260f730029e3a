"""Jaeger's own form of spans, as its first API gives it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from socketscope import semconv
from socketscope.backends.base import SpanKind, SpanLink, SpanStatus, TraceSpan

_KINDS: Final = ("internal", "server", "client", "producer", "consumer")
_TOLD_OTHERWISE: Final = {
    "span.kind",
    "error",
    "otel.status_code",
    "otel.status_description",
    "otel.scope.name",
    "otel.scope.version",
    "internal.span.format",
    "w3c.tracestate",
}
"""Tags into which Jaeger puts what OpenTelemetry has fields for."""


def spans_of_traces(traces: Iterable[Mapping[str, Any]]) -> Iterator[TraceSpan]:
    """Yield the spans of `data` of `/api/traces`.

    Raises `ValueError`, `TypeError`, `KeyError` or `AttributeError` for what is no such thing.
    """
    for trace in traces:
        processes = trace["processes"]
        for span in trace["spans"]:
            yield _span(span, processes[span["processID"]]["serviceName"])


def warnings_of(traces: Iterable[Mapping[str, Any]]) -> list[str]:
    """List what Jaeger complains of in traces and their spans."""
    return [warning for trace in traces for of in (trace, *trace["spans"]) for warning in of.get("warnings") or ()]


def attributes_of(tags: Mapping[str, Any]) -> dict[str, Any]:
    """Give tags the form that they had: without what Jaeger added, and channels as a list (it keeps JSON text)."""
    attributes = {key: value for key, value in tags.items() if key not in _TOLD_OTHERWISE}
    channels = attributes.get(semconv.CHANNELS.name)
    if isinstance(channels, str):
        attributes[semconv.CHANNELS.name] = json.loads(channels)
    return attributes


def _span(span: Mapping[str, Any], service: str) -> TraceSpan:
    tags = {tag["key"]: tag["value"] for tag in span.get("tags") or ()}
    trace_id = span["traceID"].zfill(32)
    parent_id = None
    links = []
    for reference in span.get("references") or ():
        other = (reference["traceID"].zfill(32), reference["spanID"].zfill(16))
        if reference["refType"] == "CHILD_OF" and parent_id is None and other[0] == trace_id:
            parent_id = other[1]
        else:
            links.append(SpanLink(*other))
    start = span["startTime"] / 1e6
    kind = tags.get("span.kind")
    return TraceSpan(
        trace_id=trace_id,
        span_id=span["spanID"].zfill(16),
        parent_id=parent_id,
        name=span["operationName"],
        kind=cast("SpanKind", kind) if kind in _KINDS else "unspecified",
        service=service,
        start=start,
        end=start + span["duration"] / 1e6,
        status=_status(tags),
        status_message=tags.get("otel.status_description"),
        attributes=attributes_of(tags),
        links=tuple(links),
    )


def _status(tags: Mapping[str, Any]) -> SpanStatus:
    code = tags.get("otel.status_code")
    if code == "ERROR" or (code is None and tags.get("error") in (True, "true")):
        return "error"
    return "ok" if code == "OK" else "unset"
