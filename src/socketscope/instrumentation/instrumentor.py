"""The entry points: `opentelemetry-instrument` loads the instrumentor, code calls `instrument(app)`."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from typing import Any, TypeVar

from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]  # untyped
    BaseInstrumentor,
)

from socketscope.instrumentation import patches
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.options import Options, from_environment
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.process import Telemetry, process_telemetry

_log = logging.getLogger(__name__)

App = TypeVar("App")


class SocketscopeInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # untyped
    """Watches every WebSocket connection of every application that this process serves.

    `instrument(options=..., tracer_provider=..., meter_provider=..., logger_provider=...)`: options default to the
    `SOCKETSCOPE_*` variables, providers to the global ones. `uninstrument()` restores what was patched.
    """

    _undo: list[patches.Undo]

    def instrumentation_dependencies(self) -> Collection[str]:
        """Nothing: what is not installed is not patched."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        reporter = own_reporter(kwargs.pop("options", None), **kwargs)
        undo = (patches.patch_uvicorn(reporter), patches.patch_opentelemetry_asgi())
        self._undo = [step for step in undo if step is not None]

    def _uninstrument(self, **_kwargs: Any) -> None:
        for step in self._undo:
            step()
        self._undo = []


def instrument(app: App, *, options: Options | None = None, **providers: Any) -> App | WebSocketMiddleware:
    """Watch the WebSocket connections of one application: `app = socketscope.instrument(app)`.

    A Starlette or FastAPI application gets the middleware added and is returned itself; any other ASGI application
    is returned wrapped. Calling it twice, or under `opentelemetry-instrument`, counts nothing twice. Providers other
    than the global ones: `tracer_provider`, `meter_provider`, `logger_provider`. Raises `ConfigurationError` for a
    `SOCKETSCOPE_*` variable that can't be used, TypeError for something that is no ASGI application.
    """
    if not callable(app):
        raise TypeError(
            f"instrument() takes an ASGI application, not {type(app).__name__}: pass the application itself"
        )
    reporter = own_reporter(options, **providers)
    patches.patch_opentelemetry_asgi()
    add_middleware = getattr(app, "add_middleware", None)
    if add_middleware is None:
        return WebSocketMiddleware(app, reporter=reporter)
    add_middleware(WebSocketMiddleware, reporter=reporter)
    return app


def own_reporter(options: Options | None = None, **providers: Any) -> Reporter:
    """Give a reporter on the telemetry of this process; `options` default to the `SOCKETSCOPE_*` variables."""
    options = options or from_environment(os.environ)
    telemetry: Telemetry = process_telemetry()
    telemetry.limit_channels(options.channel_limit)
    if any(providers.get(name) for name in ("tracer_provider", "meter_provider", "logger_provider")):
        telemetry.switch_on(provider=providers.get("meter_provider"))
    return Reporter(telemetry, options, providers=providers)
