"""What the writer does between commits: complete the roll-ups, delete what is too old or too much."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

import duckdb

from socketscope.query.kept import HOURS, SECOND_NS
from socketscope.store import retention, rollup
from socketscope.store.record import Recorder

LAG_NS: Final = 30 * SECOND_NS
"""How old a bucket is when it is settled; points that come later take its roll-up back, and it is made again."""
SETTLE_NS: Final = 10 * SECOND_NS
"""How often roll-ups are completed."""
DELETE_NS: Final = 60 * SECOND_NS
"""How often is looked for what is too old or too much."""
LOG_BYTES: Final = 16 << 20
"""How long DuckDB's log becomes before it is moved into the file: the longer, the longer takes opening after a kill."""
_PATIENCE: Final = 20  # a stretch that was taken back is made again after a twentieth of its length at the earliest
_ROUNDS: Final = 24

_logger = logging.getLogger(__name__)


class Upkeep:
    """Used by the writer's thread alone. `run` does what is due; the clock gives nanoseconds since the epoch."""

    def __init__(self, recorder: Recorder, keep: retention.Retention, clock: Callable[[], int]) -> None:
        self._recorder = recorder
        self._keep = keep
        self._clock = clock
        self._share = 1.0
        self._settled_ns = recorder.kept.settled_ns
        self._settle_at = 0
        self._delete_at = 0
        self.too_big = False

    def run(self) -> None:
        """Do what is due. Raises `StoreError` or what DuckDB raises; nothing is half done then."""
        now = self._clock()
        self._recorder.mend()
        if now >= self._delete_at:  # also where the disk is full: it may help
            self._delete_at = now + DELETE_NS
            self.delete()
        taken_back = self._settled_ns - self._recorder.kept.settled_ns
        if taken_back > 0:
            self._settled_ns = self._recorder.kept.settled_ns
            self._settle_at = max(self._settle_at, now + taken_back // _PATIENCE)
        if self._recorder.database.log_bytes() > LOG_BYTES:
            self._recorder.database.checkpoint()
        if now >= self._settle_at:
            self._settle_at = now + SETTLE_NS
            self._recorder.database.check_space()
            self.settle(now - LAG_NS)

    def settle(self, until_ns: int) -> None:
        """Complete the roll-ups up to a time."""
        with self._transaction() as connection:
            kept = rollup.settle(connection, self._recorder.kept, until_ns)
        self._recorder.kept = kept
        self._settled_ns = kept.settled_ns

    def delete(self) -> None:
        """Delete what is too old; where what is left is too much, ever shorter periods, then spans of the last hour."""
        self._share = min(1.0, self._share / retention.SHRINK) if self._fits(0.5) else self._share
        if not self._delete(self._share):
            return
        for _ in range(_ROUNDS):
            if self._fits(1.0):
                self.too_big = False
                return
            self._share *= retention.SHRINK
            if not self._delete(self._share):
                return  # how much was freed is not known yet
        self._shed_spans()
        if not self.too_big:
            self.too_big = True
            _logger.warning(
                "an hour of what comes in is more than store.retention_bytes (%d): spans are kept for less than that",
                self._keep.bytes,
            )

    def _delete(self, share: float) -> bool:
        recorder = self._recorder
        kept = retention.moved_on(recorder.kept, self._keep.after(self._clock(), share))
        if kept == recorder.kept:
            return True
        ended = [
            series
            for series in recorder.registry.all()
            if series.id is not None and series.time_ns <= kept.after[HOURS]
        ]
        with self._transaction() as connection:
            retention.delete(connection, kept)
            unused = retention.delete_ended(connection, [series.id for series in ended if series.id is not None])
        recorder.kept = kept
        recorder.registry.remove(ended)
        for series in ended:
            series.id, series.time_ns, series.start_ns, series.shape = None, 0, 0, None
        recorder.resources.drop(unused)
        return recorder.database.checkpoint()  # which gives the space back

    def _shed_spans(self) -> None:
        """Delete the older half of the spans until there is no more than the store may take, or nothing comes of it."""
        while not self._fits(1.0):
            with self._transaction() as connection:
                deleted = retention.delete_older_spans(connection)
            if not deleted or not self._recorder.database.checkpoint():
                return  # in the latter case it is not known yet how much was freed

    def _fits(self, share: float) -> bool:
        return retention.used_bytes(self._recorder.connection) <= share * self._keep.bytes

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._recorder.connection
        connection.begin()
        try:
            yield connection
            connection.commit()
        except BaseException as error:
            if isinstance(error, Exception):
                self._recorder.database.note(error)
            with contextlib.suppress(duckdb.Error):
                connection.rollback()
            raise
