"""Counts over a period, from metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from socketscope import semconv
from socketscope.query.model import Query

if TYPE_CHECKING:
    from socketscope.backends.base import Metrics, Sample


@dataclass(frozen=True, slots=True)
class Totals:
    """What happened in a period; the names are those of `schemas.Metrics`. None: nothing is known of the period."""

    messages_received: int | None
    messages_sent: int | None
    bytes_received: int | None
    bytes_sent: int | None
    errors: int | None
    connections_accepted: int | None
    connections_denied: int | None
    connections_lost: int | None
    connections_failed: int | None
    peak_connections: int | None


async def read_totals(metrics: Metrics, *, at: float, window: float) -> Totals:
    """Count what happened in the `window` seconds before `at`.

    Where there is data of our instrumentation in the period, a counter without a series is 0: OpenTelemetry sends
    a counter from its first count on. Raises `BackendError` when the backend can't be asked.
    """

    async def increase(metric: semconv.Metric, *by: semconv.Attribute) -> Sequence[Sample]:
        names = tuple(attribute.name for attribute in by)
        query = Query(metric.name, over_time="increase", window=window, by=names)
        return await metrics.instant(query, at=at)

    peak, messages, io, errors, handshakes, closed = await asyncio.gather(
        metrics.peak(semconv.ACTIVE_CONNECTIONS.name, at - window, at),
        increase(semconv.MESSAGES, semconv.DIRECTION),
        increase(semconv.IO, semconv.DIRECTION),
        increase(semconv.ERRORS_TOTAL),
        increase(semconv.HANDSHAKES, semconv.HANDSHAKE_OUTCOME),
        increase(semconv.CLOSED_CONNECTIONS, semconv.CLOSE_INITIATOR, semconv.ERROR_TYPE),
    )

    def total(samples: Sequence[Sample], attribute: semconv.Attribute | None = None, value: str = "") -> int | None:
        if peak is None:
            return None
        return round(sum(s.value for s in samples if attribute is None or s.labels[attribute.name] == value))

    return Totals(
        messages_received=total(messages, semconv.DIRECTION, "receive"),
        messages_sent=total(messages, semconv.DIRECTION, "transmit"),
        bytes_received=total(io, semconv.DIRECTION, "receive"),
        bytes_sent=total(io, semconv.DIRECTION, "transmit"),
        errors=total(errors),
        connections_accepted=total(handshakes, semconv.HANDSHAKE_OUTCOME, "accepted"),
        connections_denied=total(handshakes, semconv.HANDSHAKE_OUTCOME, "denied"),
        connections_lost=total(closed, semconv.CLOSE_INITIATOR, "network"),
        connections_failed=total([sample for sample in closed if sample.labels[semconv.ERROR_TYPE.name]]),
        peak_connections=None if peak is None else round(peak),
    )
