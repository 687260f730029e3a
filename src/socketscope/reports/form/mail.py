"""A page for mail programs: styles on each element, tables, pictures by `cid:`; small enough not to be clipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from socketscope.notify.document import Image
from socketscope.reports.form import charts, fill
from socketscope.reports.form.tables import cut
from socketscope.reports.form.view import Picture, Table, View
from socketscope.reports.form.words import Words

LARGEST: Final = 100_000
"""Bytes of a page below which mail programs show all of it (Gmail clips at 102 kB)."""
_WIDTH: Final = 638
"""Pixels of a picture on a page."""
_DRAWN: Final = (520.0, 185.0)
"""Width and height for which it is drawn: its text can be read on a telephone too, where it is half as wide."""
_MOST_ROWS: Final = 12
_CID: Final = "report.socketscope"
"""Right side of the pictures' Content-IDs, which look like addresses (RFC 2045, 7)."""


@dataclass(frozen=True, slots=True)
class _Sent:
    of: Picture
    name: str
    width: int = _WIDTH


def mail(view: View, words: Words) -> tuple[str, list[Image]]:
    """Return the page, and the pictures that it shows."""
    pictures = [_Sent(picture, f"{picture.key}@{_CID}") for picture in view.pictures]
    tables = [cut(table, _MOST_ROWS, words) for table in [view.issues, *_in_mail(view)]]
    page = fill.fill("mail.html", view=view, pictures=pictures, tables=tables)
    images = [
        Image(name=sent.name, content=charts.png(sent.of.chart, words, width=_DRAWN[0], height=_DRAWN[1]))
        for sent in pictures
    ]
    return page, images


def _in_mail(view: View) -> list[Table]:
    """Return what has something to tell; the table of all figures, and what is empty, is in the report itself."""
    return [table for table in view.tables if table.key != "figures" and (table.rows or table.essential)]
