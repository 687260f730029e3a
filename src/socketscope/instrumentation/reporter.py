"""Turns what happened on a connection into telemetry: live table, counts, spans and events.

Nothing here may disturb the application that is watched: an error of ours is logged (once a minute; at DEBUG each) and
swallowed.
"""

from __future__ import annotations

import functools
import logging
import time
from asyncio import CancelledError
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Concatenate, ParamSpec, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span
from typing_extensions import override

from socketscope import semconv
from socketscope.instrumentation.connection import Connection, State, Transition
from socketscope.instrumentation.identity import (
    UserHash,
    clean,
    connection_id,
    raw_header,
    truncated_address,
    user_agent,
)
from socketscope.instrumentation.native import native_span
from socketscope.instrumentation.options import Options
from socketscope.instrumentation.route import route_of
from socketscope.telemetry.events import Events, RateLimit
from socketscope.telemetry.process import Telemetry
from socketscope.telemetry.record import REMEMBERED, error_type, life_attributes
from socketscope.telemetry.sdk_present import Awaited
from socketscope.telemetry.spans import Spans, enrich

_logger = logging.getLogger(__name__)

CLOSE_FRAME_KEY = "socketscope.close_frame"
"""Key of the scope under which a hook of the server leaves `code` and `reason` of the client's close frame, where the
server does not tell them to the application."""

P = ParamSpec("P")
R = TypeVar("R")


