"""What people read of a notification: its facts, as plain text, as a subject, and as an SMS.

Labels and values come from telemetry, so from strangers: here they lose control characters, line breaks and length,
and whoever writes them in a language of marks (HTML, Slack's) escapes them there.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from socketscope.notify.base import Notification
from socketscope.notify.gsm7 import fitting

SMS: Final = 160
"""Characters of one SMS in the alphabet of GSM 7 bit."""
NOT_AVAILABLE: Final = "not available"
_LONGEST: Final = 300
_SUBJECT: Final = 200
_METRICS: Final = {
    "current_connections": "Connections",
    "cpu_usage": "CPU",
    "memory_usage": "Memory",
    "errors": "Errors",
    "uptime": "Uptime",
}
"""Metrics that have a name in the text, in the order in which they are shown; others follow as they are called."""
_PERCENT: Final = frozenset({"cpu_usage", "memory_usage"})


def subject(notification: Notification) -> str:
    """Return one line: status, severity, rule and summary; of a report its title."""
    if notification.document:
        return _cut(clean(notification.document.title), _SUBJECT)
    state = notification.severity if notification.status == "firing" else notification.status
    return _cut(f"[{state.upper()}] {title(notification)}", _SUBJECT)


def title(notification: Notification) -> str:
    """Return the rule and its summary, in one line."""
    rule, summary = clean(notification.rule), clean(notification.summary)
    return f"{rule}: {summary}" if summary else rule


def facts(notification: Notification) -> Iterator[tuple[str, str]]:
    """Yield name and value of what is known of the alert: status, severity, value, times, labels."""
    yield "Status", notification.status
    yield "Severity", notification.severity
    if notification.value is not None:
        limit = "" if notification.threshold is None else f" (threshold {number(notification.threshold)})"
        yield "Value", number(notification.value) + limit
    yield "Since", moment(notification.started_at)
    if notification.resolved_at is not None:
        yield "Resolved", moment(notification.resolved_at)
        yield "Lasted", duration(notification.resolved_at - notification.started_at)
    for name, value in sorted(notification.labels.items()):
        yield clean(name), clean(value)


def metrics(notification: Notification) -> Iterator[tuple[str, str]]:
    """Yield name and value of the current metrics."""
    given = notification.metrics
    for name in (*(known for known in _METRICS if known in given), *sorted(given.keys() - _METRICS.keys())):
        yield _METRICS.get(name, clean(name)), _metric(name, given[name])


def links(notification: Notification) -> Iterator[tuple[str, str]]:
    """Yield name and address of where to read on: the runbook, and the alert's page."""
    if runbook := clean(notification.runbook):
        yield "Runbook", runbook
    if link := clean(notification.link):
        yield "Details", link


def is_link(address: str) -> bool:
    """Whether `address` is one that a browser may be sent to."""
    return re.fullmatch(r"https?://[^\s<>\"'|\\]+", address) is not None


def plain(notification: Notification) -> str:
    """Return the whole message as plain text."""
    if notification.document:
        return notification.document.text
    blocks = [[title(notification)], [f"{name}: {value}" for name, value in facts(notification)]]
    if numbers := [f"- {name}: {value}" for name, value in metrics(notification)]:
        blocks.append(["Current metrics:", *numbers])
    if addresses := [f"{name}: {address}" for name, address in links(notification)]:
        blocks.append(addresses)
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def brief(notification: Notification) -> str:
    """Return the message for receivers with little room: of a report a few sentences and its address."""
    if not notification.document:
        return plain(notification)
    return "\n\n".join([notification.document.brief, *(address for _, address in links(notification))]) + "\n"


def short(notification: Notification, most: int = SMS) -> str:
    """Return what fits into `most` characters of an SMS, in its alphabet; the link only where all of it fits."""
    text = subject(notification)
    if notification.value is not None:
        text += f" ({number(notification.value)})"
    link = clean(notification.link)
    if link and fitting(whole := f"{text} {link}", most) == fitting(whole):
        return fitting(whole)
    return fitting(text, most)


def clean(text: str) -> str:
    """Return `text` in one line, without characters that control or hide others, and of bounded length."""
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else c for c in str(text))
    return _cut(" ".join(kept.split()), _LONGEST)


def number(value: float) -> str:
    """Return a number as people write it."""
    return f"{value:,.0f}" if abs(value) >= 1000 and value % 1 == 0 else f"{value:.4g}"


def moment(seconds: float) -> str:
    """Return a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    whole, parts = max(round(seconds), 0), list[str]()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _metric(name: str, value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return NOT_AVAILABLE
    if name in _PERCENT:
        return f"{value:.1f} %"
    return duration(value) if name == "uptime" else number(value)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
