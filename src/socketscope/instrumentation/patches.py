"""Where servers and other instrumentations are wrapped, and unwrapped again."""

from __future__ import annotations

import asyncio
import functools
import importlib.util
from collections.abc import Callable
from typing import Any

from socketscope.instrumentation.middleware import SCOPE_KEY, WebSocketMiddleware
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.process import flush

Undo = Callable[[], None]


def patch_uvicorn(reporter: Reporter) -> Undo | None:
    """Wrap the application that a `uvicorn.Config` loads, and flush before the process dies by its signal.

    Returns what undoes it, or None where uvicorn is not installed.
    """
    if importlib.util.find_spec("uvicorn") is None:
        return None
    from uvicorn import Config, Server

    def loading(original: Callable[..., None]) -> Callable[..., None]:
        def load(config: Config) -> None:
            original(config)
            config.loaded_app = WebSocketMiddleware(config.loaded_app, reporter=reporter)

        return load

    def shutting_down(original: Callable[..., Any]) -> Callable[..., Any]:
        async def shutdown(server: Server, *args: Any, **kwargs: Any) -> None:
            try:
                await original(server, *args, **kwargs)
            finally:
                # Applications without a lifespan, or whose shutdown failed: at SIGTERM uvicorn runs no exit handlers.
                await asyncio.to_thread(flush)

        return shutdown

    undo_load = _replace(Config, "load", loading)
    undo_shutdown = _replace(Server, "shutdown", shutting_down)

    def undo() -> None:
        undo_load()
        undo_shutdown()

    return undo


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
    if hasattr(original, "socketscope"):
        return lambda: None
    replacement = functools.wraps(original)(wrap(original))
    replacement.socketscope = True  # type: ignore[attr-defined]  # the mark that is looked for above
    setattr(owner, name, replacement)
    return lambda: setattr(owner, name, original)
