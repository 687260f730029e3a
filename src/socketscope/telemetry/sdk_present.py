"""Whether an OpenTelemetry SDK is set up, told without importing one."""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry import _logs, metrics, trace

_API_MODULES = ("opentelemetry.metrics.", "opentelemetry.trace", "opentelemetry._logs.")


def is_placeholder(provider: object) -> bool:
    """Whether a provider does nothing: it is the API's own, or the SDK's under `OTEL_SDK_DISABLED`."""
    return type(provider).__module__.startswith(_API_MODULES) or getattr(provider, "_disabled", False) is True


def sdk_present() -> bool:
    """Whether any of the three global providers is more than the API's placeholder."""
    return not all(
        map(
            is_placeholder,
            (metrics.get_meter_provider(), trace.get_tracer_provider(), _logs.get_logger_provider()),
        )
    )


class Awaited:
    """Something that may be there once and then stays: `look` is asked again, at most once a second, until it is."""

    def __init__(self, look: Callable[[], bool]) -> None:
        self._look = look
        self._there = False
        self._again = 0.0

    def __call__(self) -> bool:
        """Whether it is there."""
        if not self._there and (now := time.monotonic()) > self._again:
            self._there, self._again = self._look(), now + 1
        return self._there
