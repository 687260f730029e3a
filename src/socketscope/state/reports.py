"""Reports of days: which are to be made, were made or given up, and what was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from sqlite3 import Row
from typing import Final, Literal

from socketscope.state.database import Database

Fate = Literal["due", "made", "given_up"]
Form = Literal["html", "json", "md"]
"""Forms in which a report is kept, by the endings of their files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The report of one local day.

    `due_at`: when it was to be made; `next_at`: when it is tried, while it is due; `ended_at`: when it was made or
    given up; `detail`: what the last attempt that failed brought.
    """

    date: date
    status: Fate
    due_at: float
    attempts: int
    next_at: float
    ended_at: float | None
    detail: str


_SELECT: Final = "SELECT date, status, due_at, attempts, next_at, ended_at, detail FROM reports"


class Reports:
    """One entry for each day; methods block."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def expect(self, day: date, *, due_at: float) -> None:
        """Note that the report of a day is to be made, unless it was noted before."""
        self._database.write(
            "INSERT OR IGNORE INTO reports (date, status, due_at, next_at) VALUES (?, 'due', ?, ?)",
            day.isoformat(),
            due_at,
            due_at,
        )

    def next(self) -> Entry | None:
        """Return what is to be made first, be it in the future; None where nothing is."""
        rows = self._database.read(f"{_SELECT} WHERE status = 'due' ORDER BY next_at, date LIMIT 1")
        return _entry(rows[0]) if rows else None

    def made(self, day: date, forms: Mapping[Form, str], *, now: float) -> None:
        """Keep what was made of a day."""
        self._database.write(
            "UPDATE reports SET status = 'made', attempts = attempts + 1, ended_at = ?, html = ?, json = ?, md = ?"
            " WHERE date = ?",
            now,
            forms["html"],
            forms["json"],
            forms["md"],
            day.isoformat(),
        )

    def failed(self, day: date, *, until: float, detail: str) -> None:
        """Note an attempt that failed; the next one is due at `until`."""
        self._database.write(
            "UPDATE reports SET attempts = attempts + 1, next_at = ?, detail = ? WHERE date = ?",
            until,
            detail,
            day.isoformat(),
        )

    def given_up(self, day: date, *, now: float, detail: str) -> None:
        """Note an attempt that failed and was the last."""
        self._database.write(
            "UPDATE reports SET status = 'given_up', attempts = attempts + 1, ended_at = ?, detail = ? WHERE date = ?",
            now,
            detail,
            day.isoformat(),
        )

    def entries(self, *, limit: int) -> list[Entry]:
        """Return the reports of the last days, the newest first."""
        rows = self._database.read(f"{_SELECT} ORDER BY date DESC LIMIT ?", limit)
        return [_entry(row) for row in rows]

    def read(self, day: date, form: Form) -> str | None:
        """Return what was made of a day; None where there is nothing."""
        rows = self._database.read("SELECT html, json, md FROM reports WHERE date = ?", day.isoformat())
        return rows[0][form] if rows else None

    def prune(self, before: float) -> None:
        """Drop what was made or given up before then."""
        self._database.write("DELETE FROM reports WHERE ended_at < ?", before)


def _entry(row: Row) -> Entry:
    return Entry(**{**dict(row), "date": date.fromisoformat(row["date"])})
