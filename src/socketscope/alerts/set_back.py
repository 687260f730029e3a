"""A clock that was set back: what is remembered lies in the future then, and must not stop everything until it comes.

What an alert is known by stays as it is (its fingerprint, when it fired). What is counted from begins now.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from socketscope.rules.state import Alert, RuleState
from socketscope.state.notices import Notice

TOLERANCE: Final = 60.0
"""Seconds by which the clock may go back without more than a pause of that length."""


def state_until(state: RuleState, now: float) -> RuleState:
    """Return a rule's state with no time after `now`."""
    alerts = {labels: _alert_until(alert, now) for labels, alert in state.alerts.items()}
    at, observed_at = (None if time is not None and time > now else time for time in (state.at, state.observed_at))
    return replace(state, alerts=alerts, at=at, observed_at=observed_at)


def notice_until(notice: Notice, now: float) -> Notice:
    """Return a notice whose cooldown and repeats count from `now` at the latest."""
    return replace(notice, told_at=_until(notice.told_at, now))


def _alert_until(alert: Alert, now: float) -> Alert:
    return replace(
        alert,
        since=_until(alert.since, now),
        quiet_since=_until(alert.quiet_since, now),
        gone_since=_until(alert.gone_since, now),
    )


def _until(time: float | None, now: float) -> float | None:
    return None if time is None else min(time, now)
