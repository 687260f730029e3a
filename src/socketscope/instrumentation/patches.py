"""Where servers and other instrumentations are wrapped, and unwrapped again."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from typing import Any

import wrapt

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

    def load(wrapped: Callable[[], None], config: Any, _args: Any, _kwargs: Any) -> None:
        wrapped()
        config.loaded_app = WebSocketMiddleware(config.loaded_app, reporter=reporter)

    async def shutdown(wrapped: Callable[..., Any], _server: Any, args: Any, kwargs: Any) -> None:
        try:
            await wrapped(*args, **kwargs)
        finally:
            # Applications without a lifespan, or whose shutdown failed: at SIGTERM uvicorn runs no exit handlers.
            await asyncio.to_thread(flush)

    return _together(_wrap(Config, "load", load), _wrap(Server, "shutdown", shutdown))


def patch_opentelemetry_asgi() -> Undo | None:
    """Let OpenTelemetry's own ASGI middleware leave the connections alone that are watched here.

    It makes two spans of every message. Returns what undoes it, or None where it is not installed.
    """
    try:
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    except ImportError:
        return None

    async def call(wrapped: Callable[..., Any], middleware: Any, args: Any, kwargs: Any) -> None:
        scope = args[0] if args else kwargs["scope"]
        await (middleware.app if SCOPE_KEY in scope else wrapped)(*args, **kwargs)

    return _wrap(OpenTelemetryMiddleware, "__call__", call)


class _Wrapped(wrapt.FunctionWrapper):  # type: ignore[type-arg]  # generic in its stub alone
    """A method that is wrapped by socketscope."""


def _wrap(owner: type, name: str, wrapper: Callable[..., Any]) -> Undo:
    original = owner.__dict__[name]
    if isinstance(original, _Wrapped):
        return _nothing  # wrapped already: who did it undoes it
    setattr(owner, name, _Wrapped(original, wrapper))
    return lambda: setattr(owner, name, original)


def _together(*undo: Undo) -> Undo:
    def undo_all() -> None:
        for step in undo:
            step()

    return undo_all


def _nothing() -> None:
    pass
