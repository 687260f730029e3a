"""What the decoders hand to the writer: rows of the schema, with resources and series still spelled out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from socketscope.store.buckets import Shape
    from socketscope.store.series import Series

MAX_NS = (1 << 63) - 1
"""Greatest nanosecond time that the store's BIGINT columns hold."""
MAX_COUNT = 1 << 53
"""Greatest count of a histogram: answers are doubles, which hold no greater number exactly."""


class Resource(NamedTuple):
    """Who sent it. `attributes` is canonical JSON (sorted keys), so that equal resources are equal tuples."""

    service_name: str
    instance_id: str
    attributes: str


class SeriesKey(NamedTuple):
    """Identity of a metric's series; attributes are canonical JSON, `temporality` is empty for a gauge.

    Bounds of explicit buckets are part of it: with other bounds counting begins anew.
    """

    resource: Resource
    scope: str
    scope_version: str
    scope_attributes: str
    metric: str
    kind: str
    unit: str
    temporality: str
    monotonic: bool
    attributes: str
    bounds: tuple[float, ...]


NumberRow = tuple["Series", int, int, float]
"""Series, time_ns, start_ns (0: unknown), value."""


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """A histogram's point."""

    series: Series
    time_ns: int
    start_ns: int
    count: int
    sum: float | None
    min: float | None
    max: float | None
    shape: Shape


ExemplarRow = tuple["Series", tuple[Any, ...]]
"""Series, then the columns of `exemplars` from `time_ns` on."""

ResourceRow = tuple[Resource, tuple[Any, ...]]
"""Resource, then the columns of `spans` or `events` that follow `resource_id`."""


@dataclass(slots=True)
class Batch:
    """The rows of one OTLP request, and how many of its records could not be taken, and why (the first reason)."""

    numbers: list[NumberRow] = field(default_factory=list)
    histograms: list[HistogramRow] = field(default_factory=list)
    exemplars: list[ExemplarRow] = field(default_factory=list)
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
