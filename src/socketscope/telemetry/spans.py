"""A connection as one trace that can be read while it is open.

`WS {route}` covers the handshake and is exported at accept. Segments follow as its children: leaves, made at their
end with an explicit start time, so that no exported span ever has a parent that is not exported yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from socketscope import __version__, semconv
from socketscope.telemetry.record import ConnectionRecord, identity_attributes, life_attributes


class Spans:
    """Makes the spans of connections, on `provider` or the global one."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._tracer: Tracer = trace.get_tracer(semconv.SCOPE, __version__, provider, schema_url=semconv.SCHEMA_URL)

    def handshake(self, headers: Iterable[tuple[bytes, bytes]], start_wall: int) -> Span:
        """Start the SERVER span of a handshake, a child of what the request's headers name."""
        carrier = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        return self._tracer.start_span(
            "WS", context=propagate.extract(carrier), kind=SpanKind.SERVER, start_time=start_wall
        )

    def handshake_under(self, parent: Span, start_wall: int) -> Span:
        """Start an INTERNAL handshake span under a server span that somebody else has open, and not before it."""
        # The API does not tell when a span began, the SDK's spans do. A child that begins before its parent is taken
        # for the work of a machine whose clock is wrong.
        begun = getattr(parent, "start_time", None)
        if isinstance(begun, int):
            start_wall = max(start_wall, begun)
        return self._tracer.start_span(
            "WS",
            context=trace.set_span_in_context(parent),
            kind=SpanKind.INTERNAL,
            start_time=start_wall,
        )

    def answered(self, span: Span, record: ConnectionRecord, *, outcome: str, end_wall: int, error: str = "") -> None:
        """End the handshake span with its answer; a failed handshake is an error, a denied one is not."""
        if span.is_recording():
            span.update_name(semconv.SPAN_NAME.format(route=record.route))
            span.set_attributes(identity_attributes(record))
            span.set_attribute(semconv.HANDSHAKE_OUTCOME.name, outcome)
            if record.status:
                span.set_attribute(semconv.HTTP_STATUS.name, record.status)
            if error:
                span.set_attribute(semconv.ERROR_TYPE.name, error)
                span.set_status(Status(StatusCode.ERROR))
        span.end(end_wall)

    def segment(self, parent: Context, record: ConnectionRecord, *, end_wall: int, last: bool) -> None:
        """Make the span of the segment that ends now; the last one carries the totals of the whole life."""
        segment = record.segment
        attributes: dict[str, Any] = {
            **identity_attributes(record),
            semconv.SEGMENT_INDEX.name: segment.index,
            semconv.SEGMENT_MESSAGES_RECEIVED.name: record.messages_received - segment.messages_received,
            semconv.SEGMENT_MESSAGES_SENT.name: record.messages_sent - segment.messages_sent,
            semconv.SEGMENT_BYTES_RECEIVED.name: record.bytes_received - segment.bytes_received,
            semconv.SEGMENT_BYTES_SENT.name: record.bytes_sent - segment.bytes_sent,
            semconv.SEGMENT_HANDLING_MAX.name: record.handling_max / 1e9,
            semconv.SEGMENT_SEND_MAX.name: record.send_max / 1e9,
        }
        if record.been_in:
            attributes[semconv.CHANNELS.name] = tuple(record.been_in)
        if last:
            attributes |= life_attributes(record)
            attributes[semconv.DURATION.name] = (end_wall - record.accepted_wall) / 1e9
        span = self._tracer.start_span(
            semconv.SEGMENT_NAME.format(route=record.route),
            context=parent,
            kind=SpanKind.INTERNAL,
            attributes=attributes,
            start_time=segment.start_wall,
        )
        if last and record.error_type:
            span.set_status(Status(StatusCode.ERROR, record.error_type))
        span.end(end_wall)


def enrich(span: Span, attributes: Mapping[str, str | int]) -> None:
    """Add to a span that somebody else has open, if it still is."""
    if span.is_recording():
        span.set_attributes(attributes)
