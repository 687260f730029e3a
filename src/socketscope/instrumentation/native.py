"""What a framework's own telemetry does: FastAPI (0.142 and later) has a SERVER span open for each connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.trace import Span

MOST_LAYERS = 20


def native_span(scope: Mapping[str, Any]) -> Span | None:
    """Give FastAPI's span of this connection, where the request is inside FastAPI and has one."""
    return getattr(scope.get("fastapi.telemetry"), "span", None)


class FrameworkTraces:
    """Whether an application inside `app` will open a span of its own for a connection.

    It is asked before the application runs: what fails before it sends anything, its scope can't tell any more.
    """

    def __init__(self, app: object) -> None:
        self._app = app
        self._enabled: Callable[[], bool] | None = None

    def __call__(self) -> bool:
        """Ask; which application it is that answers is looked for once, at the first connection."""
        if self._enabled is None:
            self._enabled = _enabled_of(self._app)
        return bool(self._enabled())


def _enabled_of(app: object) -> Callable[[], bool]:
    for _ in range(MOST_LAYERS):
        enabled: Callable[[], bool] | None = getattr(getattr(app, "_native_telemetry", None), "enabled", None)
        if enabled is not None:
            return enabled
        app = getattr(app, "app", None)
    return bool
