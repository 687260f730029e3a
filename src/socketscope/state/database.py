"""One SQLite file that one process owns. What a transaction wrote is on the disk at its end, or was never there."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

from socketscope.errors import ConfigurationError, StateDamagedError, StateError, StateLockedError
from socketscope.state.migrations import APPLICATION_ID, MIGRATIONS

VERSION: Final = len(MIGRATIONS)
_HEADER: Final = b"SQLite format 3\0"


class Database:
    """Made by `open`. All methods block (a commit waits for the disk): call them in a thread; any thread will do.

    Raises `StateError` when the disk refuses.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = threading.RLock()
        self._depth = 0

    @classmethod
    def open(cls, path: Path | None, *, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> Self:
        """Open or make the file; None keeps everything in memory.

        Raises `StateLockedError` when another process has it, `StateDamagedError` when it is not one of ours, damaged
        or of a newer version, and `ConfigurationError` for a place that can't be written.
        """
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                if path.exists():
                    _examine(path, newest=len(migrations))
            except OSError as error:
                raise ConfigurationError("state.file", str(path), f"a file that can be written ({error})") from error
        try:
            connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=0)
        except sqlite3.OperationalError as error:
            raise ConfigurationError("state.file", str(path), f"a file that can be written ({error})") from error
        try:
            _prepare(connection, migrations)
        except sqlite3.OperationalError as error:
            connection.close()
            raise _explained(error, path) from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StateDamagedError(str(path), str(error)) from error
        connection.row_factory = sqlite3.Row
        return cls(connection, path)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything in the context is kept together, or, when it raises, nothing; one in another joins it."""
        with self._lock, self._errors():
            if not self._depth:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if not self._depth:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if not self._depth:
                self._connection.execute("COMMIT")

    def write(self, sql: str, *values: Any) -> int:
        """Run a statement, in a transaction of its own where there is none; the number of rows that it changed."""
        with self.transaction():
            return self._connection.execute(sql, values).rowcount

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        with self._lock, self._errors():
            return self._connection.execute(sql, values).fetchall()

    def close(self) -> None:
        """Close the file; doing it again does nothing."""
        with self._lock:
            self._connection.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(
                f"The state of alerts ({self.path or 'in memory'}) can't be read or written: {error}."
            ) from error


def to_json(value: Any) -> str:
    """Write a value that JSON knows, the same for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _examine(path: Path, *, newest: int) -> None:
    """Look at a file without changing it. Raises what `Database.open` says."""
    if not path.stat().st_size:
        return
    with path.open("rb") as file:
        if file.read(len(_HEADER)) != _HEADER:
            raise StateDamagedError(str(path), "it is not a SQLite file")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)
    try:
        identity = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if identity != APPLICATION_ID:
            raise StateDamagedError(str(path), "another program made it")
        if version > newest:
            raise StateDamagedError(str(path), f"it is of version {version}, this program knows {newest}")
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise StateDamagedError(str(path), f"it is damaged: {found}")
    except sqlite3.OperationalError as error:
        raise _explained(error, path) from error
    except sqlite3.DatabaseError as error:
        raise StateDamagedError(str(path), f"it is damaged: {error}") from error
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    # The lock is held to the end: there is one owner, and after its death, however sudden, the kernel frees it.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version < len(migrations):
        # Before the log is written ahead: the file's header always tells whose it is and of which version.
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, at REAL NOT NULL)")
        for number, steps in enumerate(migrations[version:], start=version + 1):
            for step in steps:
                connection.execute(step)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", (number, time.time()))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _explained(error: sqlite3.OperationalError, path: Path | None) -> StateLockedError | ConfigurationError:
    if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or "locked" in str(error):
        return StateLockedError(str(path))
    return ConfigurationError("state.file", str(path), f"a file that can be written ({error})")
