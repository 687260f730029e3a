"""The series that the store knows, and what it has to remember of each to count on: its newest point."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final

from socketscope.errors import SocketscopeError
from socketscope.store.attributes import text_of
from socketscope.store.buckets import Shape
from socketscope.store.rows import SeriesKey

MOST_SERIES: Final = 200_000
"""Series that are taken, some 200 MB: attributes without bounds must not take the memory."""

DELTA: Final = "delta"
CUMULATIVE: Final = "cumulative"


class TooManySeriesError(SocketscopeError):
    """A point would have made one series more than may be."""

    def __init__(self) -> None:
        super().__init__(
            f"the store has {MOST_SERIES} series already: leave out attributes of this metric that have many values"
        )


class Series:
    """One series. Its number, its newest point and what the next one is compared with are the writer's.

    `time_ns` is that of its newest point, 0 where there is none. The others are of the point that counts: the newest
    one, or an earlier one with a greater value where the counter can't have fallen (`points.py`).
    """

    __slots__ = ("cumulates", "id", "is_delta", "key", "labels", "shape", "start_ns", "time_ns", "value")

    def __init__(self, key: SeriesKey) -> None:
        self.key = key
        self.is_delta = key.temporality == DELTA
        self.cumulates = key.temporality == CUMULATIVE and key.monotonic
        self.id: int | None = None
        self.time_ns = 0
        self.start_ns = 0
        self.value = 0.0
        self.shape: Shape | None = None
        self.labels: Mapping[str, str] | None = None

    def is_below(self, start_ns: int, value: float) -> bool:
        """Whether a counter that began at `start_ns` had counted more than `value` at an earlier time already."""
        return self.cumulates and self.time_ns > 0 and 0 < start_ns == self.start_ns and value < self.value

    def label(self, name: str) -> str:
        """Look up an attribute as text: the point's, else the resource's, else the scope's; empty if there is none."""
        if self.labels is None:
            self.labels = _labels(self.key)
        return self.labels.get(name, "")


class Registry:
    """All series of a store, by what identifies them and by metric. May be used from any thread."""

    def __init__(self) -> None:
        self._by_key: dict[SeriesKey, Series] = {}
        self._by_metric: dict[str, dict[Series, None]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._by_key)

    def intern(self, key: SeriesKey) -> Series:
        """Find the series, a new one if it was never seen. Raises `TooManySeriesError`."""
        series = self._by_key.get(key)
        if series is None:
            with self._lock:
                series = self._by_key.get(key)
                if series is None:
                    if len(self._by_key) >= MOST_SERIES:
                        raise TooManySeriesError
                    series = self._by_key[key] = Series(key)
                    self._by_metric.setdefault(key.metric, {})[series] = None
        return series

    def adopt(self, series: Series) -> Series:
        """Give back the series itself, or the one that has taken its place since it was removed."""
        with self._lock:
            known = self._by_key.setdefault(series.key, series)
            self._by_metric.setdefault(series.key.metric, {})[known] = None
            return known

    def remove(self, gone: Iterable[Series]) -> None:
        """Forget series."""
        with self._lock:
            for series in gone:
                self._by_key.pop(series.key, None)
                left = self._by_metric.get(series.key.metric, {})
                left.pop(series, None)
                if not left:
                    self._by_metric.pop(series.key.metric, None)

    def of_metric(self, metric: str) -> list[Series]:
        """List the series of a metric."""
        return list(self._by_metric.get(metric, ()))

    def all(self) -> list[Series]:
        """List all series."""
        with self._lock:
            return list(self._by_key.values())


def _labels(key: SeriesKey) -> Mapping[str, str]:
    labels = {"otel.scope.name": key.scope, "otel.scope.version": key.scope_version}
    for attributes in (key.scope_attributes, key.resource.attributes, key.attributes):
        known: Mapping[str, Any] = json.loads(attributes)
        labels |= {name: text for name, value in known.items() if (text := text_of(value)) is not None}
    return labels
