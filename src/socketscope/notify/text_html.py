"""The message as HTML for mail: inline styles, no images, nothing that is fetched; everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from socketscope.notify.base import Notification
from socketscope.notify.text import facts, is_link, links, metrics, subject, title

COLOURS: Final = {"critical": "#b42318", "warning": "#b54708", "info": "#175cd3", "resolved": "#067647"}
"""Severity, or `resolved`, -> a colour that is readable under white text."""

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{subject}</title></head>
<body style="margin:0;padding:16px;background:#f6f7f9;color:#1d2433;font:14px/1.5 sans-serif">
<div style="max-width:640px;margin:0 auto;background:#fff;border:1px solid #d9dde5;border-radius:6px;overflow:hidden">
<div style="padding:12px 16px;background:{colour};color:#fff"><b>{badge}</b></div>
<div style="padding:16px">
<h1 style="margin:0 0 12px;font-size:18px">{title}</h1>
{body}
</div></div></body></html>
"""
_CELL: Final = '<td style="padding:2px 16px 2px 0;vertical-align:top{}">{}</td>'


def html(notification: Notification) -> str:
    """Return the whole message as a page of HTML."""
    if notification.document:
        return notification.document.page
    state = "resolved" if notification.status == "resolved" else notification.severity
    parts = [_table(facts(notification))]
    if numbers := _table(metrics(notification)):
        parts += ['<h2 style="margin:16px 0 4px;font-size:15px">Current metrics</h2>', numbers]
    parts += [f'<p style="margin:12px 0 0">{name}: {_link(address)}</p>' for name, address in links(notification)]
    return _PAGE.format(
        subject=escape(subject(notification)),
        colour=COLOURS[state],
        badge=escape(f"{notification.status} · {notification.severity}"),
        title=escape(title(notification)),
        body="\n".join(parts),
    )


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [
        f"<tr>{_CELL.format(';color:#5b6475', escape(name))}{_CELL.format('', escape(value))}</tr>"
        for name, value in rows
    ]
    return "\n".join(['<table style="border-collapse:collapse">', *lines, "</table>"]) if lines else ""


def _link(address: str) -> str:
    shown = escape(address)
    return f'<a href="{shown}" style="color:#175cd3">{shown}</a>' if is_link(address) else shown
