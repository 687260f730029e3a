"""Slack, by its Web API: one thread of messages for each alert, whose first one is changed at recovery."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

from pydantic import Field, SecretStr, model_validator
from typing_extensions import override

from socketscope.backends.http import Access
from socketscope.notify.attempt import attempt
from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.http import Address, Receiver, is_passing, read, receipt_of, refused, unreadable
from socketscope.notify.options import Options, needed, plain_text
from socketscope.notify.secrets import Secrets
from socketscope.notify.text_slack import message

_AGAIN: Final = frozenset(
    {
        "fatal_error",
        "internal_error",
        "message_limit_exceeded",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
"""Errors of Slack for which a later attempt can succeed; all others are for somebody to mend."""
_GONE: Final = frozenset({"message_not_found", "thread_not_found", "cannot_reply_to_message"})
"""The thread's first message was deleted, or takes no more replies."""


class SlackOptions(Options):
    """Slack, by its Web API; the app has the scope `chat:write` and is a member of the channel."""

    type: Literal["slack"] = "slack"
    token: SecretStr | None = None
    """Token of the bot (`xoxb-...`)."""
    channel: str = Field(min_length=1)
    """Name (`#alerts`) or id of the channel."""
    url: Address = "https://slack.com/api"
    """Address of the Web API."""

    @model_validator(mode="after")
    def _has_a_token(self) -> Self:
        needed(self, "token")
        return self


@dataclass(frozen=True, slots=True)
class _Said:
    """What became of one call, and Slack's name of the error."""

    receipt: Receipt
    error: str | None = None


class Slack(Notifier):
    """Posts a message for each notification; the receipt's thread is `CHANNEL:TS` of the alert's first one."""

    def __init__(self, name: str, options: SlackOptions) -> None:
        self.name = name
        self._options = options
        self._secrets = Secrets(options.token)
        self._receiver = Receiver(name, timeout=options.timeout, access=Access(bearer=plain_text(options.token)))

    @override
    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """Post a message, or reply in the thread; at recovery the first message is changed before that."""
        return await attempt(self._send(notification, thread), seconds=self._options.timeout, secrets=self._secrets)

    async def _send(self, notification: Notification, thread: str | None) -> Receipt:
        channel, _, ts = (thread or "").rpartition(":")
        if not channel or not ts:
            return (await self._post(notification)).receipt
        note = ""
        if notification.status == "resolved":
            # First what may be repeated: if the reply is not taken, both come again, and nobody sees anything twice.
            changed = (await self._call("chat.update", {"channel": channel, "ts": ts, **message(notification)})).receipt
            if changed.again:
                return changed
            note = "" if changed.delivered else f"; the first message stays as it was ({changed.detail})"
        reply = await self._post(notification, channel=channel, ts=ts)
        if reply.error in _GONE:
            return (await self._post(notification)).receipt
        receipt = replace(reply.receipt, detail=reply.receipt.detail + note)
        return replace(receipt, thread=thread) if receipt.delivered else receipt

    async def _post(self, notification: Notification, *, channel: str | None = None, ts: str | None = None) -> _Said:
        body = {
            "channel": channel or self._options.channel,
            **message(notification),
            "unfurl_links": False,
            "unfurl_media": False,
            # By which a reader of the channel knows what came twice.
            "metadata": {
                "event_type": "socketscope_notification",
                "event_payload": {"key": notification.key, "fingerprint": notification.fingerprint},
            },
        }
        return await self._call("chat.postMessage", body if ts is None else {**body, "thread_ts": ts})

    async def _call(self, method: str, body: dict[str, Any]) -> _Said:
        answer = await self._receiver.post(f"{self._options.url.rstrip('/')}/{method}", json=body)
        said = read(answer)
        error = said.get("error")
        if answer.is_success and said.get("ok") is True:
            channel, ts = said.get("channel"), said.get("ts")
            found = isinstance(channel, str) and isinstance(ts, str)
            return _Said(Receipt(delivered=True, detail=f"slack: ts {ts}", thread=f"{channel}:{ts}" if found else None))
        if isinstance(error, str):
            again = error in _AGAIN or is_passing(answer)
            return _Said(refused(f"slack: {error}", again=again, answer=answer), error)
        if answer.is_success:
            return _Said(unreadable("slack"))
        return _Said(receipt_of(answer))
