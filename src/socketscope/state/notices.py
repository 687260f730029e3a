"""What receivers were told of an alert, or a group of alerts, so that nothing is told twice or forgotten."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from socketscope.notify.base import Notification
from socketscope.state.database import Database, to_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One alert's, or group's. Times are those of evaluations.

    * `firing`: it fires; else it is only kept for the cooldown's sake. `started_at`: since when, or when it last did.
    * `told_at`: when receivers were last told that it fires, now or the last time; None: never.
    * `last`: what they were told of this time; None: nothing, so that its end will not be told either.
    * `repeat`, `size`: number of the repeat and of alerts in the group that was told, the greatest.
    """

    fingerprint: str
    rule: str
    firing: bool
    started_at: float
    told_at: float | None = None
    last: Notification | None = None
    repeat: int = 0
    size: int = 0


_NOTICE = TypeAdapter(Notice)


class Notices:
    """Methods block."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, Notice]:
        """Return all, by fingerprint."""
        rows = self._database.read("SELECT notice FROM notices")
        notices = [_NOTICE.validate_python(json.loads(row["notice"])) for row in rows]
        return {notice.fingerprint: notice for notice in notices}

    def save(self, notice: Notice) -> None:
        """Keep what is known of one."""
        text = to_json(asdict(notice))
        self._database.write("INSERT OR REPLACE INTO notices VALUES (?, ?, ?)", notice.fingerprint, notice.rule, text)

    def forget(self, fingerprint: str) -> None:
        """Drop one."""
        self._database.write("DELETE FROM notices WHERE fingerprint = ?", fingerprint)
