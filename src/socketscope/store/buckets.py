"""Buckets of a histogram, explicit or exponential, and which of them grew from one point to the next. Pure."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

COARSEST: Final = -10
FINEST: Final = 20
"""Scales that OTLP allows."""


class Explicit(NamedTuple):
    """Counts of explicit buckets; the bounds are the series'."""

    counts: Sequence[int]


class Exponential(NamedTuple):
    """Exponential buckets: of index i, values in `(base^i, base^(i+1)]` with the base `2^(2^-scale)`."""

    scale: int
    zero_count: int
    zero_threshold: float
    positive_offset: int
    positive_counts: Sequence[int]
    negative_offset: int
    negative_counts: Sequence[int]


Shape = Explicit | Exponential


class Growth(NamedTuple):
    """Buckets that grew: `increments[i]` observations in `(lowers[i], uppers[i]]`."""

    lowers: list[float]
    uppers: list[float]
    increments: list[int]


def growth(bounds: Sequence[float], shape: Shape, before: Shape | None) -> Growth | None:
    """Compare a point with the one before it (None: with nothing); None if a bucket fell, which is a reset."""
    if isinstance(shape, Explicit):
        return _explicit(bounds, shape, before if isinstance(before, Explicit) else None)
    return _exponential(shape, before if isinstance(before, Exponential) else None)


def _explicit(bounds: Sequence[float], shape: Explicit, before: Explicit | None) -> Growth | None:
    if before is None or len(before.counts) != len(shape.counts):
        increments: Sequence[int] = shape.counts
    else:
        increments = [now - then for now, then in zip(shape.counts, before.counts, strict=True)]
    if min(increments) < 0:
        return None
    grown = [index for index, increment in enumerate(increments) if increment]
    return Growth(
        [bounds[index - 1] if index else -math.inf for index in grown],
        [bounds[index] if index < len(bounds) else math.inf for index in grown],
        [increments[index] for index in grown],
    )


def _exponential(shape: Exponential, before: Exponential | None) -> Growth | None:
    """Compare at the coarser of both scales, to which the finer one's buckets merge exactly."""
    scale, zero = shape.scale, shape.zero_threshold
    if before is not None:
        scale, zero = min(scale, before.scale), max(zero, before.zero_threshold)
    counts = _counts(shape, scale, zero)
    if before is not None:
        counts.subtract(_counts(before, scale, zero))
    grown = Growth([], [], [])
    for (side, index), increment in sorted(counts.items()):
        if increment < 0:
            return None
        if increment:
            inner, outer = (_edge(index, scale), _edge(index + 1, scale)) if side else (-zero, zero)
            grown.lowers.append(-outer if side < 0 else inner)
            grown.uppers.append(-inner if side < 0 else outer)
            grown.increments.append(increment)
    return grown


def _counts(shape: Exponential, scale: int, zero: float) -> Counter[tuple[int, int]]:
    """Count by side (-1, 0 for zero, 1) and index at `scale`; what lies within the zero bucket counts there."""
    counts: Counter[tuple[int, int]] = Counter({(0, 0): shape.zero_count})
    for side, offset, of_side in (
        (1, shape.positive_offset, shape.positive_counts),
        (-1, shape.negative_offset, shape.negative_counts),
    ):
        for index, count in _filled(offset, of_side):
            merged = index >> (shape.scale - scale)
            counts[(0, 0) if zero and _edge(merged + 1, scale) <= zero else (side, merged)] += count
    return counts


def _filled(offset: int, counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    return ((offset + index, count) for index, count in enumerate(counts) if count)


def _edge(index: int, scale: int) -> float:
    """Tell where the bucket of that index begins; equal edges of different scales give equal floats."""
    try:
        return math.pow(2.0, math.ldexp(index, -scale))
    except OverflowError:
        return sys.float_info.max
