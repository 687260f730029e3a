"""A report as data, without a word in any language: figures, and codes with numbers for what is said about them.

Times are seconds since the epoch (UTC); durations seconds; the local zone is the period's. Names (of channels, routes,
rules, instances) are as somebody else wrote them: hostile until they are escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Generic, Literal, TypeVar
from zoneinfo import ZoneInfo

from socketscope.rules.model import Severity

T = TypeVar("T")

Source = Literal["events", "metrics", "alerts"]
"""Where a figure was read: `events` of connections, `metrics`, the history of `alerts`."""

Method = Literal[
    "opened_events",  # one for each accepted handshake
    "closed_events",  # one for each connection that ended, with its whole life
    "open_by_events",  # opened and not closed, of instances that report at the end of the period
    "unfinished_events",  # opened and never closed, of instances that fell silent within the period
    "distinct_hashes",  # different hashes of users, of connections with an event in the period
    "distinct_names",  # different names of channels, of the same connections
    "event_sweep",  # opened and closed one by one in their order
    "counter_deltas",  # positive differences of each instance's counters, one born in the period from 0
    "counter_ratio",  # two of these, divided
    "counts_by_stretch",  # counts that the backend adds up by stretches of time
    "gauge_last",  # newest values of the gauge at the end of the period
    "gauge_peak",  # greatest sum of the gauge over instances, at each export
    "gauge_range",  # the gauge at regular moments
    "histogram_quantiles",  # interpolated within buckets
    "durations",  # of closed connections, each one
    "exports",  # the times at which instances exported, against their own interval
    "alert_history",  # transitions that the alerting noted
]
"""How a figure was computed."""

Reason = Literal[
    "needs_events",  # this backend keeps no events, and metrics can't tell
    "events_missing",  # fewer events came than metrics counted, and metrics can't tell
    "no_data",  # nothing reported
    "not_kept",  # of a time so long ago nothing is kept
    "user_keys_differ",  # hashes of users were made with different keys, so they can't be compared
    "no_users",  # connections did not say whose they are (`SOCKETSCOPE_USER_FROM`)
    "nothing_closed",  # no connection ended, so there is no duration
    "no_histogram",  # it happened, and no histogram of it came
    "no_messages",  # none was received, so nothing can be divided by their number
    "no_alerting",  # no history of alerts is kept here
    "backend_cannot",  # the backend can't answer this question
]
"""Why a figure is not available."""

Certainty = Literal["exact", "at_least", "of_seen", "estimate", "unchecked"]
"""How far a figure may be trusted.

