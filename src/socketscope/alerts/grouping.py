"""Alerts that are told as one: of one rule, with the same values of some labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from socketscope.rules.model import Rule
from socketscope.rules.state import Alert, fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Alerts that fire, never none, by the time at which they did; `audible` are those that are not muted."""

    fingerprint: str
    rule: Rule
    labels: Mapping[str, str]
    members: Sequence[Alert]
    audible: Sequence[Alert]

    @property
    def started_at(self) -> float:
        """When the first of those that fire now did."""
        return min(map(fired_at, self.members))

    @property
    def value(self) -> float | None:
        """The worst of the values."""
        values = [alert.value for alert in self.members if alert.value is not None]
        return (min if self.rule.above is None else max)(values, default=None)


def fired_at(alert: Alert) -> float:
    """When an alert that fires began to. Raises `ValueError` for one that does not."""
    if alert.fired_at is None:
        raise ValueError(f"the alert {alert.fingerprint} does not fire")
    return alert.fired_at


def identity(rule: Rule, alert: Alert, by: Sequence[str] | None) -> tuple[str, dict[str, str]]:
    """Return the fingerprint and the labels of the group that an alert belongs to; `by` None: of itself alone."""
    if by is None:
        return alert.fingerprint, dict(alert.labels)
    labels = {name: value for name, value in alert.labels.items() if name in by or name in rule.labels}
    return fingerprint(rule.name, labels), labels


def grouped(
    rule: Rule, firing: Iterable[Alert], *, by: Sequence[str] | None, audible: Collection[str]
) -> dict[str, Group]:
    """Put the alerts of a rule that fire into groups, by fingerprint; `audible` has the alerts that are not muted."""
    members: dict[str, list[Alert]] = defaultdict(list)
    labels: dict[str, dict[str, str]] = {}
    for alert in firing:
        key, labels_of_it = identity(rule, alert, by)
        members[key].append(alert)
        labels[key] = labels_of_it
    return {
        key: Group(
            fingerprint=key,
            rule=rule,
            labels=labels[key],
            members=sorted(alerts, key=lambda alert: (fired_at(alert), alert.fingerprint)),
            audible=[alert for alert in alerts if alert.fingerprint in audible],
        )
        for key, alerts in members.items()
    }
