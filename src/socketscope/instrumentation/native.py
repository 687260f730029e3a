"""What a framework's own telemetry does: FastAPI (0.142 and later) has a SERVER span open for each connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.trace import Span

MOST_LAYERS = 20


def native_span(scope: Mapping[str, Any]) -> Span | None:
    """Give FastAPI's span of this connection, where the request is inside FastAPI and has one."""
    return getattr(scope.get("fastapi.telemetry"), "span", None)


def framework_traces(app: object) -> bool:
    """Whether an application inside `app` will open a span of its own for a connection.

    It is asked before the application runs: what fails before it sends anything, its scope can't tell any more.
    """
    for _ in range(MOST_LAYERS):
        enabled = getattr(getattr(app, "_native_telemetry", None), "enabled", None)
        if enabled is not None:
            return bool(enabled())
        app = getattr(app, "app", None)
        if app is None:
            return False
    return False
