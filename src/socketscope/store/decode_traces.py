"""OTLP spans -> rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from socketscope.store.attributes import canonical, mapping_of, resource_of
from socketscope.store.rows import MAX_NS, Batch

_KIND = {
    Span.SPAN_KIND_INTERNAL: "internal",
    Span.SPAN_KIND_SERVER: "server",
    Span.SPAN_KIND_CLIENT: "client",
    Span.SPAN_KIND_PRODUCER: "producer",
    Span.SPAN_KIND_CONSUMER: "consumer",
}
_STATUS = {Status.STATUS_CODE_OK: "ok", Status.STATUS_CODE_ERROR: "error"}


def decode_spans(resource_spans: Iterable[ResourceSpans]) -> Batch:
    """Take the spans of an `ExportTraceServiceRequest.resource_spans`; one without valid ids or times is rejected."""
    batch = Batch()
    for per_resource in resource_spans:
        resource = resource_of(per_resource.resource)
        for per_scope in per_resource.scope_spans:
            scope = per_scope.scope.name
            for span in per_scope.spans:
                if len(span.trace_id) != 16 or len(span.span_id) != 8:
                    batch.reject(f"span {span.name!r}: trace_id needs 16 bytes and span_id 8")
                elif not 0 < span.start_time_unix_nano <= MAX_NS or span.end_time_unix_nano > MAX_NS:
                    batch.reject(f"span {span.name!r}: a time is missing or out of range")
                else:
                    batch.spans.append((resource, (scope, *_columns(span))))
    return batch


def _columns(span: Span) -> tuple[object, ...]:
    return (
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex() or None,
        span.name,
        _KIND.get(span.kind, "unspecified"),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _STATUS.get(span.status.code, "unset"),
        span.status.message or None,
        canonical(mapping_of(span.attributes)),
        _events(span),
        _links(span),
    )


def _events(span: Span) -> str:
    return json.dumps(
        [
            {"time_ns": event.time_unix_nano, "name": event.name, "attributes": mapping_of(event.attributes)}
            for event in span.events
        ],
        ensure_ascii=False,
    )


def _links(span: Span) -> str:
    return json.dumps(
        [
            {
                "trace_id": link.trace_id.hex(),
                "span_id": link.span_id.hex(),
                "attributes": mapping_of(link.attributes),
            }
            for link in span.links
        ],
        ensure_ascii=False,
    )
