"""What the decoders hand to the writer: rows of the schema, with resources and series still spelled out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

MAX_NS = (1 << 63) - 1
"""Greatest nanosecond time and count that the store's BIGINT columns hold."""


class Resource(NamedTuple):
    """Who sent it. `attributes` is canonical JSON (sorted keys), so that equal resources are equal tuples."""

    service_name: str
    instance_id: str
    attributes: str


class SeriesKey(NamedTuple):
    """Identity of a metric's series; `attributes` is canonical JSON, `temporality` empty for a gauge."""

    resource: Resource
    scope: str
    scope_version: str
    metric: str
    kind: str
    unit: str
    temporality: str
    monotonic: bool
    attributes: str


NumberRow = tuple[SeriesKey, int, int, float]
"""Series, time_ns, start_ns (0: unknown), value."""

HistogramRow = tuple[SeriesKey, tuple[Any, ...]]
"""Series, then the columns of `histogram_points` from `time_ns` on."""

ResourceRow = tuple[Resource, tuple[Any, ...]]
"""Resource, then the columns of `spans` or `events` that follow `resource_id`."""


@dataclass(slots=True)
class Batch:
    """The rows of one OTLP request, and how many of its records could not be taken, and why (the first reason)."""

    numbers: list[NumberRow] = field(default_factory=list)
    histograms: list[HistogramRow] = field(default_factory=list)
    spans: list[ResourceRow] = field(default_factory=list)
    events: list[ResourceRow] = field(default_factory=list)
    rejected: int = 0
    reason: str = ""

    def __len__(self) -> int:
        return len(self.numbers) + len(self.histograms) + len(self.spans) + len(self.events)

    def reject(self, reason: str) -> None:
        """Count a record that can't be stored."""
        self.rejected += 1
        self.reason = self.reason or reason


def in_range(values: Sequence[int]) -> bool:
    """Whether all unsigned 64-bit `values` fit into a signed column."""
    return all(value <= MAX_NS for value in values)
