"""A connection as one trace that can be read while it is open.

`WS {route}` covers the handshake and is exported at accept. Segments follow as its children: leaves, made at their
end with an explicit start time, so that no exported span ever has a parent that is not exported yet. The span of a
message is the root of another trace, and linked.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, Tracer

from socketscope import __version__, semconv
from socketscope.telemetry.accumulators import Attributes
from socketscope.telemetry.record import ConnectionRecord, identity_attributes
from socketscope.telemetry.sdk_present import is_placeholder

Headers = Collection[tuple[bytes, bytes]]


class _HeadersGetter(Getter[Headers]):
    """Reads the headers of an ASGI scope for a propagator; the names are lower-case there."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        wanted = key.lower().encode("latin-1", "replace")
        return [value.decode("latin-1") for name, value in carrier if name == wanted] or None

    def keys(self, carrier: Headers) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


_HEADERS = _HeadersGetter()
_MICROSECOND = 1_000
"""Backends that count in microseconds are to see that one duration is longer than another."""


class Spans:
    """Makes the spans of connections, on `provider` or the global one."""

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._tracer: Tracer = trace.get_tracer(semconv.SCOPE, __version__, provider, schema_url=semconv.SCHEMA_URL)
        self._provider = provider
        self._roots: Tracer | None = None

    @property
    def on(self) -> bool:
        """Whether there is anybody who makes spans."""
        return self._provider is not None or not is_placeholder(trace.get_tracer_provider())

    def handshake(self, headers: Headers, start_wall: int) -> Span:
        """Start the SERVER span of a handshake, a child of what the request's headers name."""
        context = propagate.extract(headers, getter=_HEADERS)
        return self._tracer.start_span("WS", context=context, kind=SpanKind.SERVER, start_time=start_wall)

    def handshake_under(self, parent: Span, start_wall: int) -> Span:
        """Start an INTERNAL handshake span under a server span that somebody else has open."""
        return self._tracer.start_span(
            "WS",
            context=trace.set_span_in_context(parent),
            kind=SpanKind.INTERNAL,
            start_time=start_wall,
        )

    def answered(
        self, span: Span, record: ConnectionRecord, who: Attributes, *, outcome: str, end_wall: int, error: str = ""
    ) -> None:
        """End the handshake span with its answer; a failed handshake is an error, a denied one is not.

        `who` is `identity_attributes(record)`, here and below.
        """
        if span.is_recording():
            attributes = {**who, semconv.HANDSHAKE_OUTCOME.name: outcome}
            if record.status:
                attributes[semconv.HTTP_STATUS.name] = record.status
            if error:
                attributes[semconv.ERROR_TYPE.name] = error
                span.set_status(Status(StatusCode.ERROR))
            span.update_name(semconv.SPAN_NAME.format(route=record.route))
            span.set_attributes(attributes)
        span.end(end_wall)

    def segment(
        self,
        parent: Context | None,
        record: ConnectionRecord,
        who: Attributes,
        *,
        end_wall: int,
        life: Attributes | None = None,
    ) -> None:
        """Make the span of the segment that ends now; the last one carries the totals of the whole `life`.

        One that is shorter than the handshake begins earlier, so that it is not.
        """
        received, sent, bytes_received, bytes_sent = (
            now - before for now, before in zip(record.totals(), record.segment_before, strict=True)
        )
        attributes: dict[str, Any] = {
            **who,
            semconv.SEGMENT_INDEX.name: record.segment_index,
            semconv.SEGMENT_MESSAGES_RECEIVED.name: received,
            semconv.SEGMENT_MESSAGES_SENT.name: sent,
            semconv.SEGMENT_BYTES_RECEIVED.name: bytes_received,
            semconv.SEGMENT_BYTES_SENT.name: bytes_sent,
            semconv.SEGMENT_HANDLING_MAX.name: record.handling_max / 1e9,
            semconv.SEGMENT_SEND_MAX.name: record.send_max / 1e9,
        }
        if channels := record.been_in:
            attributes[semconv.CHANNELS.name] = channels
        if life is not None:
            attributes |= life
            attributes[semconv.DURATION.name] = (end_wall - record.accepted_wall) / 1e9
        span = self._tracer.start_span(
            semconv.SEGMENT_NAME.format(route=record.route),
            context=parent,
            kind=SpanKind.INTERNAL,
            attributes=attributes,
            start_time=_start_of(record, end_wall),
        )
        if life is not None and record.error_type:
            span.set_status(Status(StatusCode.ERROR, record.error_type))
        span.end(end_wall)

    def message(
        self,
        record: ConnectionRecord,
        handshake: SpanContext | None,
        *,
        direction: str,
        attributes: Mapping[str, Any],
        start_wall: int,
        parent: Context | None = None,
    ) -> Span:
        """Start the span of a message: a root with the sampling decision of its connection, or a child of `parent`.

        It is linked to the `handshake` of its connection, where that is recorded.
        """
        received = direction == "receive"
        return (self._tracer if parent is not None else self._linked_roots()).start_span(
            semconv.MESSAGE_NAME.format(route=record.route, action="receive" if received else "send"),
            context=Context() if parent is None else parent,
            kind=SpanKind.CONSUMER if received else SpanKind.PRODUCER,
            attributes={**identity_attributes(record), semconv.DIRECTION.name: direction, **attributes},
            links=[] if handshake is None else [Link(handshake)],
            start_time=start_wall,
        )

    def _linked_roots(self) -> Tracer:
        # Not earlier: the SDK may be set up after this is made, but is, once there is a connection to be linked to.
        if self._roots is None:
            tracer = trace.get_tracer(semconv.SCOPE, __version__, self._provider, schema_url=semconv.SCHEMA_URL)
            roots: Any = copy.copy(tracer)
            if hasattr(roots, "sampler"):  # it is the SDK's
                roots.sampler = _AsItsConnection(roots.sampler)
            self._roots = roots
        return self._roots


