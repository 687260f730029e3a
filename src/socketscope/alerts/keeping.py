"""What an evaluation changes, kept in one transaction: a restart loses none of it and repeats none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from socketscope.alerts.routing import Routing
from socketscope.notify.base import Notification
from socketscope.rules.model import Rule
from socketscope.rules.state import RuleState, Transition
from socketscope.state.history import Change, Entry
from socketscope.state.notices import Notice
from socketscope.state.rule_states import Evaluated
from socketscope.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of the evaluations of one moment: states by rule, what changed, and what is told; `over` are fingerprints."""

    moment: float
    states: Mapping[str, RuleState]
    transitions: Sequence[Transition]
    notices: Sequence[Notice]
    over: Sequence[str]
    letters: Sequence[Notification]

    def keep(self, state: State, rules: Mapping[str, Rule], routing: Routing, *, now: float) -> None:
        """Write everything, and put the letters into the outbox of those who are told. Blocks."""
        with state.transaction():
            for name, rule_state in self.states.items():
                state.rules.save(name, Evaluated(rule_state, self.moment))
            for transition in self.transitions:
                state.history.add(_entry(rules[transition.rule], transition))
            for notice in self.notices:
                state.notices.save(notice)
            for fingerprint in self.over:
                state.notices.forget(fingerprint)
            for letter in self.letters:
                for notifier in routing.of(letter.rule, letter.severity, letter.labels):
                    state.outbox.put(notifier, letter, now=now)


def keep_missed(state: State, rules: Mapping[str, Rule], missed: Mapping[str, int], *, now: float) -> None:
    """Note how many evaluations of each rule did not take place. Blocks."""
    with state.transaction():
        for name, evaluations in missed.items():
            state.history.add(
                Entry(
                    at=now,
                    rule=name,
                    fingerprint="",
                    labels=rules[name].labels,
                    severity=rules[name].severity,
                    change="missed",
                    started_at=None,
                    value=evaluations,
                )
            )


def let_go(state: State, gone: Mapping[str, RuleState], *, now: float) -> None:
    """Forget the states of rules that are no more. Blocks."""
    with state.transaction():
        for name, rule_state in gone.items():
            state.rules.forget(name)
            for alert in rule_state.alerts.values():
                if alert.state == "firing":
                    state.history.add(
                        Entry(
                            at=now,
                            rule=name,
                            fingerprint=alert.fingerprint,
                            labels=alert.labels,
                            severity="info",
                            change="removed",
                            started_at=alert.fired_at,
                            value=alert.value,
                        )
                    )


def _entry(rule: Rule, transition: Transition) -> Entry:
    change: Change
    if transition.after != "inactive":
        change = transition.after
    elif transition.before == "firing":
        change = "expired" if transition.expired else "resolved"
    else:
        change = "inactive"
    alert = transition.alert
    return Entry(
        at=transition.at,
        rule=rule.name,
        fingerprint=alert.fingerprint,
        labels=alert.labels,
        severity=rule.severity,
        change=change,
        started_at=alert.fired_at,
        value=alert.value,
    )
