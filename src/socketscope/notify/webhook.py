"""A webhook: JSON of a documented shape, signed as standardwebhooks.com describes, so that libraries can check it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self
from urllib.parse import quote

from pydantic import SecretStr, field_validator, model_validator
from typing_extensions import override

from socketscope.backends.http import Access
from socketscope.notify.attempt import attempt
from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.http import Receiver, checked, receipt_of
from socketscope.notify.options import Options, needed, plain_text
from socketscope.notify.secrets import Secrets
from socketscope.notify.text import subject

SCHEMA: Final = "socketscope.notification.v1"
"""Name and version of the body's shape: fields may be added to it, a change of one gives a new version."""
_ENCODED: Final = "whsec_"
"""Begins a secret that is given in base64."""


class WebhookOptions(Options):
    """A service of one's own that takes JSON over HTTP."""

    may_be_written: ClassVar[frozenset[str]] = frozenset({"url"})

    type: Literal["webhook"] = "webhook"
    url: SecretStr | None = None
    """Address to POST to. It is never shown: whoever knows one can often send there."""
    secret: SecretStr | None = None
    """Key of the signature: `whsec_` and base64, or any text; without one nothing is signed."""
    bearer: SecretStr | None = None
    """Token to show (`Authorization: Bearer ...`)."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust in place of the system's."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            checked(value.get_secret_value())
        return value

    @field_validator("secret")
    @classmethod
    def _is_a_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                key(value)
            except binascii.Error:
                raise ValueError(f"base64 after {_ENCODED}") from None
        return value

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        needed(self, "url")
        return self


class Webhook(Notifier):
    """POSTs each notification; 2xx is taken for delivered."""

    def __init__(self, name: str, options: WebhookOptions) -> None:
        self.name = name
        self._options = options
        self._secrets = Secrets(options.secret, options.bearer, addresses=[options.url])
        access = Access(bearer=plain_text(options.bearer) or None)
        self._receiver = Receiver(name, timeout=options.timeout, access=access, ca_file=options.ca_file)

    @override
    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """POST a notification."""
        return await attempt(self._send(notification), seconds=self._options.timeout, secrets=self._secrets)

    async def _send(self, notification: Notification) -> Receipt:
        content = json.dumps(body(notification), ensure_ascii=True, allow_nan=False).encode("ascii")
        identity = quote(notification.key, safe=":/+=@,;", errors="replace")
        headers = {"Content-Type": "application/json", "Idempotency-Key": identity, "webhook-id": identity}
        timestamp = str(int(time.time()))
        headers["webhook-timestamp"] = timestamp
        if self._options.secret:
            headers["webhook-signature"] = sign(self._options.secret, identity, timestamp, content)
        return receipt_of(await self._receiver.post(plain_text(self._options.url), content=content, headers=headers))


def body(notification: Notification) -> dict[str, Any]:
    """Return what is sent. Times are seconds since the epoch, numbers that are none are null."""
    document = notification.document
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "key": notification.key,
        "fingerprint": notification.fingerprint,
        "rule": notification.rule,
        "status": notification.status,
        "severity": notification.severity,
        "title": subject(notification),
        "summary": notification.summary,
        "labels": dict(notification.labels),
        "value": _finite(notification.value),
        "threshold": _finite(notification.threshold),
        "started_at": notification.started_at,
        "resolved_at": notification.resolved_at,
        "at": notification.at,
        "metrics": {name: _finite(value) for name, value in notification.metrics.items()},
        "runbook": notification.runbook,
        "link": notification.link,
    }
    if document:
        told["report"] = {"brief": document.brief, "markdown": document.markdown, "data": document.data}
    return told


def sign(secret: SecretStr, identity: str, timestamp: str, content: bytes) -> str:
    """Return the signature: `v1,` and the base64 of HMAC-SHA256 over `identity.timestamp.content`."""
    signed = f"{identity}.{timestamp}.".encode("ascii") + content
    return "v1," + base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode("ascii")


def key(secret: SecretStr) -> bytes:
    """Return the bytes of a signing secret; raises `binascii.Error` for base64 that is none."""
    text = secret.get_secret_value()
    return base64.b64decode(text[len(_ENCODED) :], validate=True) if text.startswith(_ENCODED) else text.encode()


def _finite(value: float | None) -> float | None:
    # NaN and infinities are no JSON.
    return value if value is not None and abs(value) < float("inf") else None
