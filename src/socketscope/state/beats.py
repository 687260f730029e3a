"""When something regular was last done."""

from __future__ import annotations

from socketscope.state.database import Database


class Beats:
    """Moments by name; methods block."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def last(self, name: str) -> float | None:
        """Return when it was last done; None: never."""
        rows = self._database.read("SELECT at FROM beats WHERE name = ?", name)
        return float(rows[0]["at"]) if rows else None

    def done(self, name: str, at: float) -> None:
        """Note that it was done."""
        self._database.write("INSERT OR REPLACE INTO beats VALUES (?, ?)", name, at)
