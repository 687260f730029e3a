"""Exemplars: single measurements of a histogram that lead to a trace, of what was slow or failed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, NamedTuple

from socketscope.telemetry.histogram import duration_cell

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext


class Exemplar(NamedTuple):
    """One measurement, in nanoseconds, at a moment of the wall clock; `number` grows with each one of a process."""

    number: int
    nanoseconds: int
    wall_ns: int
    span_context: SpanContext | None

    @property
    def sampled(self) -> bool:
        """Whether its trace is recorded, so that there is something to look at."""
        return self.span_context is not None and self.span_context.trace_flags.sampled


class Exemplars:
    """The newest measurement of each bucket of each histogram, and the newest whose trace is recorded.

    Bounded: by the buckets of the histograms that there are. Whoever exports differences takes those whose number is
    beyond the last one that he has seen; nothing is taken out, as there may be several.
    """

    def __init__(self) -> None:
        self._numbers = 0
        self._kept: dict[Hashable, dict[tuple[int, bool], Exemplar]] = {}

    def keep(self, series: Hashable, nanoseconds: int, wall_ns: int, span_context: SpanContext | None) -> None:
        """Keep a measurement, instead of the one before it in its bucket."""
        self._numbers += 1
        exemplar = Exemplar(self._numbers, nanoseconds, wall_ns, span_context)
        self._kept.setdefault(series, {})[duration_cell(nanoseconds), exemplar.sampled] = exemplar

    def of(self, series: Hashable) -> list[Exemplar]:
        """Give those of one histogram, oldest first."""
        return sorted(self._kept.get(series, {}).values())
