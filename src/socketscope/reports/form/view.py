"""A report laid out, in one language: what every form (HTML, mail, Markdown, text) shows, each in its own way.

All strings are plain text in which names of strangers are fit to be shown (`names.py`); no mark of any language is in
them, so each form escapes everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from socketscope.reports.form.charts import Chart
from socketscope.reports.form.figures import NO_MARK, Value

Tone = Literal["", "critical", "warning", "info", "quiet"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: `number` stands to the right; `part` (0..1) is drawn as a bar; `address` is linked to."""

    text: str
    note: str = ""
    mark: int = NO_MARK
    number: bool = False
    part: float | None = None
    address: str | None = None
    tone: Tone = ""

    @classmethod
    def of(cls, value: Value) -> Cell:
        """Return the cell of a figure."""
        tone: Tone = "" if value.available else "quiet"
        note = value.hint if value.available else value.note
        return cls(text=value.text, note=note, mark=value.mark, number=True, tone=tone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows below a `head`; where there are none, `empty` says why. `note` is about all of it, `more` what is cut.

    `essential` tables are in every form, others only where there is room.
    """

    key: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]] = ()
    empty: str = ""
    note: str = ""
    mark: int = NO_MARK
    more: str = ""
    essential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One of the figures that come first, and what is said below it."""

    label: str
    value: Value
    details: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chart, its caption and what it shows, in words; `note` is on the truth of all of it."""

    key: str
    title: str
    alt: str
    chart: Chart
    mark: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A report from top to bottom.

    * `kicker`, `title`, `facts`: what it is, of when, and its setting (zone, backend, coverage).
    * `badges`: what has to be known before anything is read: late, not over, samples missing.
    * `subject`: one line for the subject of a mail.
    * `standing_out`: heading and sentences of the paragraph.
    * `hours`: the numbers of the chart. `made`: how these figures were made. `footer`: by whom the report was.
    """

    language: str
    kicker: str
    title: str
    subject: str
    badges: Sequence[tuple[Tone, str]]
    facts: Sequence[str]
    standing_out: tuple[str, Sequence[str]]
    cards: Sequence[Card]
    pictures: Sequence[Picture]
    issues: Table
    tables: list[Table]
    hours: Table
    made: Table
    notes: Sequence[str]
    footer: Sequence[str]
    link: tuple[str, str] | None
