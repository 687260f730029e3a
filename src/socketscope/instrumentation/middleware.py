"""The ASGI middleware: awaits, forwards and reports, and changes nothing that passes."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from socketscope.instrumentation import current
from socketscope.instrumentation.asgi import ASGIApp, Message, Receive, Scope, Send
from socketscope.instrumentation.connection import ENDED, OPEN, State
from socketscope.instrumentation.each_message import each_message
from socketscope.instrumentation.meter import metered
from socketscope.instrumentation.native import FrameworkTraces
from socketscope.instrumentation.options import MessageCarrier, Options
from socketscope.instrumentation.own import own_reporter
from socketscope.instrumentation.reporter import Reporter
from socketscope.instrumentation.segments import Segments, segment_seconds, segments_of
from socketscope.instrumentation.watched import Watched
from socketscope.telemetry.flush import flush_in_thread

_logger = logging.getLogger(__name__)

SCOPE_KEY = "socketscope"
"""Key of the scope that marks a connection as watched: two layers of instrumentation must not count it twice."""


class WebSocketMiddleware:
    """Watches every WebSocket connection of `app`; HTTP and lifespan pass through, telemetry is flushed at shutdown.

    `options` default to the `SOCKETSCOPE_*` variables; `message_carrier` is theirs too, and can be given by itself.
    Raises `ConfigurationError` for one that can't be used.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        options: Options | None = None,
        message_carrier: MessageCarrier | None = None,
        reporter: Reporter | None = None,
    ) -> None:
        self.app = app
        self.reporter = reporter or own_reporter(options, message_carrier=message_carrier)
        self._framework_traces = FrameworkTraces(app)
        self.flushed = False
        """Whether the telemetry was flushed at the end of the lifespan."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, self._flush_before_the_end(send))
            return
        watched = None
        if kind == "websocket" and SCOPE_KEY not in scope:
            watched = self.reporter.begin(scope, framework_traces=self._framework_traces)
        if watched is None:
            await self.app(scope, receive, send)
            return
        scope[SCOPE_KEY] = watched.id
        watching = _Watching(self.reporter, watched, receive)
        try:
            await self.app(scope, *watching.callables(send))
        except GeneratorExit:
            watching.closed()
            raise
        except BaseException as error:
            watching.failed(error)
            watching.end(error)
            raise
        else:
            watching.end(None)
        finally:
            watching.leave()

    def _flush_before_the_end(self, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            # uvicorn dies by the signal once this is sent: nothing that runs at exit would run.
            if message["type"] in {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
                self.reporter.tell_suppressed()
                await flush_in_thread()
                self.flushed = True
            await send(message)

        return wrapped


def _is_cancelled_by_nobody() -> bool:
    """Whether the running task was not cancelled; False where that is not known, under another event loop library."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and not task.cancelling()


