"""The reports that were made, and those that are to be. For the console's routes; it may be called in the loop."""

from __future__ import annotations

import asyncio
from datetime import date

from socketscope.state.reports import Entry, Form, Reports


class Archive:
    """Reads what is kept. Raises `StateError` when that can't be done."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports

    async def entries(self, *, limit: int) -> list[Entry]:
        """Return the last days, the newest first."""
        return await asyncio.to_thread(self._reports.entries, limit=limit)

    async def read(self, day: date, form: Form) -> str | None:
        """Return the report of a day in one form; None where there is none."""
        return await asyncio.to_thread(self._reports.read, day, form)