def _harmless(
    method: Callable[Concatenate[Reporter, P], R],
) -> Callable[Concatenate[Reporter, P], R | None]:
    def guarded(reporter: Reporter, /, *args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return method(reporter, *args, **kwargs)
        except Exception:
            reporter.failed()
            return None

    return functools.wraps(method)(guarded)


class Watched(Connection):
    """A connection with the spans that belong to it."""

    __slots__ = (
        "context",
        "entry_path",
        "entry_root_path",
        "handshake_span",
        "ignored",
        "scope",
        "server_span",
        "told",
        "traced",
    )

    def __init__(self, scope: MutableMapping[str, Any], started_at: int, started_wall: int) -> None:
        super().__init__(connection_id(), started_at, started_wall)
        self.scope: MutableMapping[str, Any] = scope
        # Taken at entry: frameworks change these in place, and what a mount adds belongs to the route.
        self.entry_root_path: str = scope.get("root_path", "")
        self.entry_path: str = scope.get("path", "")
        self.ignored = False
        self.handshake_span: Span | None = None
        self.traced = False
        """Whether the handshake's span is recorded, and so those of the segments: it is decided once."""
        self.told = False
        """Whether somebody takes the spans or the events of this connection."""
        self.server_span: Span | None = None
        """The span of the framework's own telemetry, where it has one open for the whole connection."""
        self.context: Context | None = None
        """Context with the handshake span: the parent of segments, the correlation of events. None: the current one."""

    @override
    def _disconnected(self, message: Mapping[str, Any], now: int) -> Transition | None:
        frame = self.scope.get(CLOSE_FRAME_KEY)
        return super()._disconnected(message if frame is None else {**message, **frame}, now)


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
        self._tells = Awaited(lambda: spans.on or events.on)

    def failed(self) -> None:
        """Count an error of ours that is being handled, and log it unless there are many."""
        self.failures += 1
        level = logging.ERROR if self.complaints.take() else logging.DEBUG
        message = "socketscope could not report a connection (%d such errors so far)"
        _logger.log(level, message, self.failures, exc_info=True)

    def begin(self, scope: MutableMapping[str, Any], *, framework_traces: bool = False) -> Watched | None:
        """Start to watch a connection whose handshake has just come in; None: it is not to be watched.

        Where the framework will open a span of its own (`framework_traces`), ours waits for it.
        """
        telemetry, excluded = self.telemetry, self.options.excluded_urls
        if not telemetry.on or (excluded is not None and excluded.search(scope.get("path", ""))):
            return None
        try:
            watched = Watched(scope, telemetry.clock.monotonic(), telemetry.clock.wall())
            if (native := native_span(scope)) is not None:
                self._step_under(watched, native)
            elif not framework_traces and self._tells():
                self._start_span(watched)
        except Exception:
            self.failed()
            return None
        return watched

    def changed(self, watched: Watched, transition: Transition) -> None:
        """Report a transition of the state machine."""
        if semconv.IGNORE_KEY in watched.scope:
            watched.ignored = watched.ignored or bool(watched.scope[semconv.IGNORE_KEY])
        if watched.ignored:
            return
        try:
            if transition is Transition.ACCEPTED:
                self._accepted(watched)
            elif transition is Transition.REFUSED:
                self._refused(watched)
            else:
                self._ended(watched)
        except Exception:
            self.failed()

    @_harmless
    def raised(self, watched: Watched, error: BaseException) -> None:
        """Report an exception of the handler, unless it only says that the client is gone."""
        if watched.ignored or watched.is_departure(error):
            return
        if watched.state is State.HANDSHAKE:
            self._locate(watched, accepted=False)
            self._describe(watched)
        watched.errors += 1
        self.telemetry.accumulators.error(watched.where, error_type(error), watched.phase_of(error))
        self._events.error(watched.context, watched, error, wall=self.telemetry.clock.wall())

    @_harmless
    def cut(self, watched: Watched, code: int, reason: str) -> None:
        """Report that the server drops a connection without a close frame, and why."""
        if (transition := watched.cut(code, reason, self.telemetry.clock.monotonic())) is not None:
            self.changed(watched, transition)

    @_harmless
    def answered(self, watched: Watched, error: BaseException) -> None:
        """Report an exception of the handler that its framework answers itself, by a close or a response."""
        if not watched.is_departure(error):
            self.raised(watched, error)
            watched.failed_inside(error)

    @_harmless
    def packet(self, kind: int, direction: str) -> None:
        """Count a packet of engine.io, which numbers its types."""
        self.telemetry.accumulators.packet(kind, direction)

    @_harmless
    def end_all(self) -> None:
        """End the connections that are still open: the process ends, and their handlers are not told."""
        for record in self.telemetry.live.records():
            if isinstance(record, Watched):
                transition = record.finished(CancelledError(), self.telemetry.clock.monotonic())
                if transition is not None:
                    self.changed(record, transition)

    @_harmless
    def segment(self, watched: Watched) -> None:
        """End the running segment of an open connection and begin the next."""
        if watched.ignored or watched.state is not State.OPEN:
            return
        now = self.telemetry.clock.wall()
        if watched.traced:
            self._spans.segment(watched.context, watched, end_wall=now, last=False)
        watched.begin_segment(now)
        self._events.progress(watched.context, watched, wall=now)

    @_harmless
    def handled(self, watched: Watched, nanoseconds: int) -> None:
        """Note a handling that is the longest of its segment, or slow."""
        watched.handling_max = max(watched.handling_max, nanoseconds)
        watched.handling_notable = watched.handling_max

    @_harmless
    def identify(self, watched: Watched, user: object) -> None:
        """Note the user of a connection; None: nobody is known."""
        watched.user = clean(user) if user is not None else None
        watched.user_hash = self._user_hash(watched.user) if watched.user else None

    @_harmless
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
        watched.channels[channel] = name
        if len(watched.been_in) < REMEMBERED:
            watched.been_in[channel] = None
        if watched.state is State.OPEN:
            self.telemetry.accumulators.subscribed(name, 1)

    @_harmless
    def leave(self, watched: Watched, channel: object) -> None:
        """Count a connection out of a channel."""
        name = watched.channels.pop(clean(channel), None)
        if name is None:
            return
        self._settle(watched)
        if name not in watched.channels.values():
            watched.channel_traffic = tuple(cells for cells in watched.channel_traffic if cells.name != name)
        if watched.state is State.OPEN:
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

    def _start_span(self, watched: Watched) -> None:
        # Even where no spans are made: events stand in the trace that the client is in.
        self._trace(watched, self._spans.handshake(watched.scope.get("headers", ()), watched.started_wall))

    def _step_under(self, watched: Watched, native: Span) -> None:
        # A second SERVER span would count the request twice.
        watched.server_span = native
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
        watched.segment.start_wall = watched.accepted_wall
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
        telemetry.accumulators.handshake(
            watched.where, "accepted", watched.status, watched.accepted_at - watched.started_at
        )
        if watched.handshake_span is not None:
            self._spans.answered(
                watched.handshake_span, watched, outcome=watched.outcome, end_wall=watched.accepted_wall
            )
            self._let_go(watched, watched.handshake_span)
        if watched.server_span is not None:
            enrich(watched.server_span, {semconv.CONNECTION_ID.name: watched.id})
        if watched.told:
            self._events.opened(watched.context, watched)

    def _refused(self, watched: Watched) -> None:
        self._locate(watched, accepted=False)
        self._describe(watched)
        self.telemetry.accumulators.handshake(
            watched.where, watched.outcome, watched.status, watched.ended_at - watched.started_at
        )
        if watched.handshake_span is not None:
            self._spans.answered(
                watched.handshake_span,
                watched,
                outcome=watched.outcome,
                end_wall=self.telemetry.clock.wall(),
                error=watched.error_type,
            )

    def _ended(self, watched: Watched) -> None:
        now = self.telemetry.clock.wall()
        duration = (watched.ended_at - watched.accepted_at) / 1e9
        self.telemetry.ended(watched, now_wall=now, duration=duration)
        if watched.traced:
            self._spans.segment(watched.context, watched, end_wall=now, last=True)
        if watched.server_span is not None:
            enrich(watched.server_span, life_attributes(watched))
        if watched.told:
            self._events.closed(watched.context, watched, wall=now, duration=duration)
