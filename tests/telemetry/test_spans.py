from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from socketscope.telemetry.spans import Spans


def handshake_under(begun, start_wall):
    """The handshake's span under a server span that began at `begun`."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    native = provider.get_tracer("native").start_span("WS /ws", start_time=begun)
    Spans(provider).handshake_under(native, start_wall).end()
    [span] = exporter.get_finished_spans()
    assert span.parent.span_id == native.get_span_context().span_id
    return span


def test_a_handshake_does_not_begin_before_the_span_that_it_is_under():
    assert handshake_under(2_000, 1_000).start_time == 2_000
    assert handshake_under(1_000, 2_000).start_time == 2_000


def test_a_parent_that_does_not_tell_when_it_began_is_no_obstacle():
    parent = NonRecordingSpan(SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
    provider = TracerProvider(shutdown_on_exit=False)
    assert Spans(provider).handshake_under(parent, 1_000).start_time == 1_000
