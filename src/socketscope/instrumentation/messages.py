"""What is told of single messages: a span and an exemplar of one that failed or was slow, or a span of every one.

Such a span is a root of its own, since a connection may have millions; a link leads to the handshake's span. It has
the sampling decision of its connection. A message that carries a trace context is a part of that trace instead, and
its sender has decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext

from socketscope import semconv
from socketscope.instrumentation.carrier import Carrier
from socketscope.instrumentation.connection import OPEN
from socketscope.instrumentation.harmless import harmless
from socketscope.instrumentation.options import Options
from socketscope.instrumentation.watched import Watched
from socketscope.telemetry.events import RateLimit
from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.record import error_type
from socketscope.telemetry.spans import Spans, fail

Direction = Literal["receive", "transmit"]

SPANS_PER_SECOND: Final = 50.0
"""Failed and slow messages that get a span, in a process. Where everything is slow, the spans of messages would push
those of connections out of the SDK's queue (2,048); histograms and counters still have every one."""
SPANS_AT_ONCE: Final = 200


class Messages:
    """Reports single messages of watched connections. `failed` is called while an error of ours is handled."""

    def __init__(self, telemetry: Telemetry, options: Options, spans: Spans, failed: Callable[[], None]) -> None:
        self.failed = failed
        self.slow_ns = int(options.slow_message * 1e9)
        self._mode = options.message_spans
        self.all = self._mode == "all"
        """Whether sent messages are to be told one by one, by `sending` and `sent`."""
        self._carrier: Carrier | None = None
        if options.message_carrier is not None and self._mode != "off":
            self._carrier = Carrier(options.message_carrier, telemetry.clock.monotonic)
        self.looked_at = self.all or self._carrier is not None
        """Whether received ones are, by `received` and `done`."""
        self._longest_ns = int(options.segment * 1e9)
        self._telemetry = telemetry
        self._spans = spans
        self._notable = RateLimit(telemetry.clock.monotonic, per_second=SPANS_PER_SECOND, burst=SPANS_AT_ONCE)
        self._suppressed = 0

    # Messages that are looked at once they turn out to be notable ----------------

    def handled(self, watched: Watched, nanoseconds: int, error: BaseException | None = None) -> None:
        """Tell of a handling that has just ended, if it was slow or failed."""
        if watched.ignored or (error is None and nanoseconds <= self.slow_ns):
            return
        if watched.outcome != "accepted":
            return  # such a connection has no messages; one that its server gives it all the same is not counted
        known = watched.message_context
        if known is None and self._mode != "off":
            known = self._tell(watched, "receive", nanoseconds, error)
        self._exemplar(semconv.HANDLING_DURATION, watched, nanoseconds, known)

    def waited(self, watched: Watched, nanoseconds: int) -> None:
        """Tell of a send that had to wait, if it was slow."""
        if watched.ignored or nanoseconds <= self.slow_ns:
            return
        known = self._tell(watched, "transmit", nanoseconds, None) if self._mode == "notable" else None
        self._exemplar(semconv.SEND_DURATION, watched, nanoseconds, known)

    def send_failed(self, watched: Watched, nanoseconds: int, error: BaseException) -> None:
        """Tell of a send to a client that is still there, and that raised."""
        if self._mode == "notable" and not watched.ignored and _is_failure(watched, error):
            self._tell(watched, "transmit", nanoseconds, error)

    def _tell(
        self, watched: Watched, direction: Direction, nanoseconds: int, error: BaseException | None
    ) -> SpanContext | None:
        if not watched.traced:
            return None
        if not self._notable.take():
            self._suppressed += 1
            return None
        more = {semconv.MESSAGES_SUPPRESSED.name: self._suppressed} if self._suppressed else {}
        self._suppressed = 0
        now = self._telemetry.clock.wall()
        span = self._spans.message(
            watched, _handshake(watched), direction=direction, attributes=more, start_wall=now - nanoseconds
        )
        if error is not None:
            fail(span, error_type(error))
        span.end(now)
        context = span.get_span_context()
        return context if context.trace_flags.sampled else None

    def _exemplar(self, metric: semconv.Metric, watched: Watched, value_ns: int, known: SpanContext | None) -> None:
        """Give a histogram an example, which leads to the message's span, else to its connection's."""
        now = self._telemetry.clock.wall()
        self._telemetry.accumulators.exemplar(metric, watched.where, value_ns, now, known or _handshake(watched))

    # Messages that are looked at from their beginning ----------------

    @harmless
    def received(self, watched: Watched, message: Mapping[str, Any]) -> Context | None:
        """Begin the span of a received message, if it has one; give the context that its handling belongs into."""
        watched.message_context = None
        if message.get("type") != "websocket.receive" or watched.ignored or watched.state is not OPEN:
            return None
        carried = self._carrier.context_of(message) if self._carrier is not None else None
        if carried is None and not (self.all and watched.traced):
            return None
        span = self._begin(watched, "receive", message, carried)
        if span.is_recording():
            watched.message_span, watched.message_context = span, span.get_span_context()
        return trace.set_span_in_context(span, carried)

    @harmless
    def done(self, watched: Watched, error: BaseException | None = None) -> None:
        """End the span of the message in hand."""
        if (span := watched.message_span) is not None:
            watched.message_span = None
            if error is not None:
                fail(span, error_type(error))
            span.end(self._telemetry.clock.wall())

    @harmless
    def sending(self, watched: Watched, message: Mapping[str, Any]) -> Span | None:
        """Begin the span of a message that is about to be sent, if it has one.

        It is a child where the application traces something that is not the connection itself: a message that it
        answers, or what it sends for.
        """
        if message.get("type") != "websocket.send" or watched.ignored or watched.state is not OPEN:
            return None
        if not watched.traced:
            return None
        current = trace.get_current_span().get_span_context()
        own = (handshake := _handshake(watched)) is not None and current.trace_id == handshake.trace_id
        parent = otel_context.get_current() if current.is_valid and not own else None
        return self._begin(watched, "transmit", message, parent)

    @harmless
    def sent(self, watched: Watched, span: Span, error: BaseException | None = None) -> None:
        """End the span of a message that was sent, or was not."""
        if error is not None and _is_failure(watched, error):
            fail(span, error_type(error))
        span.end(self._telemetry.clock.wall())

    def cut(self, watched: Watched) -> None:
        """End the span of a message that is handled longer than a segment may be.

        What has been traced under it would be without a parent for as long as the connection lasts.
        """
        if watched.message_span is None or not watched.handling_since:
            return
        if self._telemetry.clock.monotonic() - watched.handling_since > self._longest_ns:
            self.done(watched)
            watched.message_context = None  # should it fail later, or when it ends, that is told anew

    def _begin(
        self, watched: Watched, direction: Direction, message: Mapping[str, Any], parent: Context | None
    ) -> Span:
        size, binary = _payload(message)
        attributes = {
            semconv.MESSAGE_TYPE.name: "binary" if binary else "text",
            semconv.MESSAGE_BYTES.name: size,
        }
        return self._spans.message(
            watched,
            _handshake(watched),
            direction=direction,
            attributes=attributes,
            start_wall=self._telemetry.clock.wall(),
            parent=parent,
        )


def _is_failure(watched: Watched, error: BaseException) -> bool:
    return isinstance(error, Exception) and watched.state is OPEN and not watched.is_departure(error)


def _handshake(watched: Watched) -> SpanContext | None:
    """Give what the handshake's span is known by, where it is recorded."""
    return trace.get_current_span(watched.context).get_span_context() if watched.traced else None


def _payload(message: Mapping[str, Any]) -> tuple[int, bool]:
    """Give the bytes of a message and whether it is binary; what is neither is between application and server."""
    data, text = message.get("bytes"), message.get("text")
    if data is not None:
        return len(data) if isinstance(data, bytes | bytearray | memoryview) else 0, True
    return len(text.encode("utf-8", "surrogatepass")) if isinstance(text, str) else 0, False
