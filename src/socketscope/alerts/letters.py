"""What is written to receivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from socketscope.alerts.grouping import Group
from socketscope.alerts.telling import End, Told
from socketscope.notify.base import Notification
from socketscope.rules.text import render
from socketscope.state.notices import Notice

Numbers = Mapping[str, float | None]
"""The fleet's current numbers, by the names of the REST API; None: not available."""
NO_NUMBERS: Final[Numbers] = {
    "current_connections": None, "cpu_usage": None, "memory_usage": None, "errors": None, "uptime": None,
}  # fmt: skip
_NAMED: Final = 5
"""Alerts of a group that are named."""
_REASONS: Final[Mapping[End, str]] = {
    "resolved": "",
    "expired": "Its data ended, nobody knows whether all is well: this is the last word on it. ",
    "removed": "Its rule was removed. ",
    "regrouped": "It is told in another group from now on. ",
}


def key(fingerprint: str, started_at: float, told: Told) -> str:
    """Return what makes a notification one of its kind, the same from every service that sends it."""
    return f"{fingerprint}:{started_at:.3f}:{told.status}:{told.number}"


def of_group(group: Group, notice: Notice, told: Told, *, at: float, numbers: Numbers, link: str) -> Notification:
    """Write that a group fires."""
    return Notification(
        fingerprint=group.fingerprint,
        key=key(group.fingerprint, notice.started_at, told),
        rule=group.rule.name,
        status="firing",
        severity=group.rule.severity,
        summary=_summary(group),
        labels=group.labels,
        value=group.value,
        threshold=group.rule.threshold,
        started_at=notice.started_at,
        at=at,
        metrics=numbers,
        runbook=group.rule.runbook,
        link=link,
    )


def of_end(
    before: Notification, told: Told, *, at: float, how: End, value: float | None, numbers: Numbers
) -> Notification:
    """Write that what was told of is over, or what else became of it."""
    return replace(
        before,
        key=key(before.fingerprint, before.started_at, told),
        status=told.status,
        summary=_REASONS[how] + before.summary,
        value=value,
        resolved_at=at if told.status == "resolved" else None,
        at=at,
        metrics=numbers,
    )


def _summary(group: Group) -> str:
    worst = next((alert for alert in group.audible if alert.value == group.value), group.audible[0])
    text = render(group.rule, worst.labels, worst.value)
    if len(group.members) == 1:
        return text
    names = []
    for alert in group.members[:_NAMED]:
        own = (f"{name}={value}" for name, value in alert.labels.items() if group.labels.get(name) != value)
        names.append(", ".join(own))
    more = f"; and {len(group.members) - _NAMED} more" if len(group.members) > _NAMED else ""
    return f"{text} ({len(group.members)} alerts: {'; '.join(names)}{more})"
