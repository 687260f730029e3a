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


def muted(rule: Rule, alert: Alert, *, silences: Iterable[Silence], firing: Sequence[tuple[Rule, Alert]]) -> Muted:
    """Say by what an alert is muted; `firing` are all alerts that fire, those that are muted themselves too."""
    return Muted(
        tuple(silence.id for silence in silences if silence.matches(rule.name, rule.severity, alert.labels)),
        tuple(sorted({graver.name for graver, other in firing if _inhibits(graver, other, rule, alert)})),
    )


def _inhibits(graver: Rule, other: Alert, rule: Rule, alert: Alert) -> bool:
    """Say whether one mutes another: critical one that is not, of its family, where no label says otherwise."""
    family = rule.labels.get(FAMILY)
    if graver.severity != "critical" or rule.severity == "critical" or not family:
        return False
    return graver.labels.get(FAMILY) == family and all(
        other.labels[name] == alert.labels[name] for name in other.labels.keys() & alert.labels.keys()
    )
