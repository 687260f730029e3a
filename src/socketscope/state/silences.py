"""Silences: for a time, alerts that match are not told of. They are evaluated and shown as ever."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Row

from socketscope.state.database import Database, to_json
from socketscope.state.matching import matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Matches the alerts that have all of `matchers`: label -> value, where `*` stands for any characters.

    The names `rule` and `severity` are those of the alert's rule. Times are seconds since the epoch.
    """

    id: str
    matchers: Mapping[str, str]
    created_at: float
    expires_at: float
    author: str
    reason: str

    def matches(self, rule: str, severity: str, labels: Mapping[str, str]) -> bool:
        """Whether an alert is silenced by this, its expiry aside."""
        return matches(self.matchers, rule=rule, severity=severity, labels=labels)


class Silences:
    """All silences. Methods block."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, matchers: Mapping[str, str], *, author: str, reason: str, now: float, seconds: float) -> Silence:
        """Silence what matches for so many seconds. Raises `ValueError` without matchers or for no time at all."""
        if not matchers:
            raise ValueError("matchers: at least one label and its value are expected, as {rule: NAME}")
        if not seconds > 0:
            raise ValueError(f"seconds={seconds:g}: more than 0 are expected")
        silence = Silence(
            id=secrets.token_hex(8),
            matchers=dict(matchers),
            created_at=now,
            expires_at=now + seconds,
            author=author,
            reason=reason,
        )
        self._database.write(
            "INSERT INTO silences VALUES (?, ?, ?, ?, ?, ?)",
            silence.id,
            to_json(silence.matchers),
            silence.created_at,
            silence.expires_at,
            author,
            reason,
        )
        return silence

    def active(self, now: float) -> list[Silence]:
        """Return those that have not expired, the next to expire first."""
        rows = self._database.read("SELECT * FROM silences WHERE expires_at > ? ORDER BY expires_at, id", now)
        return [_silence(row) for row in rows]

    def expire(self, silence: str, now: float) -> bool:
        """End a silence now; False where there is none of this id that has not expired."""
        changed = self._database.write(
            "UPDATE silences SET expires_at = ? WHERE id = ? AND expires_at > ?", now, silence, now
        )
        return changed > 0

    def prune(self, before: float) -> None:
        """Drop those that expired before then."""
        self._database.write("DELETE FROM silences WHERE expires_at < ?", before)


def _silence(row: Row) -> Silence:
    return Silence(**{**dict(row), "matchers": json.loads(row["matchers"])})
