"""A notification goes in, a receipt comes out; how it travels is each notifier's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from socketscope.notify.document import Document
from socketscope.rules.model import Severity

Status = Literal["firing", "resolved", "test", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a receiver is told of one alert, or a report. Times are seconds since the epoch (UTC).

    * `fingerprint`: rule and labels; the same for every notification of one alert, from every service.
    * `key`: what makes this notification one of its kind: a receiver that has seen it may drop it (fingerprint, the
      moment of firing, the status, the number of the repeat).
    * `metrics`: the current numbers of the fleet, name -> value, None for what is not available.
    * `document`: of a report (status `report`) what it says, in the place of an alert's facts.
    """

    fingerprint: str
    key: str
    rule: str
    status: Status
    severity: Severity
    summary: str
    labels: Mapping[str, str]
    value: float | None
    threshold: float | None
    started_at: float
    resolved_at: float | None = None
    at: float
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    runbook: str = ""
    link: str = ""
    document: Document | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a notification.

    * `delivered`: the receiver took it. Otherwise `again` tells whether trying later can help, `retry_after` when
      (seconds, where the receiver said so), and `detail` what happened, without secrets.
    * `thread`: what the receiver gave to continue with (Slack's `ts`, PagerDuty's dedup key); handed back with the
      next notification of the same fingerprint.
    """

    delivered: bool
    again: bool = False
    retry_after: float | None = None
    detail: str = ""
    thread: str | None = None


class Notifier(Protocol):
    """One configured receiver. `send` never raises for what a receiver does; it says so in the receipt."""

    name: str

    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """Deliver one notification, within the notifier's own timeout."""
        ...
