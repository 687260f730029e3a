"""Plain text: for terminals, and for mail programs that show no HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from socketscope.reports.form.tables import cut
from socketscope.reports.form.view import Table, View
from socketscope.reports.form.words import Words

_WIDTH: Final = 76
_MOST_ROWS: Final = 12


def text(view: View, words: Words) -> str:
    """Return the report."""
    return "\n\n".join(_parts(view, words)) + "\n"


def brief(view: View) -> str:
    """Return what stands out in it, with what has to be known before."""
    return " ".join([*(f"{badge}." for _, badge in view.badges), *view.standing_out[1]])


def _parts(view: View, words: Words) -> Iterator[str]:
    title = f"{view.kicker}: {view.title}"
    yield f"{title}\n{'=' * len(title)}"
    for _, badge in view.badges:
        yield f"! {badge}"
    yield textwrap.fill(" ".join(view.standing_out[1]), _WIDTH)
    yield "\n".join(
        f"{card.label}: {card.value}" + "".join(f"\n  {detail}" for detail in card.details) for card in view.cards
    )
    for table in [view.issues, *view.tables]:
        if table.key != "figures" and (table.rows or table.essential):
            yield _table(cut(table, _MOST_ROWS, words))
    if view.link:
        yield ": ".join(view.link)
    yield "\n".join(view.facts)
    lines = [f"[{row[0].mark}] {row[1].text}: {row[2].text}" for row in view.made.rows]
    yield "\n".join([view.made.title, "-" * len(view.made.title), *lines])
    yield textwrap.fill(view.made.note, _WIDTH)
    yield from view.notes
    yield "\n".join(view.footer)


def _table(table: Table) -> str:
    lines = [table.title, "-" * len(table.title)]
    if table.rows:
        cells = [table.head, *([cell.text for cell in row] for row in table.rows)]
        widths = [max(len(row[place]) for row in cells) for place in range(len(table.head))]
        sides = [cell.number for cell in table.rows[0]]
        lines += [
            "  ".join(
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, sides, strict=True)
            ).rstrip()
            for row in cells
        ]
        lines += dict.fromkeys(cell.address for row in table.rows for cell in row if cell.address)
    else:
        lines.append(table.empty)
    lines += [line for line in (table.more, table.note) if line]
    return "\n".join(lines)
