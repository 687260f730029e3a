"""Where servers and other instrumentations are wrapped, and unwrapped again."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final

from socketscope.instrumentation.middleware import SCOPE_KEY, WebSocketMiddleware
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.flush import flush_in_thread

Undo = Callable[[], None]
_MARK: Final = "socketscope"
"""Attribute of the functions that stand in for others."""


def patch_uvicorn(reporter: Reporter) -> Undo | None:
    """Wrap the application that a `uvicorn.Config` loads, and flush before the process dies by its signal.

    Returns what undoes it, or None where uvicorn is not installed.
    """
    if importlib.util.find_spec("uvicorn") is None:
        return None
    from uvicorn import Config, Server

    steps = [
        _replace(Config, "load", lambda original: _load(original, reporter)),
        _replace(Server, "startup", lambda original: _startup(original, reporter)),
        _replace(Server, "shutdown", _shutdown),
    ]

    def undo() -> None:
        for step in steps:
            step()

    return undo


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


def _shutdown(original: Callable[..., Any]) -> Callable[..., Any]:
    async def shutdown(server: Any, *args: Any, **kwargs: Any) -> None:
        try:
            await original(server, *args, **kwargs)
        finally:
            # Applications without a lifespan, or whose shutdown failed: at SIGTERM uvicorn runs no exit handlers.
            if not getattr(server.config.loaded_app, "flushed", False):
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

    return _replace(OpenTelemetryMiddleware, "__call__", calling)


def _replace(owner: type, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Undo:
    """Replace a method by what `wrap` makes of it; one that socketscope has replaced already stays as it is."""
    original = owner.__dict__[name]
    if hasattr(original, _MARK):
        return lambda: None
    replacement = functools.wraps(original)(wrap(original))
    vars(replacement)[_MARK] = True
    setattr(owner, name, replacement)
    return lambda: setattr(owner, name, original)
