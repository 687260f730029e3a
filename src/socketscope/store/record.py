"""Batches of rows into the file, in one transaction: with numbers for what is new, and late points in their place."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb

from socketscope.errors import StoreError
from socketscope.query.kept import POINTS, Kept
from socketscope.store.database import Database
from socketscope.store.late import insert_late
from socketscope.store.points import Points, Row, append_histograms, append_rows
from socketscope.store.resources import Resources
from socketscope.store.rollup import retreat
from socketscope.store.rows import Batch, HistogramRow, NumberRow
from socketscope.store.series import Registry, Series
from socketscope.store.state import load_newest, load_series, read_kept


class Recorder:
    """Writes batches on the write connection; used by the writer's thread alone.

    `kept` is what the file says since the last transaction.
    """

    def __init__(self, database: Database, registry: Registry) -> None:
        self.database = database
        self.registry = registry
        self._new_series: list[Series] = []
        self._load()

    def _load(self) -> None:
        self.resources = Resources(self.connection)
        self._next_series = load_series(self.connection, self.resources, self.registry)
        self.kept = read_kept(self.connection)

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection to write on."""
        return self.database.connection

    def mend(self) -> None:
        """Make the connection anew where it is broken. Raises `StoreError` where that is not possible yet."""
        if self.database.broken:
            self.database.reopen()
            self._load()

    def write(self, batches: Sequence[Batch]) -> None:
        """Commit all rows together, or none and raise: what a batch brought anew is forgotten then."""
        self.database.check_space()
        self.mend()
        self.connection.begin()
        try:
            kept = self._write(batches)
            self.connection.commit()
        except BaseException as error:
            self._undo(error, batches)
            raise
        self.kept = kept
        self._new_series.clear()
        self.resources.settle()

    def _write(self, batches: Sequence[Batch]) -> Kept:
        points = Points(self.kept.created_ns)
        late_numbers: list[NumberRow] = []
        late_histograms: list[HistogramRow] = []
        for batch in batches:
            for series, time_ns, start_ns, value in batch.numbers:
                known = series if series.id is not None else self._identify(series)
                if time_ns > known.time_ns:
                    points.add_number(known, time_ns, start_ns, value)
                elif time_ns < known.time_ns:
                    late_numbers.append((known, time_ns, start_ns, value))
            for row in batch.histograms:
                known = row.series if row.series.id is not None else self._identify(row.series)
                if row.time_ns > known.time_ns:
                    points.add_histogram(known, row)
                elif row.time_ns < known.time_ns:
                    late_histograms.append(replace(row, series=known))
        exemplars = [
            ((series if series.id is not None else self._identify(series)).id, *columns)
            for batch in batches
            for series, columns in batch.exemplars
        ]
        spans = [(self.resources.number(key), *rest) for batch in batches for key, rest in batch.spans]
        events = [(self.resources.number(key), *rest) for batch in batches for key, rest in batch.events]
        series_rows = [_columns(series, self.resources.number(series.key.resource)) for series in self._new_series]
        self._append("resources", self.resources.new)
        self._append("series", series_rows)
        self._append_points(points)
        self._append("exemplars", exemplars)
        self._append("spans", spans)
        self._append("events", events)
        oldest = [row[1] for rows in (points.numbers, points.histograms) for row in rows]
        if late_numbers or late_histograms:
            late = Points(self.kept.created_ns)
            oldest_late = insert_late(self.connection, late, late_numbers, late_histograms)
            if oldest_late is not None:
                oldest.append(oldest_late)
            self._append_points(late)
        return self._take_back(min(oldest)) if oldest else self.kept

    def _take_back(self, oldest_ns: int) -> Kept:
        if oldest_ns <= self.kept.after[POINTS]:
            # Decoders refuse such points; this one was taken before the limit moved on. Sent again it is refused.
            raise StoreError("a point is older than what is kept")
        if oldest_ns <= self.kept.settled_ns:
            return retreat(self.connection, self.kept, oldest_ns)
        return self.kept

    def _identify(self, series: Series) -> Series:
        known = self.registry.adopt(series)
        if known.id is None:
            known.id = self._next_series
            self._next_series += 1
            self._new_series.append(known)
        return known

    def _append_points(self, points: Points) -> None:
        self._append("number_points", points.numbers)
        append_histograms(self.connection, points.histograms)
        self._append("births", points.births)

    def _append(self, table: str, rows: list[Row]) -> None:
        append_rows(self.connection, table, rows)

    def _undo(self, error: BaseException, batches: Sequence[Batch]) -> None:
        if isinstance(error, Exception):
            self.database.note(error)
        with contextlib.suppress(duckdb.Error):  # a commit that failed has done it already
            self.connection.rollback()
        for series in self._new_series:
            series.id, series.time_ns, series.start_ns, series.shape = None, 0, 0, None
        self._new_series.clear()
        self.resources.forget()
        if self.database.broken:  # everything is loaded again then
            return
        touched = {row[0] for batch in batches for row in batch.numbers}
        touched |= {row.series for batch in batches for row in batch.histograms}
        load_newest(self.connection, [series for series in map(self.registry.adopt, touched) if series.id is not None])


def _columns(series: Series, resource_id: int) -> tuple[Any, ...]:
    return (series.id, resource_id, *series.key[1:-1], list(series.key.bounds))
