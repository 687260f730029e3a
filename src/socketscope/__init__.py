"""socketscope: OpenTelemetry for every WebSocket connection of a Python service."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from socketscope import monitoring
    from socketscope.hub import Hub
    from socketscope.instrumentation.current import current_connection
    from socketscope.instrumentation.instrumentor import instrument

__version__ = "0.1.0"

__all__ = ["Hub", "__version__", "current_connection", "instrument", "monitoring"]


def __getattr__(name: str) -> Any:
    # Loaded at first use: importing a module of socketscope must cost a service nothing that it does not use.
    if name == "instrument":
        from socketscope.instrumentation.instrumentor import instrument

        return instrument
    if name == "Hub":
        from socketscope.hub import Hub

        return Hub
    if name == "monitoring":
        return import_module("socketscope.monitoring")
    if name == "current_connection":
        from socketscope.instrumentation.current import current_connection

        return current_connection
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
