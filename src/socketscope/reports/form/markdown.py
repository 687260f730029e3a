"""CommonMark for chats: headings, lists and links alone, as Slack's Markdown block knows no tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from socketscope.reports.form.tables import cut
from socketscope.reports.form.view import Cell, Table, View
from socketscope.reports.form.words import Words

LONGEST: Final = 11_500
"""Characters of a report, below the 12,000 that Slack takes in a message."""
_MOST_ROWS: Final = 5
_MARKS: Final = re.compile(r"[\\`*_\[\]#|~$]")
_INSTEAD: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""Written so that neither Markdown takes them for HTML nor Slack for a mention."""


def markdown(view: View, words: Words) -> str:
    """Return the report; what does not fit is left out from its end."""
    parts: list[str] = []
    room = LONGEST
    for part in _parts(view, words):
        room -= len(part) + 2
        if room < 0:
            break
        parts.append(part)
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Return plain text so that it is shown as it is: nothing in it is a mark, a mention, HTML or a link."""
    text = _MARKS.sub(r"\\\g<0>", text)
    text = re.sub("[&<>]", lambda found: _INSTEAD[found[0]], text)
    # What chats make links of by themselves.
    text = re.sub(r":(?=//)|@", r"\\\g<0>", text)
    return re.sub(r"(?<=\w)\.(?=[^\W\d_])", r"\.", text)


def _parts(view: View, words: Words) -> Iterator[str]:
    yield f"# {escape(view.kicker)}: {escape(view.title)}"
    for _, text in view.badges:
        yield f"**{escape(text)}**"
    yield escape(" ".join(view.standing_out[1]))
    yield "\n".join(
        f"- {escape(card.label)}: **{escape(card.value.text)}**"
        + "".join(f"; {escape(more)}" for more in filter(None, (card.value.note, *card.details)))
        for card in view.cards
    )
    for table in [view.issues, *(table for table in view.tables if table.essential)]:
        yield _table(cut(table, _MOST_ROWS, words))
    yield "\n".join(f"- {escape(fact)}" for fact in view.facts)
    if view.link:
        yield _link(*view.link)
    yield f"## {escape(view.made.title)}\n\n" + "\n".join(
        f"- {escape(row[1].text)}: {escape(row[2].text)}" for row in view.made.rows
    )
    yield " ".join(map(escape, view.footer))


def _table(table: Table) -> str:
    lines = [f"- {_row(table.head, row)}" for row in table.rows]
    lines += [f"- {escape(table.more)}"] if table.more else []
    lines += [] if table.rows else [escape(table.empty)]
    lines += ["", escape(table.note)] if table.note else []
    return "\n".join([f"## {escape(table.title)}", "", *lines])


def _row(head: Sequence[str], row: Iterable[Cell]) -> str:
    """Return a row as a sentence: the first cell, and the others with their names where they are numbers."""
    said: list[str] = []
    for name, cell in zip(head, row, strict=True):
        if not cell.text:
            continue
        text = _link(cell.text, cell.address) if cell.address else escape(cell.text)
        said.append(f"{escape(name)} {text}" if cell.number else f"**{text}**" if not said else text)
    return ", ".join(said)


def _link(text: str, address: str) -> str:
    safe = re.sub(r"[\s<>()\\]", lambda found: "".join(f"%{octet:02X}" for octet in found[0].encode()), address)
    return f"[{escape(text)}]({safe})"
