"""The embedded backend's storage: one process owns a DuckDB file, one thread writes it, anyone may ask."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import duckdb

from socketscope.errors import StoreError, StoreLockedError
from socketscope.store import file, schema
from socketscope.store.rows import Batch
from socketscope.store.writer import Writer

MAX_PENDING_ROWS = 200_000
"""Rows that may wait for the writer, some 100 MB; beyond them senders are told to come back."""

_open_here: set[Path] = set()
_open_here_lock = threading.Lock()


class Store:
    """An open store; made by `Store.open`. All methods may be called from any thread and block: use a thread."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path | None, max_pending_rows: int) -> None:
        self.path = path
        self._reader = connection.cursor()
        [(self.created_ns,)] = self._reader.execute(f"SELECT created_ns FROM {schema.META}").fetchall()  # noqa: S608  # our own table
        self._connection = connection
        self._writer = Writer(connection, max_pending_rows=max_pending_rows)
        self._asked = threading.Condition()
        self._asking = 0
        self._closed = False

    @classmethod
    def open(cls, path: Path | None, *, max_pending_rows: int = MAX_PENDING_ROWS) -> Store:
        """Open the store at `path`, made if there is none; None is a store in memory.

        Raises `StoreLockedError` when another process (or another `Store` of this one) has it, `StoreDamagedError`
        when the file is not a store, damaged or of another version, and is left untouched, `StoreError` when it
        can't be created.
        """
        path = None if path is None else path.resolve()
        if path is not None:
            with _open_here_lock:  # DuckDB's own lock is between processes only
                if path in _open_here:
                    raise StoreLockedError(str(path))
                _open_here.add(path)
        try:
            connection = file.connect(path)
            try:
                return cls(connection, path, max_pending_rows)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            _release(path)
            raise

    @property
    def problem(self) -> str | None:
        """Why the last commit failed; None while commits succeed."""
        return self._writer.problem

    @property
    def writable(self) -> bool:
        """Whether the last commit succeeded and the store is open."""
        return self._writer.problem is None and not self._closed

    def submit(self, batch: Batch) -> Future[None]:
        """Queue rows; the future resolves after their commit. See `Writer.submit` for what is raised."""
        return self._writer.submit(batch)

    def select(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Answer a query with its rows, on a connection of its own: it sees all that was committed before.

        Raises `StoreError` when the store is closed or DuckDB refuses the query.
        """
        with self._asked:
            if self._closed:
                raise StoreError("The store is closed: it can't be asked.")
            self._asking += 1
            cursor = self._reader.cursor()
        try:
            return cursor.execute(sql, dict(parameters or {})).fetchall()
        except duckdb.Error as error:
            raise StoreError(f"The store could not answer: {error}") from error
        finally:
            cursor.close()
            with self._asked:
                self._asking -= 1
                self._asked.notify_all()

    def close(self) -> None:
        """Write everything that was accepted, wait for queries under way, close the file. Idempotent."""
        with self._asked:
            if self._closed:
                return
            self._closed = True
            self._asked.wait_for(lambda: not self._asking)
        self._writer.close()
        self._reader.close()
        self._connection.close()
        _release(self.path)


def _release(path: Path | None) -> None:
    if path is not None:
        with _open_here_lock:
            _open_here.discard(path)
