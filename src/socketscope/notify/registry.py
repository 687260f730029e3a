"""Which notifiers there are: the options of each type, and the notifier that is made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from socketscope.errors import ConfigurationError
from socketscope.notify.alertmanager import Alertmanager, AlertmanagerOptions
from socketscope.notify.apprise import AppriseOptions, ByApprise
from socketscope.notify.base import Notifier
from socketscope.notify.blackhole import Blackhole, BlackholeOptions
from socketscope.notify.email import Email, EmailOptions
from socketscope.notify.options import Options
from socketscope.notify.pagerduty import PagerDuty, PagerDutyOptions
from socketscope.notify.slack import Slack, SlackOptions
from socketscope.notify.sms import Sms, SmsOptions
from socketscope.notify.webhook import Webhook, WebhookOptions

NotifierOptions = Annotated[
    EmailOptions
    | SlackOptions
    | SmsOptions
    | PagerDutyOptions
    | WebhookOptions
    | AlertmanagerOptions
    | AppriseOptions
    | BlackholeOptions,
    Field(discriminator="type"),
]
"""Options of one notifier; its `type` says which."""

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Notifiers = dict[Name, NotifierOptions]
"""Name -> options, as the section `notifiers` of a configuration has them."""


@dataclass(frozen=True, slots=True)
class Type:
    """A type of notifier: its options, how one is made of a name and these, and whether it is for reports too."""

    options: type[Options]
    make: Callable[[str, Any], Notifier]
    takes_reports: bool = True


TYPES: Final[Mapping[str, Type]] = {
    "email": Type(EmailOptions, Email),
    "slack": Type(SlackOptions, Slack),
    "sms": Type(SmsOptions, Sms),
    "pagerduty": Type(PagerDutyOptions, PagerDuty, takes_reports=False),
    "webhook": Type(WebhookOptions, Webhook),
    "alertmanager": Type(AlertmanagerOptions, Alertmanager, takes_reports=False),
    "apprise": Type(AppriseOptions, ByApprise),
    "blackhole": Type(BlackholeOptions, Blackhole),
}
"""All types by the name that `type` has in a configuration."""


def build(name: str, options: NotifierOptions) -> Notifier:
    """Return the notifier called `name`; nothing is connected to yet.

    Raises `ConfigurationError` where a file of certificates or an address of Apprise can't be used.
    """
    try:
        return TYPES[options.type].make(name, options)
    except ConfigurationError as error:
        raise ConfigurationError(f"notifiers.{name}.{error.setting}", error.value, error.expected) from None


def refuse_reports_to(notifiers: Mapping[str, NotifierOptions], names: Iterable[str], *, setting: str) -> None:
    """Raise a `ConfigurationError` of `setting` for the first of `names` that there is none of, or that wakes people.

    What is told to a pager, or to whatever routes alerts, is an alert to it.
    """
    able = [name for name, options in notifiers.items() if TYPES[options.type].takes_reports]
    for name in names:
        if name not in able:
            known = ", ".join(able) or "none is configured: add one to the section 'notifiers'"
            raise ConfigurationError(setting, name, f"one of the notifiers that take reports ({known})")


def build_all(notifiers: Mapping[str, NotifierOptions]) -> dict[str, Notifier]:
    """Return all notifiers by name. Raises an `ExceptionGroup` of a `ConfigurationError` for each that can't be."""
    built: dict[str, Notifier] = {}
    mistakes: list[ConfigurationError] = []
    for name, options in notifiers.items():
        try:
            built[name] = build(name, options)
        except ConfigurationError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise ExceptionGroup("notifiers", mistakes)
    return built
