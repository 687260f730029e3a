import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from socketscope.telemetry.record import ConnectionRecord
from socketscope.telemetry.spans import Spans, begun_after


def test_a_handshake_does_not_begin_before_the_span_that_it_is_under():
    native = TracerProvider(shutdown_on_exit=False).get_tracer("native").start_span("WS /ws", start_time=2_000)
    assert begun_after(native, 1_000) == 2_000
    assert begun_after(native, 3_000) == 3_000


def test_a_parent_that_does_not_tell_when_it_began_is_no_obstacle():
    parent = NonRecordingSpan(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
    assert begun_after(parent, 1_000) == 1_000


@pytest.mark.parametrize(
    ("begun", "ended", "start"),
    [
        (30_000, 90_000, 30_000),  # longer than the handshake, as nearly all are
        (30_000, 35_000, 14_000),  # the handshake lasted 20 us
        (50_000, 50_000, 29_000),
        (50_000, 70_000, 49_000),  # just as long: longer, in whole microseconds too
        (50_000, 71_000, 50_000),
    ],
)
def test_a_segment_is_longer_than_the_handshake(begun, ended, start):
    """Jaeger takes a shorter one for the work of a machine whose clock is wrong, and warns of it."""
    assert segment_of(10_000, 30_000, begun, ended).start_time == start


def test_a_segment_does_not_begin_before_the_handshake():
    assert segment_of(10_000, 30_000, 30_000, 30_000).start_time == 10_000


def segment_of(started, accepted, begun, ended):
    """The span of a segment of a connection; all in nanoseconds."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    record = ConnectionRecord("c", 0, started)
    record.accepted_wall, record.segment_wall = accepted, begun
    Spans(provider).segment(None, record, {}, end_wall=ended)
    [span] = exporter.get_finished_spans()
    assert span.end_time == ended
    return span
