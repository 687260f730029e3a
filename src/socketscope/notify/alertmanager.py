"""Alertmanager's API v2: it groups, mutes and routes; every replica is told, as they do not tell one another."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from typing_extensions import override

from socketscope.backends.http import Access
from socketscope.notify.attempt import attempt
from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.http import Address, Receiver, receipt_of
from socketscope.notify.options import Options, plain_text
from socketscope.notify.secrets import Secrets
from socketscope.notify.text import clean, is_link, metrics, number


class AlertmanagerOptions(Options):
    """Alertmanager, one or several replicas."""

    type: Literal["alertmanager"] = "alertmanager"
    urls: list[Address] = Field(min_length=1)
    """Addresses of all replicas, with the path prefix if there is one."""
    hold: float = Field(default=18000.0, ge=60)
    """Seconds after which an alert that is not repeated is resolved there; more than `alerts.repeat`."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels that every alert gets, for routing."""
    username: str | None = None
    """Name for basic authentication."""
    password: SecretStr | None = None
    """Password for basic authentication."""
    bearer: SecretStr | None = None
    """Token to show (`Authorization: Bearer ...`)."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust in place of the system's."""

    @model_validator(mode="after")
    def _has_one_access(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password_env (or password_file), both or none")
        if self.username and self.bearer:
            raise ValueError("a password or a bearer token, not both")
        return self


class Alertmanager(Notifier):
    """Tells all replicas of each notification; one that takes it is enough, the receipt names the others."""

    def __init__(self, name: str, options: AlertmanagerOptions) -> None:
        self.name = name
        self._options = options
        self._secrets = Secrets(options.password, options.bearer)
        access = Access(
            basic=(options.username, plain_text(options.password)) if options.username else None,
            bearer=plain_text(options.bearer) or None,
        )
        self._receiver = Receiver(name, timeout=options.timeout, access=access, ca_file=options.ca_file)

    @override
    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """POST the alert to every replica."""
        timeout, urls = self._options.timeout, self._options.urls
        sending = (attempt(self._tell(url, notification), seconds=timeout, secrets=self._secrets) for url in urls)
        receipts = await asyncio.gather(*sending)
        return _of_all(dict(zip(urls, receipts, strict=True)))

    async def _tell(self, url: str, notification: Notification) -> Receipt:
        alerts = [alert(notification, hold=self._options.hold, labels=self._options.labels)]
        return receipt_of(await self._receiver.post(f"{url.rstrip('/')}/api/v2/alerts", json=alerts))


def alert(
    notification: Notification, *, hold: float, labels: Mapping[str, str], now: float | None = None
) -> dict[str, Any]:
    """Return the alert as Alertmanager takes it; labels get the names that it allows."""
    now = time.time() if now is None else now
    ends = {"firing": now + hold, "test": now + 60, "resolved": notification.resolved_at or notification.at}
    annotations = {
        "summary": clean(notification.summary),
        "runbook": clean(notification.runbook),
        "value": "" if notification.value is None else number(notification.value),
        **{f"current {name}": value for name, value in metrics(notification)},
    }
    found = {
        "labels": _labels(notification, labels),
        "annotations": {_name(name): value for name, value in annotations.items() if value},
        "startsAt": _moment(notification.started_at),
        # A zero length is no time at all to Alertmanager.
        "endsAt": _moment(max(ends[notification.status], notification.started_at + 0.001)),
    }
    return {**found, "generatorURL": notification.link} if is_link(notification.link) else found


def _labels(notification: Notification, more: Mapping[str, str]) -> dict[str, str]:
    labels = {"alertname": clean(notification.rule), "severity": notification.severity}
    given: Iterable[tuple[str, str]] = (*sorted(notification.labels.items()), *sorted(more.items()))
    for name, value in given:
        allowed = _name(name)
        while allowed in labels and labels[allowed] != value:
            allowed += "_"
        if value:  # one without a value is none
            labels[allowed] = value
    return labels


def _name(name: str) -> str:
    allowed = re.sub(r"[^a-zA-Z0-9_]", "_", name) or "_"
    return f"_{allowed}" if allowed[0].isdigit() else allowed


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _of_all(receipts: Mapping[str, Receipt]) -> Receipt:
    failed = {url: receipt for url, receipt in receipts.items() if not receipt.delivered}
    details = "; ".join(f"{url}: {receipt.detail}" for url, receipt in failed.items())
    if len(failed) < len(receipts):
        return Receipt(delivered=True, detail=f"not taken by {details}" if failed else "taken by all replicas")
    waits = [receipt.retry_after for receipt in failed.values() if receipt.retry_after is not None]
    again = any(receipt.again for receipt in failed.values())
    return Receipt(delivered=False, again=again, retry_after=min(waits, default=None), detail=details)
