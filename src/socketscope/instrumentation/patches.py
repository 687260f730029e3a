"""Where servers and other instrumentations are wrapped, and unwrapped again."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from types import ModuleType
from typing import Any

from socketscope.instrumentation.middleware import SCOPE_KEY, WebSocketMiddleware
from socketscope.instrumentation.replacing import Undo, replace, together, when_imported
from socketscope.instrumentation.reporter import Reporter
from socketscope.instrumentation.watched import CLOSE_FRAME_KEY
from socketscope.telemetry.flush import at_the_end, flush, flush_in_thread


def patch_servers(reporter: Reporter) -> Undo:
    """Wrap the applications of every server that is imported, now or later; gives what undoes it."""
    return together(
        patch_uvicorn(reporter),
        when_imported("hypercorn.app_wrappers", functools.partial(_hypercorn, reporter=reporter)),
        when_imported("hypercorn.protocol.ws_stream", _hypercorn_stream),
        when_imported("granian._signals", functools.partial(_granian_signals, reporter=reporter)),
        when_imported("daphne.server", functools.partial(_daphne, reporter=reporter)),
        *(
            when_imported(f"granian.server.{workers}", functools.partial(_granian, reporter=reporter))
            for workers in ("mp", "mt", "embed")
        ),
    )


def patch_uvicorn(reporter: Reporter) -> Undo:
    """Wrap the application that a `uvicorn.Config` loads, and flush before the process dies by its signal.

    gunicorn's uvicorn worker makes such a `Config` too.
    """
    return together(
        when_imported(
            "uvicorn.config", lambda module: replace(module.Config, "load", lambda original: _load(original, reporter))
        ),
        when_imported(
            "uvicorn.server",
            lambda module: together(
                replace(module.Server, "startup", lambda original: _startup(original, reporter)),
                replace(module.Server, "shutdown", lambda original: _shutdown(original, reporter)),
            ),
        ),
    )


def _hypercorn(module: ModuleType, reporter: Reporter) -> Undo:
    def init(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(wrapper: Any, app: Any) -> None:  # noqa: N807  # it stands in for one
            original(wrapper, WebSocketMiddleware(app, reporter=reporter))
            at_the_end(reporter.end_all)

        return __init__

    return replace(module.ASGIWrapper, "__init__", init)


def _hypercorn_stream(module: ModuleType) -> Undo:
    """Note the client's close frame: hypercorn tells the application 1006, however the client left."""

    def accepting(original: Callable[..., Any]) -> Callable[..., Any]:
        async def _accept(stream: Any, message: Any) -> None:
            await original(stream, message)
            events = stream.connection.events

            def noted() -> Iterator[Any]:
                for event in events():
                    if type(event).__name__ == "CloseConnection":
                        stream.scope[CLOSE_FRAME_KEY] = {"code": event.code, "reason": event.reason or ""}
                    yield event

            stream.connection.events = noted

        return _accept

    return replace(module.WSStream, "_accept", accepting)


def _granian_signals(module: ModuleType, reporter: Reporter) -> Undo:
    """End the connections when a worker is told to stop: their applications are told nothing, and it may be killed."""

    def listening(original: Callable[..., Any]) -> Callable[..., Any]:
        def set_loop_signals(loop: Any) -> Any:
            event = original(loop)

            def stop() -> None:
                reporter.end_all()
                # The worker goes on to stop once it is flushed, `TIMEOUT` later at most.
                Thread(target=lambda: (flush(), event.set()), daemon=True).start()

            with contextlib.suppress(NotImplementedError):  # on Windows, as granian knows too
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.add_signal_handler(number, stop)
            return event

        return set_loop_signals

    return replace(module, "set_loop_signals", listening)


def _daphne(module: ModuleType, reporter: Reporter) -> Undo:
    def init(original: Callable[..., None]) -> Callable[..., None]:
        def __init__(server: Any, application: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            original(server, WebSocketMiddleware(application, reporter=reporter), *args, **kwargs)
            at_the_end(reporter.end_all)

        return __init__

    return replace(module.Server, "__init__", init)


def _granian(module: ModuleType, reporter: Reporter) -> Undo:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def _asgi_call_wrap(callback: Any, *args: Any, **kwargs: Any) -> Any:
            at_the_end(reporter.end_all)
            return original(WebSocketMiddleware(callback, reporter=reporter), *args, **kwargs)

        return _asgi_call_wrap

    return replace(module, "_asgi_call_wrap", wrap)


def _load(original: Callable[..., None], reporter: Reporter) -> Callable[..., None]:
    def load(config: Any) -> None:
        original(config)
        config.loaded_app = WebSocketMiddleware(config.loaded_app, reporter=reporter)

    return load


def _startup(original: Callable[..., Any], reporter: Reporter) -> Callable[..., Any]:
    async def startup(server: Any, *args: Any, **kwargs: Any) -> None:
        await original(server, *args, **kwargs)
        for listening in getattr(server, "servers", ()):
            limit_unacknowledged(listening.sockets, reporter.options.tcp_user_timeout)

    return startup


def _shutdown(original: Callable[..., Any], reporter: Reporter) -> Callable[..., Any]:
    async def shutdown(server: Any, *args: Any, **kwargs: Any) -> None:
        try:
            await original(server, *args, **kwargs)
        finally:
            # Applications without a lifespan, or whose shutdown failed: at SIGTERM uvicorn runs no exit handlers.
            if not getattr(server.config.loaded_app, "flushed", False):
                reporter.tell_suppressed()
                await flush_in_thread()

    return shutdown


def limit_unacknowledged(sockets: Iterable[Any], seconds: float) -> None:
    """Set TCP_USER_TIMEOUT on listening sockets; the connections that they accept inherit it. 0 leaves it alone.

    Without it a client that stops reading keeps its socket for as long as it likes: uvicorn's ping timeout closes, and
    closing waits for the buffer to empty (RFC 5482; tcp(7)).
    """
    if not seconds or not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for listening in sockets:
        if listening.family in {socket.AF_INET, socket.AF_INET6}:
            # A duplicate: uvloop's stand-in for the socket has no setsockopt. A system that refuses keeps its limit.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(listening.fileno())) as duplicate:
                duplicate.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def patch_opentelemetry_asgi() -> Undo | None:
    """Let OpenTelemetry's own ASGI middleware leave the connections alone that are watched here.

    It makes two spans of every message. Returns what undoes it, or None where it is not installed.
    """
    try:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    except ImportError:
        return None

    def calling(original: Callable[..., Any]) -> Callable[..., Any]:
        async def call(middleware: Any, scope: Any, receive: Any, send: Any) -> None:
            if SCOPE_KEY in scope:
                await middleware.app(scope, receive, send)
            else:
                await original(middleware, scope, receive, send)

        return call

    return replace(OpenTelemetryMiddleware, "__call__", calling)
