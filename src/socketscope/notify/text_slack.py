"""The message in Slack's language: its marks and mentions are escaped in everything that is not ours."""

from __future__ import annotations

from typing import Any, Final

from socketscope.notify.base import Notification
from socketscope.notify.document import Document
from socketscope.notify.text import facts, is_link, links, metrics, subject
from socketscope.notify.text_html import COLOURS

_TEXT: Final = 3000
"""Characters of a section."""
_FIELDS: Final = 10
"""Fields of a section."""
_MARKDOWN: Final = 12_000
"""Characters of Markdown in a message (docs.slack.dev, markdown block)."""


def message(notification: Notification) -> dict[str, Any]:
    """Return a coloured block in `attachments`, or a report in `blocks`, and how to read it.

    `text` is what a notification on a phone shows.
    """
    headline = escape(subject(notification))
    if notification.document:
        return {"text": headline, "blocks": [*_in_full(notification.document), *_addresses(notification)]}
    blocks = [
        _section(f"*{headline}*"),
        _section("\n".join(f"{escape(n)}: {escape(v)}" for n, v in facts(notification))),
    ]
    if numbers := [_mark(f"*{escape(n)}*\n{escape(v)}") for n, v in metrics(notification)]:
        blocks.append({"type": "section", "fields": numbers[:_FIELDS]})
    blocks += _addresses(notification)
    state = "resolved" if notification.status == "resolved" else notification.severity
    attachments = [{"color": COLOURS[state], "fallback": headline, "blocks": blocks}]
    # `chat.update` would look for names, channels and addresses in the text by itself (`client`), unlike `postMessage`.
    return {"text": headline, "attachments": attachments, "parse": "none", "link_names": False}


def _in_full(document: Document) -> list[dict[str, Any]]:
    """Return a report in the block that takes Markdown as everybody else writes it."""
    return [{"type": "markdown", "text": document.markdown[:_MARKDOWN]}]


def _addresses(notification: Notification) -> list[dict[str, Any]]:
    addresses = [_link(name, address) for name, address in links(notification)]
    return [{"type": "context", "elements": [_mark("  ·  ".join(addresses))]}] if addresses else []


def escape(text: str) -> str:
    """Return `text` with what Slack takes for links and mentions made harmless."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mark(text)}


def _mark(text: str) -> dict[str, Any]:
    # `verbatim`: nothing in it becomes a link or a mention by itself.
    return {"type": "mrkdwn", "text": text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…", "verbatim": True}


def _link(name: str, address: str) -> str:
    return f"<{escape(address)}|{name}>" if is_link(address) else f"{name}: {escape(address)}"
