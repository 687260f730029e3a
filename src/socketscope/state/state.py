"""All that is kept, over one file."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final, Self

from socketscope.state.beats import Beats
from socketscope.state.database import Database
from socketscope.state.history import History
from socketscope.state.notices import Notices
from socketscope.state.outbox import Outbox
from socketscope.state.reports import Reports
from socketscope.state.rule_states import RuleStates
from socketscope.state.silences import Silences

KEPT: Final = 30 * 86_400.0
"""Seconds for which history, letters that ended and expired silences are kept."""


class State:
    """Rooms of one `Database`; methods of all of them block and may be used from any thread."""

    def __init__(self, database: Database) -> None:
        self.path = database.path
        self.rules = RuleStates(database)
        self.notices = Notices(database)
        self.history = History(database)
        self.silences = Silences(database)
        self.outbox = Outbox(database)
        self.beats = Beats(database)
        self.reports = Reports(database)
        self._database = database

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """Open the file, None for a state in memory; see `Database.open` for what it raises."""
        return cls(Database.open(path))

    def transaction(self) -> contextlib.AbstractContextManager[None]:
        """Keep everything in the context together, or, when it raises, nothing."""
        return self._database.transaction()

    def prune(self, now: float) -> None:
        """Drop what is older than `KEPT`."""
        with self.transaction():
            for room in (self.history, self.silences, self.outbox):
                room.prune(now - KEPT)

    def close(self) -> None:
        """Close the file."""
        self._database.close()
