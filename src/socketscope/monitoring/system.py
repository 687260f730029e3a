"""CPU, memory and threads of this host and process, by psutil where it is installed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from socketscope.monitoring.schemas import SystemMetrics

REASON = "psutil is not installed: pip install 'socketscope[otlp]'"


def system_metrics() -> SystemMetrics | None:
    """Measure now; None without psutil. CPU is the mean since the last call, so the first answer has none."""
    try:
        import psutil
    except ImportError:
        return None
    return SystemMetrics(
        cpu_usage=_cpu(psutil.cpu_percent(interval=None)),
        memory_usage=psutil.virtual_memory().percent,
        active_threads=threading.active_count(),
        timestamp=datetime.now(UTC),
    )


_measured = False


def _cpu(percent: float) -> float | None:
    # psutil's first answer is 0.0 and means nothing: there was no call before it to measure from.
    global _measured  # psutil keeps the other half of this state in its module too
    known, _measured = _measured, True
    return percent if known else None
