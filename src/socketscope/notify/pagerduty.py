"""PagerDuty, by its Events API v2: an alert is an incident, found again by the alert's fingerprint."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

from pydantic import SecretStr, model_validator
from typing_extensions import override

from socketscope.notify.attempt import attempt
from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.http import Address, Receiver, is_passing, read, receipt_of, refused, unreadable
from socketscope.notify.options import Options, needed, plain_text
from socketscope.notify.secrets import Secrets
from socketscope.notify.text import clean, facts, is_link, links, metrics, title
from socketscope.rules.model import Severity

_SEVERITY: Final[dict[Severity, str]] = {"critical": "critical", "warning": "warning", "info": "info"}
_LONGEST_SUMMARY: Final = 1024
_LONGEST_KEY: Final = 255


class PagerDutyOptions(Options):
    """PagerDuty, by an integration of the type "Events API v2"."""

    type: Literal["pagerduty"] = "pagerduty"
    routing_key: SecretStr | None = None
    """Integration key of the service (32 characters)."""
    source: str = "socketscope"
    """What PagerDuty shows as the source."""
    url: Address = "https://events.pagerduty.com/v2/enqueue"
    """Address of the Events API; `https://events.eu.pagerduty.com/v2/enqueue` for accounts in the EU."""

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        needed(self, "routing_key")
        return self


class PagerDuty(Notifier):
    """Triggers an incident while an alert fires, and resolves it. A test is both, so that nobody is left with it."""

    def __init__(self, name: str, options: PagerDutyOptions) -> None:
        self.name = name
        self._options = options
        self._secrets = Secrets(options.routing_key)
        self._receiver = Receiver(name, timeout=options.timeout)

    @override
    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """Send an event; the receipt's thread is the incident's `dedup_key`."""
        return await attempt(self._send(notification, thread), seconds=self._options.timeout, secrets=self._secrets)

    async def _send(self, notification: Notification, thread: str | None) -> Receipt:
        key = thread or dedup_key(notification)
        if notification.status == "resolved":
            return await self._enqueue({"event_action": "resolve", "dedup_key": key})
        receipt = await self._enqueue(self._trigger(notification, key))
        if notification.status == "test" and receipt.delivered:
            return await self._enqueue({"event_action": "resolve", "dedup_key": key})
        return receipt

    async def _enqueue(self, event: dict[str, Any]) -> Receipt:
        answer = await self._receiver.post(
            self._options.url, json={"routing_key": plain_text(self._options.routing_key), **event}
        )
        said = read(answer)
        if answer.is_success:
            if said.get("status") != "success":
                return unreadable("pagerduty")
            return Receipt(delivered=True, detail=f"pagerduty: {said.get('message')}", thread=event["dedup_key"])
        errors = said.get("errors")
        if not isinstance(errors, list):
            return receipt_of(answer)
        why = "; ".join(map(str, (said.get("message"), *errors)))
        return refused(f"pagerduty: {why}", again=is_passing(answer), answer=answer)

    def _trigger(self, notification: Notification, key: str) -> dict[str, Any]:
        known = dict(links(notification))
        event: dict[str, Any] = {
            "event_action": "trigger",
            "dedup_key": key,
            "payload": {
                "summary": title(notification)[:_LONGEST_SUMMARY],
                "source": self._options.source,
                "severity": _SEVERITY[notification.severity],
                "timestamp": datetime.fromtimestamp(notification.started_at, UTC).isoformat(),
                "class": clean(notification.rule),
                "custom_details": {**dict(facts(notification)), "metrics": dict(metrics(notification)), **known},
            },
            "links": [{"href": address, "text": name} for name, address in known.items() if is_link(address)],
            "client": "socketscope",
        }
        return {**event, "client_url": known["Details"]} if is_link(known.get("Details", "")) else event


def dedup_key(notification: Notification) -> str:
    """Return the key of the alert's incident: its fingerprint, or a digest of one that is too long."""
    fingerprint = notification.fingerprint
    return (
        fingerprint
        if len(fingerprint) <= _LONGEST_KEY
        else hashlib.sha256(fingerprint.encode("utf-8", "backslashreplace")).hexdigest()
    )
