"""Every notifier that speaks HTTP or SMTP, made to ask one receiver; with the secrets that it was given."""

from dataclasses import dataclass

from doubles.pagerduty_double import PagerDutyDouble
from doubles.receiver_double import ReceiverDouble
from doubles.slack_double import SlackDouble
from doubles.twilio_double import ACCOUNT, NUMBER, TwilioDouble
from notify.smtp_server import PASSWORD, USER
from socketscope.notify.registry import TYPES


@dataclass(frozen=True)
class Case:
    """`double` makes the receiver; `options` of its URL are those of the notifier; `secrets` must never be told."""

    kind: str
    double: type
    options: object
    secrets: tuple

    def make(self, url, **more):
        options = TYPES[self.kind].options(**{"timeout": 5, **self.options(url), **more})
        return TYPES[self.kind].make(self.kind, options)


SLACK_TOKEN = "xoxb-1234-abcdef"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
AUTH_TOKEN = "twilio-auth-token"
HOOK = "T0HOOKPATHSECRET"
SIGNING = "signing-secret-of-the-hook"
BEARER = "bearer-token-of-the-hook"

CASES = (
    Case(
        "slack",
        SlackDouble,
        lambda url: {"token": SLACK_TOKEN, "channel": "#alerts", "url": f"{url}/api"},
        (SLACK_TOKEN,),
    ),
    Case(
        "sms",
        TwilioDouble,
        lambda url: {
            "account": ACCOUNT,
            "auth_token": AUTH_TOKEN,
            "sender": NUMBER,
            "to": "+14155552671",
            "url": url,
        },
        (AUTH_TOKEN,),
    ),
    Case(
        "pagerduty",
        PagerDutyDouble,
        lambda url: {"routing_key": ROUTING_KEY, "url": f"{url}/v2/enqueue"},
        (ROUTING_KEY,),
    ),
    Case(
        "webhook",
        ReceiverDouble,
        lambda url: {"url": f"{url}/{HOOK}?token={HOOK}2", "secret": SIGNING, "bearer": BEARER},
        (HOOK, SIGNING, BEARER),
    ),
    Case(
        "alertmanager",
        ReceiverDouble,
        lambda url: {"urls": [url], "username": USER, "password": PASSWORD},
        (PASSWORD,),
    ),
    Case(
        "apprise",
        ReceiverDouble,
        lambda url: {"url": f"json://me:{PASSWORD}@{url.removeprefix('http://')}/{HOOK}?retry=3&wait=0"},
        (PASSWORD, HOOK),
    ),
)
