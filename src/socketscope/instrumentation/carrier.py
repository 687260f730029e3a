"""The application's own function that finds the trace context in a message: what it raises is its error, not ours."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.context import Context

from socketscope.instrumentation.options import MessageCarrier
from socketscope.telemetry.events import RateLimit

_logger = logging.getLogger(__name__)

FAILED = "message_carrier %s failed, so that the message carries no trace context (%d such errors so far)"


class Carrier:
    """Asks `find` for what a message carries. What that raises is logged once a minute by the clock, at DEBUG each."""

    def __init__(self, find: MessageCarrier, monotonic: Callable[[], int]) -> None:
        self._find = find
        self.failures = 0
        self._complaints = RateLimit(monotonic, per_second=1 / 60, burst=1)

    def context_of(self, message: Mapping[str, Any]) -> Context | None:
        """Give the context that a message carries, on top of the current one; None where it carries none."""
        try:
            if (carrier := self._find(message)) is None:
                return None
            context = propagate.extract(carrier, context=otel_context.get_current())
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            # A CancelledError too: it is that of something the function looked at. A task is cancelled where it
            # awaits, and nothing does here.
            self.failures += 1
            level = logging.ERROR if self._complaints.take() else logging.DEBUG
            _logger.log(level, FAILED, _name_of(self._find), self.failures, exc_info=True)
            return None
        return context if trace.get_current_span(context) is not trace.get_current_span() else None


def _name_of(function: object) -> str:
    function = getattr(function, "func", function)  # of a `functools.partial`
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
