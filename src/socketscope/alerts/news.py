"""What receivers have to be told after an evaluation: a pure function of what fires and what was told before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from socketscope.alerts import letters
from socketscope.alerts.grouping import Group, grouped, identity
from socketscope.alerts.muting import graver, muted
from socketscope.alerts.telling import End, Rhythm, Told, at_the_end, is_over, while_firing
from socketscope.notify.base import Notification
from socketscope.rules.model import Rule
from socketscope.rules.state import Alert, RuleState, Transition
from socketscope.state.notices import Notice
from socketscope.state.silences import Silence


class Draft(Protocol):
    """One notification, but for the fleet's numbers."""

    def write(self, *, numbers: letters.Numbers, link: str) -> tuple[Notification, Notice]:
        """Return the notification, and the notice as it is once that is on its way."""
        ...


@dataclass(frozen=True, slots=True)
class FiringDraft:
    """That a group fires."""

    group: Group
    notice: Notice
    told: Told
    at: float

    def write(self, *, numbers: letters.Numbers, link: str) -> tuple[Notification, Notice]:
        """See `Draft`."""
        letter = letters.of_group(self.group, self.notice, self.told, at=self.at, numbers=numbers, link=link)
        return letter, replace(self.notice, last=letter)


@dataclass(frozen=True, slots=True)
class EndDraft:
    """That what was told `before` is over, or what else became of it."""

    before: Notification
    notice: Notice
    told: Told
    at: float
    how: End
    value: float | None

    def write(self, *, numbers: letters.Numbers, link: str) -> tuple[Notification, Notice]:
        """See `Draft`; the link is that of the beginning."""
        del link
        letter = letters.of_end(self.before, self.told, at=self.at, how=self.how, value=self.value, numbers=numbers)
        return letter, self.notice


@dataclass(frozen=True, slots=True)
class News:
    """`drafts` are to be written and sent; `notices` to be kept, `over` (fingerprints) to be forgotten."""

    drafts: Sequence[Draft]
    notices: Sequence[Notice]
    over: Sequence[str]


def firing_alerts(rules: Iterable[Rule], states: Mapping[str, RuleState]) -> list[tuple[Rule, Alert]]:
    """Return all alerts that fire."""
    return [
        (rule, alert)
        for rule in rules
        if rule.name in states
        for alert in states[rule.name].alerts.values()
        if alert.state == "firing"
    ]


def news(
    rules: Mapping[str, Rule],
    states: Mapping[str, RuleState],
    notices: Mapping[str, Notice],
    transitions: Iterable[Transition],
    *,
    silences: Sequence[Silence],
    at: float,
    by: Sequence[str] | None,
    rhythm: Rhythm,
) -> News:
    """Decide who is to be told what at `at`; `transitions` are those of this evaluation."""
    groups = _groups(firing_alerts(rules.values(), states), silences, by)
    ends = _ends(rules, transitions, by)
    drafts: list[Draft] = []
    kept: list[Notice] = []
    over: list[str] = []
    for key, group in groups.items():
        before = notices.get(key)
        notice, told = while_firing(group, before, at=at, rhythm=rhythm)
        if told:
            drafts.append(FiringDraft(group, notice, told, at))
        elif notice != before:
            kept.append(notice)
    for key, before in notices.items():
        if before.firing and key not in groups:
            how, value = ends.get(key, ("regrouped" if before.rule in rules else "removed", None))
            notice, told = at_the_end(before, how)
            if told and before.last:
                drafts.append(EndDraft(before.last, notice, told, at, how, value))
            else:
                kept.append(notice)
        elif key not in groups and is_over(before, at=at, cooldown=rhythm.cooldown):
            over.append(key)
    return News(drafts, kept, over)


def _groups(
    firing: Sequence[tuple[Rule, Alert]], silences: Sequence[Silence], by: Sequence[str] | None
) -> dict[str, Group]:
    rules = {rule.name: rule for rule, _ in firing}
    own: dict[str, list[Alert]] = {name: [] for name in rules}
    for rule, alert in firing:
        own[rule.name].append(alert)
    grave = graver(firing)
    groups: dict[str, Group] = {}
    for name, alerts in own.items():
        rule = rules[name]
        audible = {one.fingerprint for one in alerts if not muted(rule, one, silences=silences, grave=grave)}
        groups |= grouped(rule, alerts, by=by, audible=audible)
    return groups


def _ends(
    rules: Mapping[str, Rule], transitions: Iterable[Transition], by: Sequence[str] | None
) -> dict[str, tuple[End, float | None]]:
    ends: dict[str, tuple[End, float | None]] = {}
    for transition in transitions:
        if transition.before == "firing":
            key, _ = identity(rules[transition.rule], transition.alert, by)
            ends[key] = "expired" if transition.expired else "resolved", transition.alert.value
    return ends
