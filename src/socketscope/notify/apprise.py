"""Everything else, by Apprise: some two hundred services, each an address of its own scheme."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import SecretStr, model_validator
from typing_extensions import override

from socketscope.errors import ConfigurationError
from socketscope.notify.attempt import attempt
from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.options import Options, needed, plain_text
from socketscope.notify.secrets import HIDDEN, Secrets
from socketscope.notify.text import brief, subject

_KINDS: Final = {"critical": "failure", "warning": "warning", "info": "info"}


class AppriseOptions(Options):
    """Any service that Apprise knows: Discord, Telegram, Teams, Matrix, ntfy and many more."""

    type: Literal["apprise"] = "apprise"
    url: SecretStr | None = None
    """Apprise's address of the service, as `discord://...`; it holds the service's secrets."""

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        needed(self, "url")
        return self


class ByApprise(Notifier):
    """Hands each notification to Apprise, which tells no more than whether it was taken."""

    def __init__(self, name: str, options: AppriseOptions) -> None:
        self.name = name
        self._options = options
        self._secrets = Secrets(addresses=[options.url])
        import apprise  # with all its services it takes a second

        self._format = apprise.NotifyFormat.TEXT
        # Trying again is for the one who sends: Apprise would repeat even what was refused for good.
        self._service: Any = apprise.Apprise(asset=apprise.AppriseAsset(default_service_retry=0, secure_logging=True))
        if not self._service.add(plain_text(options.url)):
            raise ConfigurationError("url", HIDDEN, "an address that Apprise understands (see its list of services)")
        for service in self._service:
            service.retry = 0  # whatever the address says

    @override
    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """Send by Apprise."""
        return await attempt(self._send(notification), seconds=self._options.timeout, secrets=self._secrets)

    async def _send(self, notification: Notification) -> Receipt:
        kind = "success" if notification.status == "resolved" else _KINDS[notification.severity]
        result = await self._service.async_notify(
            title=subject(notification),
            body=brief(notification),
            notify_type=kind,
            body_format=self._format,
            timeout=self._options.timeout,
        )
        names = ", ".join(str(service.service_name) for service in self._service)
        if result:
            return Receipt(delivered=True, detail=f"taken by {names}")
        # It may have been refused for good, which Apprise does not tell.
        return Receipt(delivered=False, again=True, detail=f"not taken by {names}; apprise's log may say why")
