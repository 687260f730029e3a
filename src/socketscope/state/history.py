"""What happened to alerts: one entry for each transition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from sqlite3 import Row
from typing import Literal

from socketscope.rules.model import Severity
from socketscope.state.database import Database, to_json

Change = Literal["pending", "firing", "resolved", "inactive", "expired", "removed", "missed"]
"""`inactive`: what was pending is no more. `expired`: firing, and its data ended for good. `removed`: its rule is no
more. `missed`: evaluations of the rule did not take place (`value` of them)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One transition. `started_at` is when the alert fired; None where it did not."""

    at: float
    rule: str
    fingerprint: str
    labels: Mapping[str, str]
    severity: Severity
    change: Change
    started_at: float | None
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One alert from firing to its end; `ended_at` and `end` are None while it fires."""

    rule: str
    fingerprint: str
    labels: Mapping[str, str]
    severity: Severity
    fired_at: float
    value: float | None
    ended_at: float | None
    end: Change | None


class History:
    """Methods block."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: Entry) -> None:
        """Note a transition."""
        self._database.write(
            "INSERT INTO history (at, rule, fingerprint, labels, severity, change, started_at, value)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            entry.at,
            entry.rule,
            entry.fingerprint,
            to_json(dict(entry.labels)),
            entry.severity,
            entry.change,
            entry.started_at,
            entry.value,
        )

    def entries(self, *, since: float, limit: int = 1000) -> list[Entry]:
        """Return what happened since then, the newest first."""
        rows = self._database.read(
            "SELECT * FROM history WHERE at >= ? ORDER BY at DESC, id DESC LIMIT ?", since, limit
        )
        return [_entry(row) for row in rows]

    def episodes(self, *, limit: int = 100) -> list[Episode]:
        """Return the alerts that fired, the last to fire first."""
        rows = self._database.read(
            """
            SELECT fired.rule, fired.fingerprint, fired.labels, fired.severity, fired.at AS fired_at, fired.value,
                   min(ended.at) AS ended_at, ended.change AS "end"
            FROM (SELECT * FROM history WHERE change = 'firing' ORDER BY at DESC, id DESC LIMIT ?) AS fired
            LEFT JOIN history AS ended
              ON ended.fingerprint = fired.fingerprint AND ended.started_at = fired.started_at
              AND ended.change IN ('resolved', 'expired', 'removed')
            GROUP BY fired.id ORDER BY fired.at DESC, fired.id DESC
            """,
            limit,
        )
        return [Episode(**{**dict(row), "labels": json.loads(row["labels"])}) for row in rows]

    def during(self, since: float, until: float, *, limit: int = 1000) -> list[Episode]:
        """Return the alerts that fired in `[since, until)`, or before and still did then, in the order of firing.

        An alert that ended after `until` still fires then. Of more than `limit` the last to fire.
        """
        rows = self._database.read(
            """
            SELECT fired.rule, fired.fingerprint, fired.labels, fired.severity, fired.at AS fired_at, fired.value,
                   min(ended.at) AS ended_at, ended.change AS "end"
            FROM history AS fired
            LEFT JOIN history AS ended
              ON ended.fingerprint = fired.fingerprint AND ended.started_at = fired.started_at
              AND ended.change IN ('resolved', 'expired', 'removed')
            WHERE fired.change = 'firing' AND fired.at < ?
            GROUP BY fired.id HAVING ended_at IS NULL OR ended_at >= ?
            ORDER BY fired.at DESC, fired.id DESC LIMIT ?
            """,
            until,
            since,
            limit,
        )
        found = [Episode(**{**dict(row), "labels": json.loads(row["labels"])}) for row in reversed(rows)]
        return [
            replace(one, ended_at=None, end=None) if one.ended_at is not None and one.ended_at >= until else one
            for one in found
        ]

    def prune(self, before: float) -> None:
        """Drop what happened before then."""
        self._database.write("DELETE FROM history WHERE at < ?", before)


def _entry(row: Row) -> Entry:
    columns = dict(row)
    del columns["id"]
    return Entry(**{**columns, "labels": json.loads(row["labels"])})
