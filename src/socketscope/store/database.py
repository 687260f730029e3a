"""The connection to the store's file, and making it anew where DuckDB has given it up."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb

from socketscope.errors import StoreError
from socketscope.store import file
from socketscope.store.checkpoint import checkpoint

_logger = logging.getLogger(__name__)

RESERVE_BYTES: Final = 64 << 20
"""What is left free of a disk: enough to move DuckDB's log (16 MiB) into the file, without which it gives up."""


class Database:
    """One thread writes, on `connection`; any thread reads, each on a cursor of its own.

    After an error that DuckDB can't go on from (a log that could not be moved into the file as the disk is full) it
    is `broken`: `reopen` makes it whole again, from the file, in which everything is that was committed.

    DuckDB keeps other processes out by a lock of POSIX, and such a lock is gone as soon as its process closes any
    descriptor of the file. So check-points read the file through one descriptor, which is closed after the connection.
    """

    def __init__(self, path: Path | None, *, now_ns: int) -> None:
        self.path = path
        self.broken = False
        self._created_ns = now_ns
        self._connect()
        self._changed = threading.Condition()
        self._reading = 0
        self._closed = False

    @contextlib.contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor to read with. Raises `StoreError` for whatever DuckDB complains of, and once it is closed."""
        with self._changed:
            if self._closed:
                raise StoreError("The store is closed: it can't be asked.")
            if self.broken:
                raise StoreError("The store can't be asked until its file can be written again.")
            self._reading += 1
            cursor = self._reader.cursor()
        try:
            yield cursor
        except duckdb.Error as error:
            self.note(error)
            raise StoreError(f"The store could not answer: {error}") from error
        finally:
            cursor.close()
            with self._changed:
                self._reading -= 1
                self._changed.notify_all()

    def note(self, error: Exception) -> None:
        """Take note of an error: whether it broke the connection."""
        if isinstance(error, duckdb.FatalException) and self.path is not None:
            self.broken = True

    def check_space(self) -> None:
        """Raise `StoreError` where too little of the disk is free to write."""
        if self.path is not None:
            free = shutil.disk_usage(self.path.parent).free
            if free < RESERVE_BYTES:
                raise StoreError(
                    f"only {free >> 20} MiB are free on the disk of {self.path}, {RESERVE_BYTES >> 20} are needed:"
                    " free some, or lower store.retention_bytes"
                )

    def reopen(self) -> None:
        """Connect anew, from the writing thread. Raises `StoreError` where that is not possible yet."""
        with self._changed:
            self._changed.wait_for(lambda: not self._reading)
            self._disconnect()
            self._connect()
            self.broken = False

    def start_closing(self) -> bool:
        """Take no more questions and wait for those under way; False if that was done before."""
        with self._changed:
            if self._closed:
                return False
            self._closed = True
            self._changed.wait_for(lambda: not self._reading)
            return True

    def close(self) -> None:
        """Close the file, its log moved into it."""
        if self.path is not None and not self.broken:
            try:
                self.checkpoint()
            except (duckdb.Error, OSError) as error:  # the log stays then, and is replayed next time
                _logger.warning("the log of %s could not be moved into it: %s", self.path, error)
        self._disconnect()

    def checkpoint(self) -> bool:
        """Move the log into the file, from the writing thread; False where questions under way don't let it.

        Raises what DuckDB and the system raise.
        """
        try:
            if self.path is None or self._file is None:
                self.connection.execute("CHECKPOINT")
            else:
                checkpoint(self.connection, self.path, self._file)
        except duckdb.TransactionException:
            return False
        except duckdb.Error as error:
            self.note(error)
            raise
        return True

    def log_bytes(self) -> int:
        """Measure the log."""
        if self.path is None:
            return 0
        try:
            return self.path.with_name(self.path.name + ".wal").stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def closed(self) -> bool:
        """It takes no more questions."""
        return self._closed

    def _connect(self) -> None:
        self.connection = file.connect(self.path, now_ns=self._created_ns)
        self._reader = self.connection.cursor()
        self._file = None if self.path is None else self.path.open("rb", buffering=0)  # never what it was before

    def _disconnect(self) -> None:
        # A connection that is broken complains of being closed, too.
        for connection in (self._reader, self.connection):
            with contextlib.suppress(duckdb.Error):
                connection.close()
        if self._file is not None:
            self._file.close()
