"""The entry points: `opentelemetry-instrument` loads the instrumentor, code calls `instrument(app)`."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]  # untyped
    BaseInstrumentor,
)

from socketscope.errors import ConfigurationError
from socketscope.instrumentation import patches
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.options import Options, from_environment
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.process import process_telemetry

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
        self._undo = []
        try:
            reporter = own_reporter(kwargs.pop("options", None), **kwargs)
        except ConfigurationError as error:
            # The service of whoever mistyped a setting starts all the same, and its other instrumentations too.
            _log.error("socketscope is off: %s", error)  # the sentence says all, a traceback hides it
            return
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


class _Own:
    """The one reporter of this process, and what code gave for it."""

    reporter: Reporter | None = None
    options: Options | None = None
    providers: Mapping[str, Any] = MappingProxyType({})


def own_reporter(options: Options | None = None, **providers: Any) -> Reporter:
    """Give the one reporter of this process, made at the first call.

    Options and providers given in code go before those of the environment. Raises `ConfigurationError` where code
    gives different ones in two places: counts of one process have one set of limits, one key and one destination.
    """
    given = {name: provider for name, provider in providers.items() if provider is not None}
    if _Own.options is not None and options not in (None, _Own.options):
        raise ConfigurationError("options", options, f"the same options everywhere in a process, here {_Own.options}")
    if _Own.providers and given and given != _Own.providers:
        raise ConfigurationError("providers", given, f"the same providers everywhere, here {_Own.providers}")
    _Own.options = options or _Own.options
    _Own.providers = given or _Own.providers
    telemetry = process_telemetry()
    if _Own.reporter is None:
        options = _Own.options or from_environment(os.environ)
        _Own.reporter = Reporter(telemetry, options, providers=_Own.providers)
    elif options is not None or given:
        _Own.reporter.configure(options or _Own.reporter.options, _Own.providers)
    telemetry.limit_channels(_Own.reporter.options.channel_limit)
    if given:
        telemetry.switch_on(provider=given.get("meter_provider"))
    return _Own.reporter
