"""The evaluator: a rule, what was before, what a backend answered, and the moment; out comes what is now. Pure.

Where there is data the states change as Prometheus changes them, at the same evaluations. Where there is none they
do not: an alert resolves on a value that is not beyond the threshold and on nothing else.

* A query that failed changes nothing. After more than `GAP` intervals without an answer, `for` and `keep_firing_for`
  are counted anew.
* No data, at all or for one label set: a firing alert keeps firing, a pending one counts `for` anew.
* A firing alert whose label set has no data for `EXPIRY` seconds while others of the same rule have some belongs to
  something that has ended, as an instance or a route, or that can't be seen any more. It is given up, as `expired`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from socketscope.rules.model import Rule
from socketscope.rules.observe import Labels, Observation, Reading
from socketscope.rules.state import Alert, Condition, Health, RuleState, Transition, fingerprint

GAP: Final = 3
"""Intervals without an answer that do not interrupt what is being counted."""
EXPIRY: Final = 3600.0
"""Seconds after which an alert is given up whose label set has no data while others have."""
_ROUNDING: Final = 1e-6  # of times as floats; evaluations are seconds apart


@dataclass(frozen=True, slots=True)
class _Moment:
    """An evaluation: when, and whether what came before lies too far back to be continued."""

    rule: Rule
    at: float
    gap: bool

    def started(self, since: float | None) -> float:
        return self.at if since is None or self.gap else since

    def lasted(self, since: float, seconds: float) -> bool:
        return self.at - since >= seconds - _ROUNDING


def evaluate(
    rule: Rule, state: RuleState, observation: Observation, *, at: float
) -> tuple[RuleState, tuple[Transition, ...]]:
    """Evaluate `rule` at `at` (epoch seconds): the new state, and the alerts whose state is another one now.

    An evaluation that is not later than the last one changes nothing.
    """
    if state.at is not None and at <= state.at:
        return state, ()
    missed = 0 if state.at is None else max(0, round((at - state.at) / rule.interval) - 1)
    if observation.problem is not None:
        return replace(state, health="query failed", problem=observation.problem, at=at, missed=missed), ()
    gap = state.observed_at is not None and at - state.observed_at > GAP * rule.interval + _ROUNDING
    moment = _Moment(rule, at, gap)
    readings = {labels: found for labels, found in observation.readings.items() if not math.isnan(found.value)}
    alerts: dict[Labels, Alert] = {}
    transitions: list[Transition] = []
    for labels in [
        *readings,
        *(labels for labels in state.alerts if labels not in readings),
        *_nothing(rule, state, readings),
    ]:
        before = state.alerts.get(labels)
        breach = _breach(rule, labels, readings)
        if breach is None:
            after = _unknown(moment, before, others=bool(readings))
        elif breach:
            after = _breached(moment, before, labels, readings.get(labels))
        else:
            after = _quiet(moment, before, readings.get(labels))
        if after is not None:
            alerts[labels] = after
        if change := _change(moment, before, after, readings.get(labels), expired=breach is None):
            transitions.append(change)
    health: Health = "ok" if readings else "no data"
    return RuleState(alerts=alerts, health=health, at=at, observed_at=at, missed=missed), tuple(transitions)


def _nothing(rule: Rule, state: RuleState, readings: dict[Labels, Reading]) -> tuple[Labels, ...]:
    """Give the label set that stands for a query without data, where that counts as a breach and is new."""
    return ((),) if rule.no_data == "alert" and not readings and () not in state.alerts else ()


def _breach(rule: Rule, labels: Labels, readings: dict[Labels, Reading]) -> bool | None:
    """Say whether the condition holds for a label set; None where nothing is known."""
    if labels in readings:
        reading = readings[labels]
        return reading.enough and rule.breached(reading.value)
    if rule.no_data == "alert" and not labels:
        return not readings
    return None


def _breached(moment: _Moment, before: Alert | None, labels: Labels, reading: Reading | None) -> Alert:
    value = reading.value if reading else None
    rule = moment.rule
    if before is None:
        all_labels = {**rule.labels, **dict(labels)}
        made = fingerprint(rule.name, all_labels)
        before = Alert(labels=all_labels, fingerprint=made, state="pending", since=moment.at, value=value)
    since = moment.started(before.since)
    alert = replace(before, since=since, value=value, quiet_since=None, gone_since=None)
    if alert.state == "pending" and moment.lasted(since, rule.for_):
        return replace(alert, state="firing", fired_at=moment.at)
    return alert


def _quiet(moment: _Moment, before: Alert | None, reading: Reading | None) -> Alert | None:
    if before is None or before.state == "pending":
        return None
    since = moment.started(before.quiet_since)
    if moment.lasted(since, moment.rule.keep_firing_for):
        return None
    value = reading.value if reading else None
    return replace(before, since=None, value=value, quiet_since=since, gone_since=None)


def _unknown(moment: _Moment, before: Alert | None, *, others: bool) -> Alert | None:
    if before is None:
        return None
    gone = moment.started(before.gone_since) if others else None
    if gone is not None and moment.lasted(gone, EXPIRY):
        return None
    return replace(before, since=None, quiet_since=None, gone_since=gone)


def _change(
    moment: _Moment, before: Alert | None, after: Alert | None, reading: Reading | None, *, expired: bool
) -> Transition | None:
    was: Condition = before.state if before else "inactive"
    now: Condition = after.state if after else "inactive"
    if was == now:
        return None
    if after is not None:
        return Transition(moment.rule.name, after, was, now, moment.at)
    if before is None:
        return None
    ended = replace(before, value=reading.value if reading else before.value)
    return Transition(moment.rule.name, ended, was, now, moment.at, expired=expired)