class _Watching:
    """Hands what happens on a connection to the reporter, and ends a segment of its trace from time to time."""

    __slots__ = ("_inner_receive", "_outer", "_reporter", "_segments", "_watched", "due")

    def __init__(self, reporter: Reporter, watched: Watched, inner_receive: Receive) -> None:
        self._reporter = reporter
        self._watched = watched
        self._inner_receive = inner_receive
        self._segments: Segments | None = None
        self.due = 0.0
        # Not the token of `attach`, which takes memory of its own.
        self._outer: Context | None = None
        if watched.context is not None:
            self._outer = otel_context.get_current()
            otel_context.attach(watched.context)
        current.enter(reporter, watched)

    def callables(self, inner_send: Send) -> tuple[Receive, Send]:
        reporter, watched = self._reporter, self._watched
        receive, send = metered(watched, self._inner_receive, inner_send, reporter.telemetry.clock.monotonic, self)
        watched.send, watched.server_send = send, inner_send
        if reporter.messages.looked_at:
            return each_message(reporter.messages, watched, receive, send)
        return receive, send

    def changed(self, state: State) -> None:
        watched = self._watched
        context = watched.context
        self._reporter.changed(watched, state)
        if context is not watched.context and watched.context is not None and otel_context.get_current() is context:
            otel_context.attach(watched.context)  # the span that has ended need not be kept; `leave` undoes it all
        if state is OPEN and watched.told:
            self._begin_segments()

    def handled(self, nanoseconds: int) -> None:
        self._reporter.handled(self._watched, nanoseconds)

    def waited(self, nanoseconds: int) -> None:
        self._reporter.waited(self._watched, nanoseconds)

    def send_failed(self, message: Message, nanoseconds: int, error: Exception) -> None:
        if message.get("type") == "websocket.send":
            self._reporter.send_failed(self._watched, nanoseconds, error)

    def failed(self, error: BaseException) -> None:
        """Note that the application raised `error`."""
        if _is_cancelled_by_nobody():
            self._watched.cancels_itself()
        self._reporter.raised(self._watched, error, handling=True)

    def end(self, error: BaseException | None) -> None:
        """Note that the application returned, or raised `error`."""
        watched, telemetry = self._watched, self._reporter.telemetry
        if watched.handling_since or watched.message_span is not None:
            self._reporter.handling_ends(watched)
        if watched.state is not ENDED:
            self._finish(error, telemetry.clock.monotonic())
        else:
            telemetry.accumulators.fold(watched)  # the end was told before; what came after it
        watched.scope, watched.send, watched.server_send = {}, None, None

    def closed(self) -> None:
        """Note that the coroutine was closed: its server has given it up, or nobody refers to it any more.

        In that case the garbage collector runs it, in the middle of anything, such as counting another connection.
        """
        if self._is_here():
            self.end(GeneratorExit())
        else:
            self._reporter.telemetry.later.append(functools.partial(self.end, GeneratorExit()))

    def _is_here(self) -> bool:
        """Whether this runs in the connection's own task, or in one that it started."""
        here = current.watched()
        return here is not None and here[1] is self._watched

    def _finish(self, error: BaseException | None, now: int) -> None:
        watched = self._watched
        looked_away = watched.link_failed or error is None or isinstance(error, asyncio.CancelledError)
        if looked_away and watched.state is OPEN:
            _read_departure(watched, self._inner_receive, now, self._reporter)
        if (state := watched.finished(error, now)) is not None:
            self._reporter.changed(watched, state)

    def leave(self) -> None:
        """Give the task back as it was."""
        if self._segments is not None:
            self._segments.discard(self)
        if not self._is_here():
            return  # the garbage collector runs in whatever task there is
        current.leave()
        if self._outer is not None:
            otel_context.attach(self._outer)

    def end_segment(self) -> None:
        """End the running segment of the connection's trace, and set when the next one is due."""
        self._reporter.segment(self._watched)
        self._set_due(asyncio.get_running_loop())

    def _begin_segments(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # another event loop library: the connection is one segment
            return
        self._segments = segments_of(loop)
        self._set_due(loop)
        self._segments.add(self)

    def _set_due(self, loop: asyncio.AbstractEventLoop) -> None:
        self.due = loop.time() + min(segment_seconds(self._watched.segment_index), self._reporter.options.segment)


def _read_departure(watched: Watched, receive: Receive, now: int, reporter: Reporter) -> None:
    """Read how the client left, where the application ended without an error of its own and did not look.

    The application is done, so no message is taken from it. Only what the server has ready is read: each `receive()`
    is stepped once and dropped if it would wait.
    """
    for _ in range(64):  # messages that the client sent before it left, and nobody reads any more
        step = receive().__await__()
        try:
            step.send(None)
        except StopIteration as done:
            if done.value.get("type") == "websocket.disconnect":
                if (state := watched.received(done.value, now)) is not None:
                    reporter.changed(watched, state)
                return
        except (Exception, asyncio.CancelledError):  # nobody cancels the task while it steps
            _logger.debug("the server tells nothing more of %s", watched.id, exc_info=True)
            return
        else:
            with contextlib.suppress(AttributeError):  # granian's is no generator
                step.close()
            return
