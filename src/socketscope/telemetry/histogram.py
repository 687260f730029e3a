"""Pre-aggregated histograms: cells that one thread increments and the exporter reads.

The OTel API records a histogram value by value, about 10 microseconds each; a cell of a list costs 0.04. Two forms:
powers of two, whose cell is found by `int.bit_length`, and arbitrary bounds for the rare measurements.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from socketscope import semconv

if TYPE_CHECKING:
    from socketscope.telemetry.exemplars import Exemplar

CELLS = 66
"""One cell for each `bit_length` of a 64-bit number, and room: a larger value can't be measured."""

NS = 1e-9

SIZE_EXPONENT = 0
"""Cells of sizes are powers of two of a byte. The first one holds 0 and 1."""
DURATION_EXPONENT = -30
"""Cells of durations are powers of two of a nanosecond, and 2^k ns is no power of two of a second: it is 2^(k-30) s
times 1.0737. Taken for 2^(k-30) s, as exponential histograms are, the bounds of a bucket are 6.9 % too low; counts and
sums are exact."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """A histogram at one moment: cumulative since `start_ns`, `counts` one longer than the metric's `buckets`.

    `cells` has the same in powers of two: cell k holds what is above 2^(k-1) and at most 2^k, times 2^`exponent`, in
    the metric's unit (of durations, nearly: see `DURATION_EXPONENT`).
    """

    metric: semconv.Metric
    attributes: Mapping[str, str | int]
    start_ns: int
    counts: Sequence[int]
    sum: float
    cells: Sequence[int]
    exponent: int
    exemplars: Sequence[Exemplar] = ()


def size_cell(size: int) -> int:
    """Give the cell of a size in bytes: 0 for 0 and 1, else k where 2^(k-1) < size <= 2^k."""
    return size and (size - 1).bit_length()


SIZE_CELL = [size_cell(size) for size in range(4097)]
"""The cell of every size up to 4 KiB: a look costs a quarter of the reckoning."""


def fold_sizes(cells: Sequence[int]) -> list[int]:
    """Fold cells of `size_cell` into the buckets of `semconv.SIZE_BYTES`, the last for all that is larger."""
    last = len(semconv.SIZE_BYTES)
    return [*cells[:last], sum(cells[last:])]


def duration_cell(nanoseconds: int) -> int:
    """Give the cell of a duration: k where 2^(k-1) < nanoseconds <= 2^k; 0 for none, and for a clock gone back."""
    return (nanoseconds - 1).bit_length() if nanoseconds > 0 else 0


def fold_durations(cells: Sequence[int]) -> list[int]:
    """Fold cells of `duration_cell` into the buckets of `semconv.LATENCY_SECONDS`."""
    first, last = 10, 37  # the exponents of the first and the last bound
    return [sum(cells[: first + 1]), *cells[first + 1 : last + 1], sum(cells[last + 1 :])]


class Durations:
    """A histogram of durations in powers of two of a nanosecond; written by one thread."""

    __slots__ = ("cells", "total")

    def __init__(self) -> None:
        self.cells = [0] * CELLS
        self.total = 0

    def record(self, nanoseconds: int) -> None:
        """Count one duration in nanoseconds."""
        self.cells[duration_cell(nanoseconds)] += 1
        self.total += nanoseconds


class Sizes:
    """A histogram of sizes in powers of two of a byte; written by one thread."""

    __slots__ = ("cells", "total")

    def __init__(self) -> None:
        self.cells = [0] * CELLS
        self.total = 0

    def add(self, size: int) -> None:
        """Count one size in bytes."""
        self.cells[size_cell(size)] += 1
        self.total += size


class Bounded:
    """A histogram over the buckets of its metric, in seconds, for measurements of once a connection.

    `cells` has them in powers of two of a nanosecond, too.
    """

    __slots__ = ("bounds", "cells", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.cells = [0] * CELLS
        self.total = 0.0

    def record(self, value: float) -> None:
        """Count one value, in the metric's unit; a bound belongs to the bucket below it, as in OTLP."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.cells[duration_cell(round(value / NS))] += 1
        self.total += value
