"""The alerting's own metrics, over the OpenTelemetry API: they go where the process's SDK sends them, if it has one."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from opentelemetry import metrics

from socketscope import semconv
from socketscope.rules.state import RuleState

_OUTCOMES = {"ok": "ok", "no data": "no_data", "query failed": "failed"}


class OwnMetrics:
    """Counts evaluations."""

    def __init__(self) -> None:
        meter = metrics.get_meter(semconv.SCOPE, version("socketscope"), schema_url=semconv.SCHEMA_URL)

        def counter(metric: semconv.Metric) -> metrics.Counter:
            return meter.create_counter(metric.name, metric.unit, metric.description)

        self._evaluations = counter(semconv.ALERT_EVALUATIONS)
        self._missed = counter(semconv.ALERT_EVALUATIONS_MISSED)
        took = semconv.ALERT_EVALUATION_DURATION
        self._duration = meter.create_histogram(
            took.name, took.unit, took.description, explicit_bucket_boundaries_advisory=list(took.buckets)
        )

    def evaluated(self, states: Iterable[RuleState], *, seconds: float) -> None:
        """Count the evaluations of one moment, which took so long."""
        for state in states:
            outcome = _OUTCOMES.get(state.health, "failed")
            self._evaluations.add(1, {semconv.EVALUATION_OUTCOME.name: outcome})
        self._duration.record(max(seconds, 0.0))

    def missed(self, evaluations: int) -> None:
        """Count evaluations that did not take place."""
        self._missed.add(evaluations)
