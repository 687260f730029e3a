"""One file of HTML that needs nothing else: light, dark and on paper; no script, and none can run in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from socketscope.reports.form import charts, fill
from socketscope.reports.form.view import Picture, View
from socketscope.reports.form.words import Words

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The page's own Content-Security-Policy: it has its styles and its charts in it, and loads nothing."""

_WIDE: Final = (860.0, 230.0)
_NARROW: Final = (330.0, 190.0)
"""Width and height of charts in pixels, on a desk and on a telephone."""


@dataclass(frozen=True, slots=True)
class _Drawn:
    of: Picture
    wide: str
    narrow: str


def html(view: View, words: Words) -> str:
    """Return the page."""
    return fill.fill(
        "report.html",
        view=view,
        policy=POLICY,
        style=fill.source("report.css"),
        pictures=[
            _Drawn(picture, *(_svg(picture, words, size) for size in (_WIDE, _NARROW))) for picture in view.pictures
        ],
    )


def _svg(picture: Picture, words: Words, size: tuple[float, float]) -> str:
    width, height = size
    return charts.svg(picture.chart, words, width=width, height=height)
