"""The one thread that writes: everything that is queued goes into one transaction."""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from socketscope.errors import StoreError, StoreFullError
from socketscope.store.dictionary import Dictionary

if TYPE_CHECKING:
    import duckdb

    from socketscope.store.rows import Batch

_log = logging.getLogger(__name__)

Job = tuple["Batch", "Future[None]"]


class Writer:
    """Owns the write connection; `submit` from any thread.

    At most `max_pending_rows` rows wait (a larger single batch is taken when nothing else waits). `problem` says why
    the last commit failed and is None while commits succeed.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, max_pending_rows: int) -> None:
        self.problem: str | None = None
        self._connection = connection
        self._dictionary = Dictionary(connection)
        self._max_pending_rows = max_pending_rows
        self._pending_rows = 0
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="socketscope-store-writer", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch) -> Future[None]:
        """Queue `batch`; the future resolves after the commit that makes it visible and durable.

        Raises `StoreFullError` when too much waits already and `StoreError` once closed; the future raises
        `StoreError` when the rows could not be written.
        """
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it under the writer's hands
        if not len(batch):
            future.set_result(None)
            return future
        with self._changed:
            if self._closing:
                raise StoreError("The store is closed: nothing more can be written.")
            if self._pending_rows and self._pending_rows + len(batch) > self._max_pending_rows:
                raise StoreFullError(self._pending_rows)
            self._pending_rows += len(batch)
            self._queue.append((batch, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Write what is queued, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing)
                jobs = list(self._queue)
                self._queue.clear()
            if not jobs:
                return
            self._commit(jobs)
            with self._changed:
                self._pending_rows -= sum(len(batch) for batch, _ in jobs)

    def _commit(self, jobs: list[Job]) -> None:
        """Write `jobs` together; if that fails, each on its own, so that one bad batch harms no other."""
        try:
            self._write([batch for batch, _ in jobs])
        except Exception as error:  # noqa: BLE001  # whatever it was: senders must hear of it, the thread live on
            if len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
                return
            self.problem = str(error)
            _log.exception("could not write to the store")
            jobs[0][1].set_exception(StoreError(f"The store could not write: {error}"))
            return
        self.problem = None
        for _, future in jobs:
            future.set_result(None)

    def _write(self, batches: list[Batch]) -> None:
        dictionary = self._dictionary
        self._connection.begin()
        try:
            numbers = [(dictionary.series(row[0]), *row[1:]) for batch in batches for row in batch.numbers]
            histograms = [(dictionary.series(key), *rest) for batch in batches for key, rest in batch.histograms]
            spans = [(dictionary.resource(key), *rest) for batch in batches for key, rest in batch.spans]
            events = [(dictionary.resource(key), *rest) for batch in batches for key, rest in batch.events]
            self._append("resources", dictionary.new_resources)
            self._append("series", dictionary.new_series)
            self._append("number_points", numbers)
            self._append("histogram_points", histograms)
            self._append("spans", spans)
            self._append("events", events)
            self._connection.commit()
        except BaseException:
            dictionary.forget()
            self._connection.rollback()
            raise
        dictionary.settle()

    def _append(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            with self._connection.appender(table) as appender:
                appender.append_rows(rows)
