"""The entry points: `opentelemetry-instrument` loads the instrumentor, code calls `instrument(app)`."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any, Protocol, TypeVar, cast

from opentelemetry.instrumentation.instrumentor import (  # type: ignore[attr-defined]  # the file switches types off
    BaseInstrumentor,
)

from socketscope.errors import ConfigurationError
from socketscope.instrumentation import patches
from socketscope.instrumentation.frameworks import patch_frameworks
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.options import MessageCarrier, Options
from socketscope.instrumentation.own import own_reporter
from socketscope.instrumentation.replacing import Undo

_logger = logging.getLogger(__name__)

App = TypeVar("App")


class SocketscopeInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # as above
    """Watches every WebSocket connection of every application that this process serves.

    `instrument(options=..., message_carrier=..., tracer_provider=..., meter_provider=..., logger_provider=...)`:
    options default to the `SOCKETSCOPE_*` variables, providers to the global ones. `uninstrument()` restores what was
    patched.
    """

    _undo: list[Undo]

    def instrumentation_dependencies(self) -> Collection[str]:
        """Nothing: what is not installed is not patched."""
        return ()

    def _instrument(self, **kwargs: Any) -> None:
        self._undo = []
        try:
            reporter = own_reporter(kwargs.pop("options", None), **kwargs)
        except ConfigurationError as error:
            # The service of whoever mistyped a setting starts all the same, and its other instrumentations too.
            _tell_that_it_is_off(error)
            return
        undo = (patches.patch_servers(reporter), patch_frameworks(), patches.patch_opentelemetry_asgi())
        self._undo = [step for step in undo if step is not None]

    def _uninstrument(self, **_kwargs: Any) -> None:
        for step in self._undo:
            step()
        self._undo = []


def instrument(
    app: App, *, options: Options | None = None, message_carrier: MessageCarrier | None = None, **providers: Any
) -> App | WebSocketMiddleware:
    """Watch the WebSocket connections of one application: `app = socketscope.instrument(app)`.

    A Starlette or FastAPI application gets the middleware added and is returned itself; any other ASGI application
    is returned wrapped. Calling it twice, or under `opentelemetry-instrument`, counts nothing twice. Providers other
    than the global ones: `tracer_provider`, `meter_provider`, `logger_provider`. `message_carrier` finds the trace
    context in a message (`Options.message_carrier`), beside whatever the options are otherwise. Raises
    `ConfigurationError` for a `SOCKETSCOPE_*` variable that can't be used, TypeError for something that is no ASGI
    application.
    """
    if not callable(app):
        raise TypeError(
            f"instrument() takes an ASGI application, not {type(app).__name__}: pass the application itself"
        )
    reporter = own_reporter(options, message_carrier=message_carrier, **providers)
    patches.patch_opentelemetry_asgi()
    patch_frameworks()
    if (starlette := _as_starlette(app)) is None:
        return WebSocketMiddleware(app, reporter=reporter)
    starlette.add_middleware(WebSocketMiddleware, reporter=reporter)
    return app


def _tell_that_it_is_off(why: ConfigurationError) -> None:
    _logger.error("socketscope is off: %s", why)  # the sentence says all, a traceback would hide it


class _Starlette(Protocol):
    def add_middleware(self, middleware_class: type, /, **options: Any) -> None: ...


def _as_starlette(app: object) -> _Starlette | None:
    # By name: other frameworks have an `add_middleware` of their own meaning, and Starlette need not be installed.
    is_one = any(kind.__module__ == "starlette.applications" for kind in type(app).__mro__)
    return cast("_Starlette", app) if is_one else None