* `exact`: what it is computed from is whole.
* `at_least`: something is missing, and with it the figure could only be greater.
* `of_seen`: something is missing, and with it the figure could be greater or smaller.
* `estimate`: computed from summaries (buckets of a histogram, samples of a gauge), which are whole.
* `unchecked`: nobody knows whether something is missing.
"""
BLIND: Final[frozenset[Certainty]] = frozenset({"at_least", "of_seen"})
"""Of figures that miss something, so that they are compared with nothing."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Exports that arrived, of those that instances should have sent while they lived."""

    seen: int
    expected: int

    @property
    def whole(self) -> bool:
        """Nothing is missing."""
        return self.seen >= self.expected

    @property
    def share(self) -> float | None:
        """Between 0 and 1; None where nothing was expected."""
        return min(1.0, self.seen / self.expected) if self.expected else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure(Generic[T]):
    """One value, or None with the `reason` why it is not available.

    `source` and `method` say where it comes from, or would. `coverage` is of the exports of the period; None: unknown,
    or of no account for this figure.
    """

    value: T | None
    source: Source
    method: Method
    certainty: Certainty = "exact"
    coverage: Coverage | None = None
    reason: Reason | None = None

    @property
    def available(self) -> bool:
        """There is a value."""
        return self.value is not None

    @property
    def comparable(self) -> bool:
        """There is a value that is not known to miss anything."""
        return self.available and self.certainty not in BLIND


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """`[since, until)` in a zone. `day` is the local date where it is one from midnight to midnight."""

    since: float
    until: float
    zone: str
    day: date | None = None

    @property
    def hours(self) -> float:
        """Its length: 23, 24 or 25 for most days."""
        return (self.until - self.since) / 3600

    @property
    def start(self) -> datetime:
        """`since` in the zone."""
        return datetime.fromtimestamp(self.since, ZoneInfo(self.zone))

    @property
    def end(self) -> datetime:
        """`until` in the zone."""
        return datetime.fromtimestamp(self.until, ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The figures of a period. Bytes are of payloads, durations seconds.

    * `total_connections`: accepted handshakes. `closed_connections`: connections that ended, whenever they began.
    * `open_connections`: open at the end of the period, whenever they began. `vanished_connections`: whose instance
      fell silent within the period without telling how they ended.
    * `lost_connections`: ended by the network, without a close frame. `failed_connections`: whose handler raised.
    * `avg_`, `median_`, `p95_connection_duration`: of the closed ones.
    * `error_ratio`: errors of handlers over messages received, 0..1 (greater where there are more errors).
    * `peak_connections`: the greatest number that was open at one moment.
    """

    total_connections: Figure[int]
    closed_connections: Figure[int]
    open_connections: Figure[int]
    vanished_connections: Figure[int]
    lost_connections: Figure[int]
    failed_connections: Figure[int]
    unique_users: Figure[int]
    unique_channels: Figure[int]
    messages_received: Figure[int]
    messages_sent: Figure[int]
    bytes_received: Figure[int]
    bytes_sent: Figure[int]
    avg_connection_duration: Figure[float]
    median_connection_duration: Figure[float]
    p95_connection_duration: Figure[float]
    errors: Figure[int]
    error_ratio: Figure[float]
    peak_connections: Figure[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Connections that began in `[since, until)`, an hour or what is left of the period; None: nothing is known."""

    since: float
    until: float
    connections: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel, by connections (events) or by messages (metrics: `_other` is all beyond their limit).

    `connections` began or were in the channel within the period; what is not known is None.
    """

    name: str
    connections: int | None
    messages_received: int | None
    messages_sent: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How long messages of a route were handled: quantiles in seconds, of `messages` of them."""

    route: str
    messages: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Connections that ended with a code (RFC 6455, 7.4; None: there was none), by initiator.

    `initiator`: client, server, network (a lost link), shutdown; empty where it is not known.
    """

    code: int | None
    initiator: str
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """Handshakes with an outcome (accepted, denied, failed, abandoned) and HTTP status (None: there was no answer)."""

    outcome: str
    status: int | None
    count: int


LoadKind = Literal["connections", "messages", "cpu"]
"""`connections`: open ones; `messages`: a second, both ways; `cpu`: of the busiest host, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HighLoad:
    """A stretch in which a load was `threshold` or more; `peak` is its greatest, at regular moments."""

    kind: LoadKind
    since: float
    until: float
    peak: float
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert that fired within the period, or still fired when it began.

    `ended_at` is None while it fires; `end`: `resolved`, `expired` (its data ended for good), `removed` (its rule).
    """

    rule: str
    severity: Severity
    labels: Mapping[str, str]
    fired_at: float
    value: float | None
    ended_at: float | None
    end: str | None


IssueKind = Literal[
    "high_load",  # `name` is the LoadKind; value: the peak; reference: the threshold
    "errors",  # an hour: value: errors; share: of messages received; name: the most frequent error.type
    "lost_links",  # an hour: value: connections that the network ended; share: of those that ended
    "failed_handshakes",  # an hour: value: handshakes that were not accepted; share: of all
    "slow_route",  # the period: name: the route; value: p95 of handling in seconds; reference: what counts as slow
    "vanished_instance",  # name: the instance; since: its last report; value: connections that went with it, if known
    "gap",  # name: the instance; value: exports that are missing
    "alert",  # name: the rule; value: what fired it; reference: None
]
"""What an issue is, and what its `name`, `value`, `reference` and `share` (0..1) mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something that went wrong: when, how bad, and where to look.

    `certainty` is that of `value`. `trace_id` is of one connection that it happened to; `link` the address of that
    trace, or else of the console. `until` is None for what goes on at the end of the period.
    """

    kind: IssueKind
    severity: Severity
    since: float
    until: float | None
    name: str = ""
    value: float | None = None
    certainty: Certainty = "exact"
    reference: float | None = None
    share: float | None = None
    trace_id: str | None = None
    link: str | None = None


HighlightKind = Literal[
    "no_data",  # nothing reported
    "incomplete",  # share: of the exports that arrived; value: how many did not
    "events_missing",  # value: connections that events tell of; reference: that metrics counted at the least
    "known_since",  # since: what was before in the period is not known
    "no_connections",  # instances reported, and nobody connected
    "connections",  # value: total; reference: mean of the same weekdays, else the day before; change
    "busiest_hour",  # since, until; value: connections that began then
    "peak",  # value: peak concurrency; reference: the greatest of what it is compared with
    "errors",  # value: errors; share: of messages received; change: of the share; name: the most frequent type
    "lost_links",  # value: lost; share: of closed; change: of the share
    "slow_route",  # name; value: p95 in seconds
    "vanished",  # value: instances that fell silent without a word; reference: connections that went with them
    "alerts",  # value: alerts that fired; reference: those that still did at the end; name: the gravest's rule
    "all_well",  # nothing of the above that is worth a word happened
]
"""What stands out, and what the other fields of a `Highlight` mean; what is not known is None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """One thing to say in the paragraph about what stands out.

    `against` says what `reference` and `change` (0.5: half as much more, -0.5: half) compare with.
    """

    kind: HighlightKind
    value: float | None = None
    reference: float | None = None
    change: float | None = None
    share: float | None = None
    against: Literal["day_before", "same_weekday"] | None = None
    name: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch in which an instance lived and did not report; `missing` exports."""

    instance: str
    service: str
    since: float
    until: float
    missing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The instances (processes) that reported in the period.

    * `born` and `stopped` within the period; `vanished`: fell silent without having closed their connections.
    * `coverage`: of all their exports; None: this backend can't tell. `gaps`: the longest, at most `MOST_GAPS`.
    * `known_since`: what was before is not kept, where that is later than the period's begin; no total is whole then.
    """

    instances: int
    born: int
    stopped: int
    vanished: int
    coverage: Coverage | None
    gaps: Sequence[Gap] = ()
    known_since: float | None = None


MOST_GAPS: Final = 50
"""Gaps and issues of one kind that a report lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Another period's figures. Its figures are all `no_data` or `not_kept` where nothing of it is kept."""

    period: Period
    summary: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the period is compared with: the one before it, and the same weekday of the four weeks before.

    For a period that is no day: the one of the same length before, and the same ones 1 to 4 weeks before.
    """

    day_before: Compared
    same_weekday: Sequence[Compared]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All figures of a period, from one `backend` (`embedded`, `remote`, `prometheus`, `datadog`).

    `finished` is False where the period was not over when it was asked about. Lists are sorted, the greatest first;
    `hours` and what has a `since` by time. `highlights` are in the order in which they are said.
    """

    period: Period
    backend: str
    generated_at: float
    finished: bool
    fleet: Figure[Fleet]
    summary: Summary
    comparison: Comparison
    connections_per_hour: Figure[Sequence[Hour]]
    top_channels: Figure[Sequence[Channel]]
    slowest_routes: Figure[Sequence[Route]]
    closes: Figure[Sequence[Close]]
    handshakes: Figure[Sequence[Handshake]]
    high_load: Figure[Sequence[HighLoad]]
    alerts: Figure[Sequence[Alert]]
    unknown_loads: Sequence[LoadKind] = ()
    """Loads of which nothing is known, so that `high_load` says nothing of them."""
    issues_detected: Sequence[Issue] = ()
    highlights: Sequence[Highlight] = ()
    notes: Sequence[str] = field(default=())
    """What the backend says of its own limits, in English."""


def change(now: Figure[int] | Figure[float], then: Figure[int] | Figure[float]) -> float | None:
    """Give by which part of `then` there is more `now` (0.5: half as much more); None where that can't be said.

    Of figures that miss something nothing can be said, nor of a change from 0.
    """
    if not now.comparable or not then.comparable or now.value is None or not then.value:
        return None
    return (now.value - then.value) / then.value


def mean(figures: Iterable[Figure[int] | Figure[float]]) -> tuple[Figure[float], int] | None:
    """Give the mean of those figures that miss nothing, and how many these are; None where there are none."""
    whole = [figure for figure in figures if figure.comparable]
    if not whole:
        return None
    values = [figure.value for figure in whole if figure.value is not None]
    average = sum(values) / len(values)
    return Figure(value=average, source=whole[0].source, method=whole[0].method), len(values)
