"""Shapes of the REST answers about alerts. Times are ISO 8601 in UTC, durations seconds."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from socketscope.notify.base import Status
from socketscope.rules.model import Severity
from socketscope.rules.state import Active, Health
from socketscope.state.history import Change
from socketscope.state.outbox import Fate


class ActiveAlert(BaseModel):
    """An alert that is pending or fires."""

    rule: str
    fingerprint: str
    state: Active
    severity: Severity
    labels: dict[str, str]
    summary: str
    value: float | None = Field(description="The newest value; null: there is none, or it is not finite.")
    threshold: float
    since: datetime | None = Field(description="Since when the condition holds; null where that is interrupted.")
    fired_at: datetime | None
    silenced_by: list[str] = Field(description="Identifiers of silences.")
    muted_by: list[str] = Field(description="Critical rules of the same family that fire.")
    health: Health = Field(description="Of the rule: whether the state is known to hold still.")
    runbook: str


class Told(BaseModel):
    """A notification of an alert to one receiver."""

    notifier: str
    status: Status
    key: str
    fate: Fate
    attempts: int
    delivered_at: datetime | None
    detail: str


class PastAlert(BaseModel):
    """An alert that fired, from then to its end."""

    rule: str
    fingerprint: str
    severity: Severity
    labels: dict[str, str]
    fired_at: datetime
    value: float | None = Field(description="When it fired.")
    ended_at: datetime | None = Field(description="Null: it fires.")
    end: Change | None = Field(description="`resolved`; `expired`: its data ended for good; `removed`: its rule.")
    told: list[Told]


class Alerts(BaseModel):
    """`GET /alerts`."""

    timestamp: datetime
    problem: str | None = Field(description="What is wrong with the alerting itself; null: nothing.")
    active: list[ActiveAlert] = Field(description="Those that fire first.")
    history: list[PastAlert] = Field(description="Alerts that fired, the last first; those that still do too.")


class RuleStatus(BaseModel):
    """A rule and what is known of it."""

    rule: str
    severity: Severity
    labels: dict[str, str]
    interval: float
    health: Health
    problem: str | None = Field(description="Why the last evaluation failed.")
    evaluated_at: datetime | None = Field(description="The moment of the last evaluation.")
    missed: int = Field(description="Evaluations that did not take place, since the start of the service.")
    pending: int
    firing: int
    runbook: str


class Rules(BaseModel):
    """`GET /alerts/rules`."""

    rules: list[RuleStatus]


class NewSilence(BaseModel):
    """`POST /silences`."""

    model_config = ConfigDict(extra="forbid")

    matchers: dict[str, str] = Field(
        min_length=1,
        description="Label -> value, `*` for any characters; `rule` and `severity` are those of the rule.",
    )
    seconds: float = Field(gt=0, le=366 * 86_400, description="For how long.")
    author: str = Field(min_length=1, max_length=200, description="Who.")
    reason: str = Field(min_length=1, max_length=1000, description="Why.")


class Silence(BaseModel):
    """A silence that has not expired."""

    id: str
    matchers: dict[str, str]
    created_at: datetime
    expires_at: datetime
    author: str
    reason: str


class Silences(BaseModel):
    """`GET /silences`."""

    silences: list[Silence]


class DeadLetter(BaseModel):
    """A notification that was given up."""

    id: int
    notifier: str
    rule: str
    status: Status
    summary: str
    key: str
    attempts: int
    queued_at: datetime
    given_up_at: datetime | None
    detail: str = Field(description="What the last attempt brought.")


class DeadLetters(BaseModel):
    """`GET /notifications/dead`."""

    letters: list[DeadLetter]
