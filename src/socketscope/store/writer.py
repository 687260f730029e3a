"""The one thread that writes: everything that is queued goes into one transaction."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from socketscope.errors import StoreError, StoreFullError
from socketscope.store.record import Recorder
from socketscope.store.upkeep import Upkeep

if TYPE_CHECKING:
    from socketscope.store.rows import Batch

_logger = logging.getLogger(__name__)

Job = tuple["Batch", "Future[None]"]

WAKE_SECONDS: Final = 5.0
"""How often the thread looks for other work while nothing comes in."""


class Writer:
    """Owns the write connection through `recorder` and `upkeep`; `submit` from any thread.

    At most `max_pending_rows` rows wait (a larger single batch is taken when nothing else waits).
    """

    def __init__(self, recorder: Recorder, upkeep: Upkeep, *, max_pending_rows: int) -> None:
        self._commit_problem: str | None = None
        self._upkeep_problem: str | None = None
        self._recorder = recorder
        self._upkeep = upkeep
        self._max_pending_rows = max_pending_rows
        self._pending_rows = 0
        self._queue: deque[Job] = deque()
        self._tasks: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="socketscope-store-writer", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """Why the last commit, or the last upkeep, failed."""
        return self._commit_problem or self._upkeep_problem

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

    def call(self, task: Callable[[], None]) -> Future[None]:
        """Have the thread do something else, after what is queued; the future tells what came of it."""
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        with self._changed:
            if self._closing:
                raise StoreError("The store is closed.")
            self._tasks.append((task, future))
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
                self._changed.wait_for(lambda: self._queue or self._tasks or self._closing, WAKE_SECONDS)
                jobs, tasks = list(self._queue), list(self._tasks)
                self._queue.clear()
                self._tasks.clear()
                if self._closing and not jobs and not tasks:
                    return
            if jobs:
                self._commit(jobs)
                with self._changed:
                    self._pending_rows -= sum(len(batch) for batch, _ in jobs)
            for task, future in tasks:
                try:
                    task()
                except Exception as error:  # noqa: BLE001  # whoever asked for it hears of it
                    future.set_exception(error)
                else:
                    future.set_result(None)
            self._keep_up()

    def _keep_up(self) -> None:
        try:
            self._upkeep.run()
        except Exception as error:  # whatever it was: commits go on, and it is tried again
            _logger.debug("upkeep failed", exc_info=True)
            self._upkeep_problem = self._told(self._upkeep_problem, f"its upkeep failed: {error}")
        else:
            self._upkeep_problem = None

    def _commit(self, jobs: list[Job]) -> None:
        """Write `jobs` together; if that fails, each on its own, so that one bad batch harms no other."""
        try:
            self._recorder.write([batch for batch, _ in jobs])
        except Exception as error:  # whatever it was: senders must hear of it, the thread live on
            _logger.debug("a commit failed", exc_info=True)
            if len(jobs) > 1:
                for job in jobs:
                    self._commit([job])
                return
            self._commit_problem = self._told(self._commit_problem, str(error))
            jobs[0][1].set_exception(StoreError(f"The store could not write: {error}"))
            return
        self._commit_problem = None
        for _, future in jobs:
            future.set_result(None)

    @staticmethod
    def _told(before: str | None, problem: str) -> str:
        """Log a problem that is new; senders try again, and each time would tell the same."""
        if before is None:
            _logger.error("the store can't be written: %s", problem)
        return problem
