"""What is remembered of a rule between evaluations, and its form as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from socketscope.rules.observe import Labels, labels_of

Active = Literal["pending", "firing"]
Condition = Literal["inactive", "pending", "firing"]
Health = Literal["not evaluated", "ok", "no data", "query failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert that is pending or firing; times are epoch seconds.

    * `labels`: the rule's own and those of the label set. `fingerprint` is made of them when the alert begins, and
      stays the same until it ends.
    * `since`: since when the condition holds without a gap; None after a gap.
    * `fired_at`: when it began to fire; None while it is pending.
    * `quiet_since`: since when, without a gap, the condition does not hold any more.
    * `gone_since`: since when its label set has no data while others have.
    * `value`: the newest value; None where missing data counts as a breach.
    """

    labels: Mapping[str, str]
    fingerprint: str
    state: Active
    since: float | None
    value: float | None
    fired_at: float | None = None
    quiet_since: float | None = None
    gone_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleState:
    """A rule between two evaluations. Label sets that are not among `alerts` are inactive.

    * `health` stands beside the states and changes none of them; `problem` says more of it.
    * `at`: the last evaluation; `observed_at`: the last one whose query did not fail.
    * `missed`: evaluations that were missed between the last one and the one before it.
    """

    alerts: Mapping[Labels, Alert] = field(default_factory=dict)
    health: Health = "not evaluated"
    problem: str | None = None
    at: float | None = None
    observed_at: float | None = None
    missed: int = 0

    def to_json(self) -> str:
        """Write everything as JSON."""
        whole = asdict(self)
        whole["alerts"] = [{"key": dict(key), **asdict(alert)} for key, alert in self.alerts.items()]
        return json.dumps(whole, allow_nan=True)

    @classmethod
    def from_json(cls, text: str) -> RuleState:
        """Read what `to_json` wrote. Raises `ValueError` for anything else."""
        try:
            whole: dict[str, Any] = json.loads(text)
            alerts = {labels_of(alert.pop("key")): Alert(**alert) for alert in whole.pop("alerts")}
            return cls(alerts=alerts, **whole)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no state of a rule: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert that changed its state; `alert` is as it is afterwards, of one that ended as it was at last.

    `expired`: its label set had no data for so long, while others of the rule had, that it was given up. That is not
    a recovery: nobody knows.
    """

    rule: str
    alert: Alert
    before: Condition
    after: Condition
    at: float
    expired: bool = False

    @property
    def resolved(self) -> bool:
        """A firing alert ended on a value that says so."""
        return self.before == "firing" and self.after == "inactive" and not self.expired


def fingerprint(rule: str, labels: Mapping[str, str]) -> str:
    """Name an alert: the same wherever and whenever the rule finds these labels (64 hexadecimal digits)."""
    told = json.dumps([rule, sorted(labels.items())], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()
