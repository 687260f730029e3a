"""SMS by Twilio's REST API: one message of 160 characters."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, SecretStr, model_validator
from typing_extensions import override

from socketscope.backends.http import Access, Answer
from socketscope.notify.attempt import attempt
from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.http import Address, Receiver, is_passing, read, receipt_of, refused, unreadable
from socketscope.notify.options import Options, needed, plain_text
from socketscope.notify.secrets import Secrets
from socketscope.notify.text import short

_AGAIN: Final = frozenset({14107, 20429, 21611, 30001, 30022})
"""Twilio's codes for "too much at the moment" (rate, concurrency, queue): a later attempt can succeed."""
_LOST: Final = frozenset({"failed", "undelivered", "canceled"})


class SmsOptions(Options):
    """SMS to one telephone, by Twilio."""

    type: Literal["sms"] = "sms"
    account: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    """Account's SID (`AC` and 32 hexadecimal digits)."""
    key: str | None = Field(default=None, pattern=r"^SK[0-9a-fA-F]{32}$")
    """SID of an API key whose secret is in `auth_token`, in place of the account's own token."""
    auth_token: SecretStr | None = None
    """The account's auth token, or the API key's secret."""
    sender: str | None = Field(default=None, pattern=r"^(\+[1-9]\d{1,14}|[0-9A-Za-z ]{3,11})$")
    """Number (`+15005550006`), short code or name that it is from."""
    service: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$")
    """SID of a messaging service, in place of `sender`."""
    to: str = Field(pattern=r"^\+[1-9]\d{1,14}$")
    """Number that it goes to, with country (E.164). One notifier for each telephone: each is delivered by itself."""
    url: Address = "https://api.twilio.com"
    """Address of Twilio's API."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        needed(self, "auth_token")
        if (self.sender is None) == (self.service is None):
            raise ValueError("one of sender and service")
        return self


class Sms(Notifier):
    """Sends one SMS for each notification."""

    def __init__(self, name: str, options: SmsOptions) -> None:
        self.name = name
        self._options = options
        self._secrets = Secrets(options.auth_token)
        access = Access(basic=(options.key or options.account, plain_text(options.auth_token)))
        self._receiver = Receiver(name, timeout=options.timeout, access=access)

    @override
    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """Send an SMS."""
        return await attempt(self._send(notification), seconds=self._options.timeout, secrets=self._secrets)

    async def _send(self, notification: Notification) -> Receipt:
        options = self._options
        form = {"To": options.to, "Body": short(notification)}
        form |= {"MessagingServiceSid": options.service} if options.service else {"From": options.sender or ""}
        url = f"{options.url.rstrip('/')}/2010-04-01/Accounts/{options.account}/Messages.json"
        return _receipt(await self._receiver.post(url, data=form))


def _receipt(answer: Answer) -> Receipt:
    said = read(answer)
    if answer.is_success:
        code = said.get("error_code")
        if said.get("status") in _LOST:
            return refused(f"twilio: {said['status']}, error {code}", again=code in _AGAIN)
        if not said.get("sid"):
            return unreadable("twilio")
        return Receipt(delivered=True, detail=f"twilio: {said.get('status')} {said['sid']}")
    code = said.get("code")
    if not isinstance(code, int):
        return receipt_of(answer)
    again = code in _AGAIN or is_passing(answer)
    return refused(f"twilio: error {code}: {said.get('message')}", again=again, answer=answer)
