"""Spans as socketscope makes them, as OTLP requests: connections with handshake, segments and what is below them."""

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from otlp_requests import key_values, ns, resource, span, traces_request
from socketscope import semconv

OPEN, CLOSED, FOREIGN = "00000000000000a1", "00000000000000b2", "00000000000000c3"
BUSY = "00000000000000d4"
MESSAGES = 50
TRACE = {OPEN: b"\0" * 15 + b"\x0a", CLOSED: b"\xbb" * 16, BUSY: b"\xdd" * 16}
SERVER, INTERNAL, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT


def named(values):
    """Attributes with keys of semconv."""
    return key_values({getattr(key, "name", key): value for key, value in values.items()})


def handshake(connection, time, *, trace_id, span_id, parent=b""):
    return span(
        "WS /ws/{room}",
        time,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        kind=SERVER,
        end_time_unix_nano=ns(time + 0.25),
        attributes=named(
            {
                semconv.CONNECTION_ID: connection,
                semconv.HTTP_ROUTE: "/ws/{room}",
                semconv.HANDSHAKE_OUTCOME: "accepted",
                semconv.HTTP_STATUS: 101,
            }
        ),
    )


def segment(connection, time, index, *, trace_id, span_id, parent, seconds=5.0, last=None, error=""):
    """A segment; `last` are the attributes of the whole life, of the last one."""
    values = {
        semconv.CONNECTION_ID: connection,
        semconv.HTTP_ROUTE: "/ws/{room}",
        semconv.CHANNELS: ["lobby", "news"],
        semconv.SEGMENT_INDEX: index,
        semconv.SEGMENT_MESSAGES_RECEIVED: 3,
        semconv.SEGMENT_MESSAGES_SENT: 12,
        semconv.SEGMENT_BYTES_RECEIVED: 120,
        semconv.SEGMENT_BYTES_SENT: 3400,
        semconv.SEGMENT_HANDLING_MAX: 0.0125,
        semconv.SEGMENT_SEND_MAX: 0.5,
    }
    return span(
        "WS /ws/{room} segment",
        time,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        kind=INTERNAL,
        end_time_unix_nano=ns(time + seconds),
        attributes=named(values | (last or {})),
        status=Status(code=Status.STATUS_CODE_ERROR, message=error) if error else None,
    )


def life(duration, **more):
    return {
        semconv.DURATION: duration,
        semconv.MESSAGES_RECEIVED: 6,
        semconv.MESSAGES_SENT: 24,
        semconv.BYTES_RECEIVED: 240,
        semconv.BYTES_SENT: 6800,
        semconv.ERRORS: 1,
        semconv.CLOSE_CODE: 4001,
        semconv.CLOSE_INITIATOR: "server",
        semconv.CLOSE_REASON: "enough",
        **more,
    }


def an_open_connection(time=0.0):
    """`OPEN`: handshake, a segment, and a call of its handler that another service answered."""
    trace_id = TRACE[OPEN]
    own = traces_request(
        handshake(OPEN, time, trace_id=trace_id, span_id=b"handshak"),
        segment(OPEN, time + 0.25, 0, trace_id=trace_id, span_id=b"segment0", parent=b"handshak"),
        span("SELECT", time + 1, trace_id=trace_id, span_id=b"select00", parent_span_id=b"handshak", kind=CLIENT),
        of=resource("chat-1"),
    )
    below = span("find", time + 1, trace_id=trace_id, span_id=b"find0000", parent_span_id=b"select00", kind=SERVER)
    return own, traces_request(below, of=resource("db-1", **{"service.name": "database"}))


def a_closed_connection(time=0.0):
    """`CLOSED`: two segments, the last of which failed, under a client's span; beside it another connection."""
    trace_id = TRACE[CLOSED]
    last = life(10.0, **{semconv.ERROR_TYPE.name: "ZeroDivisionError"})
    return (
        traces_request(
            handshake(CLOSED, time, trace_id=trace_id, span_id=b"handshak", parent=b"browser0"),
            segment(CLOSED, time + 0.25, 0, trace_id=trace_id, span_id=b"segment0", parent=b"handshak"),
            segment(
                CLOSED,
                time + 5.25,
                1,
                trace_id=trace_id,
                span_id=b"segment1",
                parent=b"handshak",
                last=last,
                error="ZeroDivisionError",
            ),
            handshake(FOREIGN, time + 2, trace_id=trace_id, span_id=b"foreign0", parent=b"handshak"),
            span("other", time + 3, trace_id=trace_id, span_id=b"foreign1", parent_span_id=b"foreign0"),
            of=resource("chat-1"),
        ),
    )


def a_busy_connection(time=0.0):
    """`BUSY`: a handshake and a segment, and more messages with spans of their own than a search gives traces."""
    trace_id = TRACE[BUSY]
    messages = [
        span(
            "WS /ws/{room} receive",
            time + 1 + index / 100,
            trace_id=bytes([0xDE, index]) * 8,
            span_id=bytes([0xDE, index]) * 4,
            kind=Span.SPAN_KIND_CONSUMER,
            links=[Span.Link(trace_id=trace_id, span_id=b"busyhand")],
            attributes=named(
                {semconv.CONNECTION_ID: BUSY, semconv.DIRECTION: "receive"}
                | ({semconv.MESSAGE_BYTES: 120, semconv.MESSAGE_TYPE: "text"} if index else {})
                | ({} if index else {semconv.MESSAGES_SUPPRESSED: 7})
            ),
        )
        for index in range(MESSAGES)
    ]
    return (
        traces_request(
            *messages,
            handshake(BUSY, time, trace_id=trace_id, span_id=b"busyhand"),
            segment(BUSY, time + 0.25, 0, trace_id=trace_id, span_id=b"busysegm", parent=b"busyhand"),
            of=resource("chat-1"),
        ),
    )
