"""Whether the watched connections, and the watching itself, are in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from socketscope import semconv
from socketscope.monitoring.schemas import Health
from socketscope.query.model import Query

if TYPE_CHECKING:
    from socketscope.backends.base import Metrics as MetricsBackend
    from socketscope.monitoring.schemas import Metrics

Check = Callable[[], str | None]
"""Returns why something is not in order, or None when it is. Must not block."""

DRIFT_WINDOW: Final = 300.0

NO_DATA = (
    "No metrics of WebSocket connections have arrived yet: start a service with `socketscope run`, or with "
    "`opentelemetry-instrument` and OTEL_EXPORTER_OTLP_ENDPOINT set to this console's OTLP port."
)


def failures(checks: Sequence[Check]) -> list[str]:
    """Run `checks` and return what they complain of."""
    return [reason for check in checks if (reason := check())]


async def read_health(backend: MetricsBackend, metrics: Metrics, *, checks: Sequence[Check]) -> Health:
    """Judge `metrics`: unhealthy when the data is stale or there is none, a check complains, or a gauge drifts.

    Having no data is unhealthy, as nobody can tell whether connections are well; whether this process is well is
    what `/healthz` and `/readyz` tell. Raises `BackendError` when the backend can't be asked.
    """
    reasons = failures(checks)
    if metrics.age is None:
        reasons.append(NO_DATA)
    elif metrics.stale:
        reasons.append(
            f"The newest data is {metrics.age:.0f} s old, more than three export intervals: the services or the "
            "Collector between them and this console have stopped sending."
        )
    query = Query(semconv.DRIFT.name, over_time="increase", window=DRIFT_WINDOW)
    drift = sum(sample.value for sample in await backend.instant(query, at=metrics.timestamp.timestamp()))
    if drift > 0:
        reasons.append(
            f"The number of open connections had to be corrected by {drift:.0f} in the last "
            f"{DRIFT_WINDOW / 60:.0f} minutes: it can't be trusted."
        )
    return Health(
        status="unhealthy" if reasons else "healthy",
        timestamp=metrics.timestamp,
        reasons=reasons,
        metrics=metrics,
    )
