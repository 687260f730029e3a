"""The ASGI middleware: awaits, forwards and reports, and changes nothing that passes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from opentelemetry import context as otel_context

from socketscope.instrumentation import current
from socketscope.instrumentation.connection import State
from socketscope.instrumentation.native import framework_traces
from socketscope.instrumentation.options import Options
from socketscope.instrumentation.own import own_reporter
from socketscope.instrumentation.reporter import Reporter, Watched
from socketscope.telemetry.flush import flush_in_thread

_logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

SCOPE_KEY = "socketscope"
"""Key of the scope that marks a connection as watched: two layers of instrumentation must not count it twice."""


class WebSocketMiddleware:
    """Watches every WebSocket connection of `app`; HTTP and lifespan pass through, telemetry is flushed at shutdown.

    `options` default to the `SOCKETSCOPE_*` variables. Raises `ConfigurationError` for one that can't be used.
    """

    def __init__(self, app: ASGIApp, *, options: Options | None = None, reporter: Reporter | None = None) -> None:
        self.app = app
        self.reporter = reporter or own_reporter(options)
        self.flushed = False
        """Whether the telemetry was flushed at the end of the lifespan."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application."""
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, self._flush_before_the_end(send))
        elif kind == "websocket" and SCOPE_KEY not in scope and (watched := self._begin(scope)) is not None:
            scope[SCOPE_KEY] = watched.id
            await self._watch(watched, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _begin(self, scope: Scope) -> Watched | None:
        return self.reporter.begin(scope, framework_traces=framework_traces(self.app))

    def _flush_before_the_end(self, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            # uvicorn dies by the signal once this is sent: nothing that runs at exit would run.
            if message["type"] in {"lifespan.shutdown.complete", "lifespan.shutdown.failed"}:
                await flush_in_thread()
                self.flushed = True
            await send(message)

        return wrapped

    async def _watch(self, watched: Watched, scope: Scope, inner_receive: Receive, inner_send: Send) -> None:
        reporter = self.reporter
        segments = _Segments(reporter, watched)
        receive = _receiving(reporter, watched, inner_receive)
        send = _sending(reporter, watched, inner_send, segments)
        watched.sends = (send, inner_send)
        token = otel_context.attach(watched.context)
        current.enter(reporter, watched)
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            self._raised(watched, error)
            self._finish(watched, error, inner_receive)
            raise
        else:
            self._finish(watched, None, inner_receive)
        finally:
            segments.stop()
            current.leave()
            otel_context.detach(token)

    def _raised(self, watched: Watched, error: BaseException) -> None:
        if _is_cancelled_by_nobody():
            watched.cancels_itself()
        self.reporter.raised(watched, error)

    def _finish(self, watched: Watched, error: BaseException | None, receive: Receive) -> None:
        now = self.reporter.telemetry.clock.monotonic()
        looked_away = watched.link_failed or error is None or isinstance(error, asyncio.CancelledError)
        if looked_away and watched.state is State.OPEN:
            _read_departure(watched, receive, now, self.reporter)
        if (transition := watched.finished(error, now)) is not None:
            self.reporter.changed(watched, transition)
        watched.scope, watched.sends = {}, None


def _is_cancelled_by_nobody() -> bool:
    """Whether the running task was not cancelled; False where that is not known, under another event loop library."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False
    return task is not None and not task.cancelling()


def _receiving(reporter: Reporter, watched: Watched, inner: Receive) -> Receive:
    now = reporter.telemetry.clock.monotonic

    async def receive() -> Message:
        # Applications race this call and cancel it: nothing is kept across the await.
        watched.asks(now())
        try:
            message = await inner()
        except Exception as error:
            watched.receive_failed(error)
            raise
        if (transition := watched.received(message, now())) is not None:
            reporter.changed(watched, transition)
        return message

    return receive


def _sending(reporter: Reporter, watched: Watched, inner: Send, segments: _Segments) -> Send:
    now = reporter.telemetry.clock.monotonic

    async def send(message: Message) -> None:
        started = now()
        try:
            await inner(message)
        except Exception as error:
            watched.send_failed(message, error)
            raise
        if (transition := watched.sent(message, started, now())) is not None:
            reporter.changed(watched, transition)
            if watched.state is State.OPEN:
                segments.start()

    return send


FIRST_SEGMENT = 10.0
"""Seconds of a connection's first segment. Each next one is twice as long, up to `options.segment`: what a young
connection does is to be seen soon, and an old one costs little."""


class _Segments:
    """Ends a segment of the connection's trace from time to time while the connection is open."""

    def __init__(self, reporter: Reporter, watched: Watched) -> None:
        self._reporter = reporter
        self._watched = watched
        self._timer: asyncio.TimerHandle | None = None
        self._length = FIRST_SEGMENT

    def start(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # another event loop library: the connection is one segment
            return
        self._timer = loop.call_later(min(self._length, self._reporter.options.segment), self._next)
        self._length *= 2

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _next(self) -> None:
        self._reporter.segment(self._watched)
        if self._watched.state is State.OPEN:
            self.start()


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
            if done.value["type"] == "websocket.disconnect":
                if (transition := watched.received(done.value, now)) is not None:
                    reporter.changed(watched, transition)
                return
        except Exception:
            _logger.debug("the server tells nothing more of %s", watched.id, exc_info=True)
            return
        else:
            with contextlib.suppress(AttributeError):  # granian's is no generator
                step.close()
            return
