"""What a backend does otherwise than socketscope with the same rule, in sentences that go into the export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from socketscope.query.model import Query, Ratio
from socketscope.query.promql import BASE_SECONDS, COUNTING, Counting
from socketscope.rules.evaluate import EXPIRY
from socketscope.rules.model import Raw, Rule
from socketscope.rules.quantities import written

PROMETHEUS: Final = (
    "While there is data these alerts fire and resolve at the same evaluations as in socketscope.",
    "Where there is none Prometheus resolves them at once: it can't tell a recovery from telemetry that has vanished.",
    "socketscope keeps an alert firing until a value says that it is over.",
)
GRAFANA: Final = (
    "Without data (noDataState), and when the query fails (execErrState), the last state is kept, as in socketscope.",
    f"A label set that vanishes while others are there is given up after about {written(EXPIRY)}, as in socketscope;",
    "but Grafana calls that resolved. Grafana 12.2 or newer reads all of these keys.",
)


def prometheus_differences(rule: Rule, counting: Counting) -> Iterator[str]:
    """Say what Prometheus does differently with this rule."""
    if rule.absent:
        yield "When Prometheus itself restarts without its data, everything is absent."
    elif rule.no_data == "keep":
        yield "Resolves at once when there is no data."
    if rule.keep_firing_for and not rule.absent:
        yield "Counts keep_firing_for through gaps in the data too."
    if counting == "safe":
        yield from _counts(rule)


def grafana_differences(rule: Rule) -> Iterator[str]:
    """Say what Grafana does differently with this rule."""
    if rule.no_data == "alert" and not rule.absent:
        yield "Without data every known label set fires; in socketscope one alert without labels does."
    yield from _counts(rule)


def datadog_differences(rule: Rule) -> Iterator[str]:
    """Say what Datadog does differently with this rule."""
    if rule.for_:
        yield f"Datadog has no 'for': this fires as soon as the condition holds, not after {written(rule.for_)}."
    if rule.keep_firing_for:
        yield f"Datadog has no 'keep_firing_for': this recovers at once, not after {written(rule.keep_firing_for)}."
    if rule.at_least is not None:
        yield f"Datadog can't ask for at least {rule.at_least:g}: this fires on small numbers too."
    if rule.no_data == "keep" and not rule.absent:
        yield "Without data the monitor goes to NO DATA; that is no recovery, and notifies nobody."
    if rule.interval:
        yield "Datadog chooses how often it evaluates."


def parts_of(query: Query | Ratio | Raw) -> tuple[Query, ...]:
    """Give the queries of a question."""
    if isinstance(query, Ratio):
        return (query.numerator, query.denominator)
    return (query,) if isinstance(query, Query) else ()


def _counts(rule: Rule) -> Iterator[str]:
    if any(part.over_time in COUNTING for part in parts_of(rule.query)):
        hour = written(BASE_SECONDS)
        yield (
            "What a process has counted that restarted under its old service.instance.id is estimated "
            f"(Prometheus' increase) in the {hour} after."
        )
