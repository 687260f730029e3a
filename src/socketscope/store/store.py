"""The embedded backend's storage: one process owns a DuckDB file, one thread writes it, anyone may ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socketscope.errors import StoreLockedError
from socketscope.query.catalog import Catalog, Found
from socketscope.query.kept import POINTS, Kept
from socketscope.store.database import Database
from socketscope.store.record import Recorder
from socketscope.store.retention import Retention
from socketscope.store.rows import Batch
from socketscope.store.series import Registry
from socketscope.store.state import read_kept
from socketscope.store.streams import Streams
from socketscope.store.upkeep import Upkeep
from socketscope.store.writer import Writer

MAX_PENDING_ROWS = 200_000
"""Rows that may wait for the writer, some 100 MB; beyond them senders are told to come back."""

Statement = tuple[str | None, Mapping[str, Any]]
"""SQL and its parameters by name; None has no rows."""

_open_here: set[Path] = set()
_open_here_lock = threading.Lock()


class Store:
    """An open store; made by `Store.open`. All methods may be called from any thread and block: use a thread."""

    def __init__(
        self, database: Database, retention: Retention, max_pending_rows: int, clock: Callable[[], int]
    ) -> None:
        self.path = database.path
        self.registry = Registry()
        self.streams = Streams(self.registry)
        self._database = database
        self._recorder = Recorder(database, self.registry)
        self._upkeep = Upkeep(self._recorder, retention, clock)
        self.created_ns = self._recorder.kept.created_ns
        self._writer = Writer(self._recorder, self._upkeep, max_pending_rows=max_pending_rows)

    @classmethod
    def open(
        cls,
        path: Path | None,
        *,
        retention: Retention | None = None,
        max_pending_rows: int = MAX_PENDING_ROWS,
        clock: Callable[[], int] = time.time_ns,
    ) -> Store:
        """Open the store at `path`, made if there is none; None is a store in memory.

        `clock` gives nanoseconds since the epoch. Raises `StoreLockedError` when another process (or another `Store`
        of this one) has it, `StoreDamagedError` when the file is not a store, damaged or of another version, and is
        left untouched, `StoreError` when it can't be created.
        """
        path = None if path is None else path.resolve()
        if path is not None:
            with _open_here_lock:  # DuckDB's own lock is between processes only
                if path in _open_here:
                    raise StoreLockedError(str(path))
                _open_here.add(path)
        try:
            database = Database(path, now_ns=clock())
            try:
                return cls(database, retention or Retention(), max_pending_rows, clock)
            except BaseException:
                database.close()
                raise
        except BaseException:
            _release(path)
            raise

    @property
    def oldest_ns(self) -> int:
        """Points must be newer than this: of what is older nothing is kept that they could be compared with."""
        return self._recorder.kept.after[POINTS]

    @property
    def problem(self) -> str | None:
        """Why the last commit failed; None while commits succeed."""
        return self._writer.problem

    @property
    def writable(self) -> bool:
        """Whether the last commit succeeded and the store is open."""
        return self._writer.problem is None and not self._database.closed

    def submit(self, batch: Batch) -> Future[None]:
        """Queue rows; the future resolves after their commit. See `Writer.submit` for what is raised."""
        return self._writer.submit(batch)

    def settle(self, until_ns: int) -> None:
        """Complete the roll-ups up to a time at once, which is otherwise done as time goes by. Blocks."""
        self._writer.call(lambda: self._upkeep.settle(until_ns)).result()

    def delete_old(self) -> None:
        """Delete what is too old or too much at once, which is otherwise done as time goes by. Blocks."""
        self._writer.call(self._upkeep.delete).result()

    def select(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Answer a query with its rows, on a connection of its own: it sees all that was committed before.

        Raises `StoreError` when the store is closed or DuckDB refuses the query.
        """
        with self._database.cursor() as cursor:
            return cursor.execute(sql, dict(parameters or {})).fetchall()

    def ask(self, questions: Callable[[Catalog], Iterable[Statement]]) -> list[list[tuple[Any, ...]]]:
        """Answer statements that are made from a catalog: they and it see the store at one and the same moment.

        A statement without text has no rows. Raises what `select` raises, and what making the statements does.
        """
        with self._database.cursor() as cursor:
            cursor.begin()
            try:
                catalog = _Snapshot(read_kept(cursor), self.registry)
                return [
                    cursor.execute(sql, dict(parameters)).fetchall() if sql else []
                    for sql, parameters in questions(catalog)
                ]
            finally:
                cursor.rollback()  # nothing was written

    def close(self) -> None:
        """Write everything that was accepted, wait for queries under way, close the file. Idempotent."""
        if self._database.start_closing():
            self._writer.close()
            self._database.close()
            _release(self.path)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A `Catalog`: what is kept as one transaction sees it. Series that came later have no points in it."""

    kept: Kept
    registry: Registry

    def find(
        self, metric: str, *, where: Mapping[str, tuple[str, ...]], by: tuple[str, ...], after_ns: int
    ) -> Iterator[Found]:
        """Find series; see `Catalog.find`."""
        for series in self.registry.of_metric(metric):
            if series.id is None or series.time_ns <= after_ns:
                continue
            if all(series.label(name) in values for name, values in where.items()):
                yield Found(series.id, bool(series.key.kind.endswith("histogram")), tuple(map(series.label, by)))


def _release(path: Path | None) -> None:
    if path is not None:
        with _open_here_lock:
            _open_here.discard(path)