def begun_after(parent: Span, start_wall: int) -> int:
    """Give when a child of `parent` begins: at `start_wall`, but not before it, as far as that can be known."""
    # The API does not tell when a span began, the SDK's spans do. A child that begins before its parent is taken for
    # the work of a machine whose clock is wrong.
    begun = getattr(parent, "start_time", None)
    return max(start_wall, begun) if isinstance(begun, int) else start_wall


def _start_of(record: ConnectionRecord, end_wall: int) -> int:
    # Jaeger takes a child that is not within its parent, and not longer, for the work of a machine whose clock is
    # wrong: it warns of it, and may be told to move it, here by minutes (its model/adjuster/clockskew.go).
    handshake = record.accepted_wall - record.started_wall
    return max(record.started_wall, min(record.segment_wall, end_wall - handshake - _MICROSECOND))


class _AsItsConnection:
    """A sampler of the SDK for roots that are linked: it is asked about the trace that the first link leads to.

    Asked about the root itself, a sampler that keeps one trace of a hundred would keep one slow message of a hundred
    of the connections that it keeps.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def should_sample(self, parent_context: Context | None, trace_id: int, *about: Any) -> Any:
        _name, _kind, _attributes, links = about  # as the SDK's tracer gives them
        if links:
            connection = links[0].context
            parent_context = trace.set_span_in_context(NonRecordingSpan(connection), parent_context)
            trace_id = connection.trace_id
        return self._inner.should_sample(parent_context, trace_id, *about)

    def get_description(self) -> str:
        return str(self._inner.get_description())


def fail(span: Span, error: str) -> None:
    """Mark a span as failed; the exception itself is in the log record."""
    span.set_status(Status(StatusCode.ERROR, error))
    span.set_attribute(semconv.ERROR_TYPE.name, error)


def enrich(span: Span, attributes: Mapping[str, str | int]) -> None:
    """Add to a span that somebody else has open, if it still is."""
    if span.is_recording():
        span.set_attributes(attributes)
