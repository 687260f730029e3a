"""Alerts that fire and of which nobody is told: silenced by hand, or muted by a graver one of the same family."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from socketscope.rules.model import Rule
from socketscope.rules.state import Alert
from socketscope.state.silences import Silence

FAMILY: Final = "family"
"""The label by which rules say that they are about the same."""


@dataclass(frozen=True, slots=True)
class Muted:
    """Why an alert is not told: identifiers of silences, names of graver rules. It is told where both are empty."""

    silenced_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.silenced_by or self.muted_by)


Firing = Sequence[tuple[Rule, Alert]]
"""Alerts that fire, each with its rule."""


def graver(firing: Firing) -> Firing:
    """Keep those that can mute others: critical ones that are of a family, muted themselves or not."""
    return [(rule, alert) for rule, alert in firing if rule.severity == "critical" and FAMILY in rule.labels]


def muted(rule: Rule, alert: Alert, *, silences: Iterable[Silence], grave: Firing) -> Muted:
    """Say by what an alert is muted; `grave` are the `graver` ones of all that fire."""
    names = (
        set() if rule.severity == "critical" else {one.name for one, other in grave if _same(one, other, rule, alert)}
    )
    return Muted(
        tuple(silence.id for silence in silences if silence.matches(rule.name, rule.severity, alert.labels)),
        tuple(sorted(names)),
    )


def _same(one: Rule, other: Alert, rule: Rule, alert: Alert) -> bool:
    """Say whether two alerts are about the same: of one family, where no label says otherwise."""
    return one.labels[FAMILY] == rule.labels.get(FAMILY) and all(
        other.labels[name] == alert.labels[name] for name in other.labels.keys() & alert.labels.keys()
    )
