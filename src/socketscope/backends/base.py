"""What the console, alerts and reports may ask of a backend, whatever it is.

Each protocol is implemented by every backend that can answer it; what a backend can't know it says in its
`capabilities` and answers with `None`, never with 0. Times are seconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from socketscope.backends.exports import Exports
from socketscope.backends.ledger import ConnectionLedger
from socketscope.query.model import Query, Ratio


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of an instant query: the values of `by`, the number, and when its newest datum was measured."""

    labels: Mapping[str, str]
    value: float
    measured_at: float


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a range query: `(time, value)`, value None where there is no data."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Instance:
    """A process of a service that sent metrics: its `service.instance.id`, start and last report."""

    id: str
    service: str
    started_at: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection that was opened and not closed, of an instance that still reports."""

    id: str
    instance: str
    route: str | None
    channels: Sequence[str]
    user_hash: str | None
    opened_at: float
    client_address: str | None
    user_agent: str | None
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    counts_at: float


@dataclass(frozen=True, slots=True)
class ConnectionPage:
    """One page of open connections, newest first, and how many there are in all."""

    connections: Sequence[OpenConnection]
    total: int


@dataclass(frozen=True, slots=True)
class ConnectionSummary:
    """A period's connections, from their events. `unique_users` is None where keys of the hash differ."""

    opened: int
    closed: int
    still_open: int
    lost: int
    failed: int
    avg_duration: float | None
    unique_users: int | None
    unique_channels: int
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    complete: bool


SpanKind = Literal["internal", "server", "client", "producer", "consumer", "unspecified"]
SpanStatus = Literal["unset", "ok", "error"]


@dataclass(frozen=True, slots=True)
class SpanLink:
    """What a span refers to beside its parent."""

    trace_id: str
    span_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """A finished span of `service`; ids are lower-case hexadecimal."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: SpanKind
    service: str
    start: float
    end: float
    status: SpanStatus = "unset"
    status_message: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: Sequence[SpanLink] = ()


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a connection left in traces so far, by start: its own spans and all that descend from them.

    `closed`: the span of its last segment is among them. While a connection is open it is not, nor when it was lost
    on its way here.
    """

    connection_id: str
    spans: Sequence[TraceSpan]
    closed: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can answer: `metrics` (numbers), `connections` (lists, distinct users), `traces`."""

    metrics: bool = False
    connections: bool = False
    traces: bool = False
    notes: tuple[str, ...] = ()


class Metrics(Protocol):
    """Numbers. Raises `BackendError` when the backend can't be asked, `QueryError` when it can't compile one."""

    capabilities: Capabilities

    async def instant(self, query: Query | Ratio, *, at: float) -> Sequence[Sample]:
        """Answer `query` with the window that ends at `at`; an empty answer means no data."""
        ...

    async def range(self, query: Query | Ratio, *, start: float, end: float, step: float) -> Sequence[Series]:
        """Answer `query` at `start, start + step, ..., end`."""
        ...

    async def instances(self, *, since: float, until: float) -> Sequence[Instance]:
        """List the processes that reported in `[since, until]`."""
        ...

    async def peak(self, metric: str, since: float, until: float) -> float | None:
        """Find the greatest sum of a gauge or up-down counter over all live instances in `[since, until]`.

        Sampled at each exported point; an instance's value stands until its next point, or for three export
        intervals (at least 15 s) after its last one. None: there are no points.
        """
        ...

    async def exports(self, *, since: float, until: float) -> Exports | None:
        """Tell which exports of its instances in `(since, until]` came, and which did not; None: it can't tell."""
        ...


class Connections(Protocol):
    """Lists and distinct counts, from events. Raises `BackendError` when the backend can't be asked."""

    capabilities: Capabilities

    async def open(self, *, at: float, limit: int, offset: int) -> ConnectionPage:
        """One page of the connections that are open at `at`."""
        ...

    async def summary(self, *, since: float, until: float) -> ConnectionSummary:
        """All connections with an event in `[since, until]`."""
        ...

    async def ledger(self, *, since: float, until: float, step: float, top: int) -> ConnectionLedger:
        """Account for the connections of `[since, until)`.

        In stretches of `step` seconds, the last one shorter where they don't divide it, and with the `top` channels
        that most connections were in. Raises `QueryError` for an empty period, for more than `MOST_STRETCHES`, and
        for no channels.
        """
        ...


class Traces(Protocol):
    """Timelines of connections. Raises `BackendError` when the backend can't be asked."""

    capabilities: Capabilities

    async def timeline(
        self, connection_id: str, *, since: float, until: float, service: str | None = None
    ) -> Timeline | None:
        """Find the spans of a connection that was active in `[since, until]`; None: there are none.

        Raises `QueryError` for what can't be a connection's id. `service` narrows the search where it is known.
        """
        ...

    def link(self, trace_id: str) -> str | None:
        """Give the address of a page that shows a trace; None: there is none that is known of."""
        ...
