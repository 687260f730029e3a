"""Turns what happened on a connection into telemetry: live table, counts, spans and events.

Nothing here may disturb the application that is watched: an error of ours is logged (once a minute; at DEBUG each) and
swallowed.
"""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span

from socketscope import semconv
from socketscope.instrumentation.connection import HANDSHAKE, OPEN, REFUSED, State
from socketscope.instrumentation.harmless import harmless
from socketscope.instrumentation.identity import UserHash, clean, raw_header, truncated_address, user_agent
from socketscope.instrumentation.messages import Messages
from socketscope.instrumentation.native import native_span
from socketscope.instrumentation.options import Options
from socketscope.instrumentation.route import route_of
from socketscope.instrumentation.watched import Watched
from socketscope.telemetry.connections import Where
from socketscope.telemetry.events import Events, RateLimit
from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.record import error_type, identity_attributes, life_attributes
from socketscope.telemetry.sdk_present import Awaited
from socketscope.telemetry.spans import Spans, begun_after, enrich

_logger = logging.getLogger(__name__)


class Reporter:
    """Reports the connections of one process to `telemetry` and to the OpenTelemetry API."""

    def __init__(self, telemetry: Telemetry, options: Options, *, providers: Mapping[str, Any] | None = None) -> None:
        self.telemetry = telemetry
        self.failures = 0
        self.complaints = RateLimit(time.monotonic_ns, per_second=1 / 60, burst=1)
        self.configure(options, providers or {})

    def configure(self, options: Options, providers: Mapping[str, Any]) -> None:
        """Report from now on with these options, to these providers or the global ones."""
        self.options = options
        self._user_hash = UserHash(options.user_key)
        self._spans = spans = Spans(providers.get("tracer_provider"))
        self._events = events = Events(
            self.telemetry.clock.monotonic,
            user_key_id=self._user_hash.key_id,
            with_user_id=options.user_id,
            provider=providers.get("logger_provider"),
        )
        self.messages = Messages(self.telemetry, options, spans, self.failed)
        self._tells = Awaited(lambda: spans.on or events.on)

    def failed(self) -> None:
        """Count an error of ours that is being handled, and log it unless there are many."""
        self.failures += 1
        level = logging.ERROR if self.complaints.take() else logging.DEBUG
        message = "socketscope could not report a connection (%d such errors so far)"
        _logger.log(level, message, self.failures, exc_info=True)

    def begin(self, scope: MutableMapping[str, Any], *, framework_traces: Callable[[], bool] = bool) -> Watched | None:
        """Start to watch a connection whose handshake has just come in; None: it is not to be watched.

        Where the framework will open a span of its own (`framework_traces()`), ours waits for it.
        """
        telemetry, excluded = self.telemetry, self.options.excluded_urls
        if not telemetry.on or (excluded is not None and excluded.search(scope.get("path", ""))):
            return None
        if telemetry.later:
            telemetry.catch_up()
        try:
            watched = Watched(scope, telemetry.clock.monotonic(), telemetry.clock.wall())
            if (native := native_span(scope)) is not None:
                self._step_under(watched, native)
            elif self._tells() and not framework_traces():
                self._start_span(watched)
        except Exception:
            self.failed()
            return None
        return watched

    def changed(self, watched: Watched, state: State) -> None:
        """Report that a connection has come to a state."""
        if _is_ignored(watched):
            return
        try:
            if state is OPEN:
                self._accepted(watched)
            elif state is REFUSED:
                self._refused(watched)
            else:
                self._ended(watched)
        except Exception:
            self.failed()

    @harmless
    def raised(self, watched: Watched, error: BaseException, *, handling: bool = False) -> None:
        """Report an exception of the handler, unless it only says that the client is gone.

        `handling`: with it ended the handling of the message in hand.
        """
        if _is_ignored(watched) or watched.is_departure(error):
            return
        if watched.state is HANDSHAKE:
            self._locate(watched, accepted=False)
            self._describe(watched)
        watched.errors += 1
        self.telemetry.accumulators.error(watched.where, error_type(error), watched.phase_of(error))
        self._events.error(watched.context, watched, error, wall=self.telemetry.clock.wall())
        if handling:
            self.handling_ends(watched, error)

    @harmless
    def cut(self, watched: Watched, code: int, reason: str) -> None:
        """Report that the server drops a connection without a close frame, and why."""
        if (state := watched.cut(code, reason, self.telemetry.clock.monotonic())) is not None:
            self.changed(watched, state)

    @harmless
    def answered(self, watched: Watched, error: BaseException) -> None:
        """Report an exception of the handler that its framework answers itself, by a close or a response."""
        if not watched.is_departure(error):
            self.raised(watched, error, handling=True)
            watched.failed_inside(error)

    @harmless
    def packet(self, kind: int, direction: str) -> None:
        """Count a packet of engine.io, which numbers its types."""
        self.telemetry.accumulators.packet(kind, direction)

    @harmless
    def end_all(self) -> None:
        """End the connections that are still open: the process ends, and their handlers are not told."""
        for record in self.telemetry.live.records():
            if isinstance(record, Watched):
                self.handling_ends(record)
                state = record.finished(CancelledError(), self.telemetry.clock.monotonic())
                if state is not None:
                    self.changed(record, state)
        self.tell_suppressed()

    @harmless
    def tell_suppressed(self) -> None:
        """Tell what was counted and not recorded, before the process ends."""
        self._events.tell_suppressed(wall=self.telemetry.clock.wall())

    @harmless
    def segment(self, watched: Watched) -> None:
        """End the running segment of an open connection and begin the next."""
        if watched.ignored or watched.state is not OPEN:
            return
        now = self.telemetry.clock.wall()
        who = identity_attributes(watched)
        if watched.traced:
            self._spans.segment(watched.context, watched, who, end_wall=now)
        watched.begin_segment(now)
        self.messages.cut(watched)
        self._events.progress(watched.context, watched, who, life_attributes(watched), wall=now)

    @harmless
    def handled(self, watched: Watched, nanoseconds: int) -> None:
        """Note a handling that is the longest of its segment, or slow."""
        watched.handling_max = max(watched.handling_max, nanoseconds)
        watched.handling_notable = min(watched.handling_max, self.messages.slow_ns)
        self.messages.handled(watched, nanoseconds)

    @harmless
    def handling_ends(self, watched: Watched, error: BaseException | None = None) -> None:
        """Note that the message in hand, if there is one, is handled no further: no other is asked for."""
        self.messages.done(watched, error)
        if watched.handling_since and not _is_ignored(watched):
            self.messages.handled(watched, watched.handled(self.telemetry.clock.monotonic()), error)

    @harmless
    def waited(self, watched: Watched, nanoseconds: int) -> None:
        """Note a send that had to wait."""
        watched.waited(nanoseconds)
        self.messages.waited(watched, nanoseconds)

    @harmless
    def send_failed(self, watched: Watched, nanoseconds: int, error: BaseException) -> None:
        """Note a send of a message that raised."""
        self.messages.send_failed(watched, nanoseconds, error)

    @harmless
    def identify(self, watched: Watched, user: object) -> None:
        """Note the user of a connection; None: nobody is known."""
        watched.user = clean(user) if user is not None else None
        watched.user_hash = self._user_hash(watched.user) if watched.user else None

    @harmless
    def join(self, watched: Watched, channel: object, *, counts_itself: bool = False) -> None:
        """Count a connection into a channel.

        Every message of the connection counts as one of the channel, unless the channel `counts_itself`, as those of
        the hub do: it knows which messages are its own.
        """
        channel = clean(channel)
        if watched.ignored or channel in watched.channels:
            return
        traffic = self.telemetry.accumulators.channel(channel)
        name = traffic.name
        self._settle(watched)
        # Two names beyond the limit share `_other`; its messages are still counted once a connection.
        if not counts_itself and name not in {cells.name for cells in watched.channel_traffic}:
            watched.channel_traffic = (*watched.channel_traffic, traffic)
        watched.channels[name if name == channel else channel] = name  # one string for all connections
        if watched.state is OPEN:
            self.telemetry.accumulators.subscribed(name, 1)

    @harmless
    def leave(self, watched: Watched, channel: object) -> None:
        """Count a connection out of a channel."""
        channel = clean(channel)
        name = watched.channels.pop(channel, None)
        if name is None:
            return
        watched.leave(channel)
        self._settle(watched)
        if name not in watched.channels.values():
            watched.channel_traffic = tuple(cells for cells in watched.channel_traffic if cells.name != name)
        if watched.state is OPEN:
            self.telemetry.accumulators.subscribed(name, -1)

    def _settle(self, watched: Watched) -> None:
        # What was before a change of channels belongs to the channels that the connection was in.
        if watched.outcome == "accepted":
            self.telemetry.accumulators.fold(watched)

    def _locate(self, watched: Watched, *, accepted: bool) -> None:
        scope = watched.scope
        watched.route = route_of(scope, watched.entry_path, watched.entry_root_path, accepted=accepted)
        server = scope.get("server")
        watched.where = self.telemetry.accumulators.where(watched.route, server[1] if server else None)
        watched.route = watched.where[0]
        if watched.server_span is None and (native := native_span(scope)) is not None:
            self._step_under(watched, native)

    def _describe(self, watched: Watched) -> None:
        # Nobody sees these on metrics.
        client, agent = watched.scope.get("client"), raw_header(watched.scope, b"user-agent")
        watched.client_address = truncated_address(client[0]) if client else None
        watched.user_agent = user_agent(agent) if agent else None

    def _hear_pings(self, where: Where, wire: Any) -> None:
        ping = self.telemetry.accumulators.ping
        wire.on_pong = lambda seconds: ping(where, round(seconds * 1e9))

    def _start_span(self, watched: Watched) -> None:
        # Even where no spans are made: events stand in the trace that the client is in.
        self._trace(watched, self._spans.handshake(watched.scope.get("headers", ()), watched.started_wall))

    def _step_under(self, watched: Watched, native: Span) -> None:
        # A second SERVER span would count the request twice.
        watched.server_span = native
        watched.started_wall = begun_after(native, watched.started_wall)
        self._trace(watched, self._spans.handshake_under(native, watched.started_wall))

    def _trace(self, watched: Watched, span: Span) -> None:
        watched.handshake_span = span
        watched.traced = span.is_recording()
        watched.context = trace.set_span_in_context(span)

    def _let_go(self, watched: Watched, ended: Span) -> None:
        # An SDK's span takes four kilobytes, and this one has ended. What it is known by is all that is needed.
        watched.handshake_span = None
        watched.context = trace.set_span_in_context(NonRecordingSpan(ended.get_span_context()))

    def _accepted(self, watched: Watched) -> None:
        telemetry = self.telemetry
        watched.accepted_wall = telemetry.clock.wall()
        self._locate(watched, accepted=True)
        watched.count_into(telemetry.accumulators.traffic(watched.where))
        watched.segment_wall = watched.accepted_wall
        if (wire := (watched.scope.get("extensions") or {}).get(semconv.WIRE_KEY)) is not None:
            self._hear_pings(watched.where, wire)
        if self._tells():
            watched.told = True
            if watched.handshake_span is None:  # the framework was expected to have one, and has not
                self._start_span(watched)
        if watched.told or telemetry.ring is not None:
            self._describe(watched)
        telemetry.opened(watched)
        options = self.options
        if options.user_from is not None and watched.user is None:
            self.identify(watched, options.user_from.read(watched.scope))
        if options.channel_from is not None and (channel := options.channel_from.read(watched.scope)):
            self.join(watched, channel)
        who = identity_attributes(watched) if watched.told or watched.handshake_span is not None else {}
        if watched.handshake_span is not None:
            self._spans.answered(
                watched.handshake_span, watched, who, outcome=watched.outcome, end_wall=watched.accepted_wall
            )
            self._let_go(watched, watched.handshake_span)
        if watched.server_span is not None:
            enrich(watched.server_span, {semconv.CONNECTION_ID.name: watched.id})
        if watched.told:
            self._events.opened(watched.context, watched, who)

    def _refused(self, watched: Watched) -> None:
        self._locate(watched, accepted=False)
        self._describe(watched)
        self.telemetry.refused(watched, outcome=watched.outcome, nanoseconds=watched.ended_at - watched.started_at)
        if watched.handshake_span is not None:
            self._spans.answered(
                watched.handshake_span,
                watched,
                identity_attributes(watched),
                outcome=watched.outcome,
                end_wall=self.telemetry.clock.wall(),
                error=watched.error_type,
            )

    def _ended(self, watched: Watched) -> None:
        now = self.telemetry.clock.wall()
        duration = (watched.ended_at - watched.accepted_at) / 1e9
        self.telemetry.ended(watched, now_wall=now, duration=duration)
        if not watched.told and not watched.traced and watched.server_span is None:
            return
        who, life = identity_attributes(watched), life_attributes(watched)
        if watched.traced:
            self._spans.segment(watched.context, watched, who, end_wall=now, life=life)
        if watched.server_span is not None:
            enrich(watched.server_span, life)
        if watched.told:
            self._events.closed(watched.context, watched, who, life, wall=now, duration=duration)


def _is_ignored(watched: Watched) -> bool:
    """Whether nothing is to be told of a connection: its endpoint may say so until it accepts."""
    if watched.scope.get(semconv.IGNORE_KEY):
        watched.ignored = True
    return watched.ignored
