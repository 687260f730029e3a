"""Notifications on their way: each to one receiver, until it has it or is given up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from sqlite3 import Row
from typing import Final, Literal

from pydantic import TypeAdapter

from socketscope.notify.base import Notification
from socketscope.notify.document import Document
from socketscope.state.database import Database, to_json

Fate = Literal["pending", "delivered", "dead"]
LONGEST_WAIT: Final = 2 * 86_400.0
"""Seconds; no letter waits longer for its next attempt. Receivers are granted a day (`notify/http.py`)."""
_NOTIFICATION = TypeAdapter(Notification)
_DOCUMENT = TypeAdapter(Document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One notification to one receiver.

    `queued_at`: when it was put there, or sent again by hand; `ended_at`: when it was delivered or given up; `detail`:
    what the last attempt brought. What is long, the notification's document, is there only when it is to be sent.
    """

    id: int
    notifier: str
    notification: Notification
    status: Fate
    attempts: int
    queued_at: float
    next_at: float
    ended_at: float | None
    detail: str


class Outbox:
    """Letters in the order in which they were put; methods block.

    Those of one alert to one receiver are due one after the other, so that no end overtakes its beginning.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, notifier: str, notification: Notification, *, now: float) -> bool:
        """Queue a notification; False where the receiver was sent one with this key already."""
        text = to_json(asdict(replace(notification, document=None)))
        with self._database.transaction():
            changed = self._database.write(
                "INSERT OR IGNORE INTO outbox (notifier, key, fingerprint, notification, status, created_at, queued_at,"
                " next_at) VALUES (?, ?, ?, ?, 'pending', ?, ?, ?)",
                notifier,
                notification.key,
                notification.fingerprint,
                text,
                now,
                now,
                now,
            )
            if changed and notification.document:
                document = _DOCUMENT.dump_json(notification.document).decode()
                self._database.write("INSERT OR IGNORE INTO documents VALUES (?, ?)", notification.key, document)
        return changed > 0

    def due(self, notifier: str, now: float) -> Letter | None:
        """Return the letter that is to be sent next; None where none is due."""
        # What was put in the future, or waits for longer than anybody asks to, was so under a clock that was set back.
        due = "(next_at <= ? OR queued_at > ? OR next_at > ?)"
        rows = self._database.read(
            f"{_FIRST_PENDING} AND {due} ORDER BY next_at, id LIMIT 1", notifier, now, now, now + LONGEST_WAIT
        )
        return self._with_document(_letter(rows[0])) if rows else None

    def next_at(self, notifier: str) -> float | None:
        """Return when the next letter to a receiver is due; None where none waits."""
        rows = self._database.read(f"{_FIRST_PENDING} ORDER BY next_at LIMIT 1", notifier)
        return float(rows[0]["next_at"]) if rows else None

    def thread(self, notifier: str, fingerprint: str) -> str | None:
        """Return what the receiver gave to continue with."""
        rows = self._database.read(
            "SELECT thread FROM threads WHERE notifier = ? AND fingerprint = ?", notifier, fingerprint
        )
        return str(rows[0]["thread"]) if rows else None

    def delivered(self, letter: Letter, *, now: float, thread: str | None, detail: str = "") -> None:
        """Note that the receiver has it; `thread` is kept for what follows of the alert, up to its end.

        Nothing follows of a report.
        """
        fingerprint = letter.notification.fingerprint
        with self._database.transaction():
            self._end(letter.id, "delivered", now, detail)
            if letter.notification.status in ("resolved", "report"):
                self._database.write(
                    "DELETE FROM threads WHERE notifier = ? AND fingerprint = ?", letter.notifier, fingerprint
                )
            elif thread is not None:
                self._database.write(
                    "INSERT OR REPLACE INTO threads VALUES (?, ?, ?)", letter.notifier, fingerprint, thread
                )

    def postponed(self, letter: Letter, *, until: float, detail: str) -> None:
        """Note an attempt that failed; the next one is due at `until`."""
        self._database.write(
            "UPDATE outbox SET attempts = attempts + 1, next_at = ?, detail = ? WHERE id = ?", until, detail, letter.id
        )

    def given_up(self, letter: Letter, *, now: float, detail: str) -> None:
        """Note that it will not be tried again, unless somebody says so."""
        self._end(letter.id, "dead", now, detail)

    def dead(self, *, limit: int = 100) -> list[Letter]:
        """Return the letters that were given up, the last one first."""
        rows = self._database.read(
            "SELECT * FROM outbox WHERE status = 'dead' ORDER BY ended_at DESC, id DESC LIMIT ?", limit
        )
        return [_letter(row) for row in rows]

    def recent(self, *, limit: int = 1000) -> list[Letter]:
        """Return the letters that were put last, the last one first."""
        return [_letter(row) for row in self._database.read("SELECT * FROM outbox ORDER BY id DESC LIMIT ?", limit)]

    def resend(self, letter: int, *, now: float) -> bool:
        """Try a dead letter again, as if it were new; False where there is none of this id.

        If the receiver has later news of the alert already, the latest follows, so that a beginning that arrives after
        its end leaves no alert behind that nobody resolves.
        """
        with self._database.transaction():
            changed = self._database.write(f"{_AGAIN} WHERE id = ? AND status = 'dead'", now, now, letter)
            if changed:
                self._database.write(f"{_AGAIN} WHERE id = ({_LATEST_DELIVERED})", now, now, letter)
        return changed > 0

    def pending(self) -> dict[str, int]:
        """Count what waits, by receiver."""
        rows = self._database.read(
            "SELECT notifier, count(*) AS letters FROM outbox WHERE status = 'pending' GROUP BY notifier"
        )
        return {row["notifier"]: row["letters"] for row in rows}

    def prune(self, before: float) -> None:
        """Drop what was delivered or given up before then, and documents and threads of which nothing is left."""
        with self._database.transaction():
            self._database.write("DELETE FROM outbox WHERE ended_at < ?", before)
            self._database.write("DELETE FROM documents WHERE key NOT IN (SELECT key FROM outbox)")
            self._database.write(
                "DELETE FROM threads WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.notifier = threads.notifier"
                " AND outbox.fingerprint = threads.fingerprint)"
            )

    def _with_document(self, letter: Letter) -> Letter:
        rows = self._database.read("SELECT document FROM documents WHERE key = ?", letter.notification.key)
        if not rows:
            return letter
        document = _DOCUMENT.validate_json(rows[0]["document"])
        return replace(letter, notification=replace(letter.notification, document=document))

    def _end(self, letter: int, status: Fate, now: float, detail: str) -> None:
        self._database.write(
            "UPDATE outbox SET status = ?, attempts = attempts + 1, ended_at = ?, detail = ? WHERE id = ?",
            status,
            now,
            detail,
            letter,
        )


_AGAIN = "UPDATE outbox SET status = 'pending', attempts = 0, queued_at = ?, next_at = ?, ended_at = NULL"
_LATEST_DELIVERED = """
    SELECT max(later.id) FROM outbox AS later JOIN outbox AS letter
    ON later.notifier = letter.notifier AND later.fingerprint = letter.fingerprint AND later.id > letter.id
    WHERE letter.id = ? AND later.status = 'delivered'
"""
_FIRST_PENDING = """
    SELECT * FROM outbox AS letter WHERE notifier = ? AND status = 'pending' AND NOT EXISTS (
        SELECT 1 FROM outbox AS earlier WHERE earlier.notifier = letter.notifier
        AND earlier.fingerprint = letter.fingerprint AND earlier.status = 'pending' AND earlier.id < letter.id
    )
"""


def _letter(row: Row) -> Letter:
    return Letter(
        id=row["id"],
        notifier=row["notifier"],
        notification=_NOTIFICATION.validate_python(json.loads(row["notification"])),
        status=row["status"],
        attempts=row["attempts"],
        queued_at=row["queued_at"],
        next_at=row["next_at"],
        ended_at=row["ended_at"],
        detail=row["detail"],
    )
