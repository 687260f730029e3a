"""The tables, as steps from one version of the file to the next. A step that was released never changes."""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x736F636B
"""Marks the file as ours in SQLite's header ("sock")."""

MIGRATIONS: Final = (
    (
        """
        CREATE TABLE rule_states (
            rule TEXT PRIMARY KEY,
            state TEXT NOT NULL,            -- the evaluator's, as JSON
            evaluated_at REAL NOT NULL      -- the moment on the rule's grid
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE notices (              -- what receivers know of an alert (or a group of alerts)
            fingerprint TEXT PRIMARY KEY,
            rule TEXT NOT NULL,
            notice TEXT NOT NULL            -- as JSON
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE history (              -- transitions of single alerts
            id INTEGER PRIMARY KEY,
            at REAL NOT NULL,
            rule TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            labels TEXT NOT NULL,           -- as JSON
            severity TEXT NOT NULL,
            change TEXT NOT NULL,
            started_at REAL,                -- when the alert fired, where it did
            value REAL
        )
        """,
        "CREATE INDEX history_at ON history (at)",
        "CREATE INDEX history_alert ON history (fingerprint, started_at)",
        """
        CREATE TABLE silences (
            id TEXT PRIMARY KEY,
            matchers TEXT NOT NULL,         -- label -> value, as JSON
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            author TEXT NOT NULL,
            reason TEXT NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            notifier TEXT NOT NULL,
            key TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            notification TEXT NOT NULL,     -- as JSON
            status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
            attempts INTEGER NOT NULL DEFAULT 0,
            created_at REAL NOT NULL,
            queued_at REAL NOT NULL,        -- created, or sent again by hand
            next_at REAL NOT NULL,
            ended_at REAL,
            detail TEXT NOT NULL DEFAULT '',
            UNIQUE (notifier, key)
        )
        """,
        "CREATE INDEX outbox_pending ON outbox (notifier, fingerprint, id) WHERE status = 'pending'",
        "CREATE INDEX outbox_ended ON outbox (status, ended_at)",
        """
        CREATE TABLE threads (
            notifier TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            thread TEXT NOT NULL,
            PRIMARY KEY (notifier, fingerprint)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE beats (                -- when something regular was last done
            name TEXT PRIMARY KEY,
            at REAL NOT NULL
        ) WITHOUT ROWID
        """,
    ),
    (
        """
        CREATE TABLE documents (            -- what letters carry that is long; many letters carry the same
            key TEXT PRIMARY KEY,           -- of the notification
            document TEXT NOT NULL          -- as JSON
        )
        """,
        """
        CREATE TABLE reports (
            date TEXT PRIMARY KEY,          -- the local day that it is about
            status TEXT NOT NULL CHECK (status IN ('due', 'made', 'given_up')),
            due_at REAL NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_at REAL NOT NULL,          -- when it is tried, while it is due
            ended_at REAL,
            detail TEXT NOT NULL DEFAULT '',
            json TEXT,
            html TEXT,
            md TEXT
        )
        """,
    ),
)
"""Version n of the file is what the first n steps make."""
