"""Random days of a service: what its processes did, and the OTLP that they would have sent of it.

All times are whole milliseconds since the begin of the period that is reported; a process's clock may be put forward or
back in its life, and everything that it sends has the time of that clock.
"""

import math
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from otlp_requests import key_values, resource
from socketscope import semconv

SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
BEFORE, AFTER = 3 * HOUR, HOUR // 2
"""How long before the period it begins, and after it ends."""
SEGMENT = 20 * MINUTE
"""How often a connection tells of itself."""
SILENT = 305 * SECOND
"""A process that fell silent so shortly before an end of the period is not known to be gone."""
ROUTE = "/ws/{room}"
SCOPE = InstrumentationScope(name=semconv.SCOPE, version="1")


class Times(tuple):
    """Many of them, told in short."""

    __slots__ = ()

    def __repr__(self):
        return f"{len(self)} from {self[0]} to {self[-1]}" if self else "none"


@dataclass(frozen=True)
class Life:
    """One run of a process. `exports` are times of its exports, the last one at its end, which is None while it runs.

    At `stepped_at` its clock is put forward by `step`, or back. Who was `killed` sent nothing about it.
    """

    instance: str
    start: int
    end: int | None
    killed: bool
    exports: Times
    stepped_at: int = 0
    step: int = 0

    def clock(self, time):
        """What the process takes `time` for."""
        return time + self.step if self.step and time >= self.stepped_at else time


@dataclass(frozen=True)
class Message:
    at: int
    direction: str
    size: int


@dataclass(frozen=True)
class Connection:
    """`closed` is None where it never was: it is still open, or its process was killed."""

    id: str
    life: Life
    opened: int
    closed: int | None
    code: int
    initiator: str
    error: str
    user: str | None
    key: str
    channels: tuple[str, ...]
    messages: tuple[Message, ...]

    @property
    def events(self):
        """[(name, time, time of the process's clock)]"""
        end = self.closed if self.closed is not None else self.life.exports[-1]
        times = [(semconv.OPENED.name, self.opened)]
        times += [(semconv.PROGRESS.name, time) for time in range(self.opened + SEGMENT, end, SEGMENT)]
        times += [(semconv.CLOSED.name, self.closed)] if self.closed is not None else []
        return [(name, time, self.life.clock(time)) for name, time in times]


@dataclass(frozen=True)
class Refusal:
    life: Life
    at: int
    outcome: str
    status: int


@dataclass(frozen=True)
class Workload:
    """`length` of the period; `aligned`: exports come at both of its ends, to the moment."""

    length: int
    interval: int
    aligned: bool
    lives: tuple[Life, ...]
    connections: tuple[Connection, ...]
    refusals: tuple[Refusal, ...]


# how one is made ----------------------------------------------------------------------------------------------------

_ENDS = ((1000, "client"), (1001, "client"), (1000, "server"), (1005, "network"), (1006, "network"))
_SIZES = [0, 1, 2, 3, 6, *[12] * 3, *[24] * 4]
"""How many connections; a failure is told with the fewest that fail."""


@st.composite
def workloads(draw, length, *, back=True):
    """Draw one for a period of `length`; without `back` no clock is put back."""
    rng = draw(st.randoms(use_true_random=True))
    interval = 5 * MINUTE if length > 4 * HOUR else rng.choice([30 * SECOND, MINUTE])
    replicas = draw(st.sampled_from([1, 2, 3]))
    aligned = draw(st.booleans())
    made = _Making(rng, length, interval)
    lives = [made.replica(number, aligned=aligned, back=back) for number in range(replicas)]
    connections = [made.connection(index, lives) for index in range(draw(st.sampled_from(_SIZES)))]
    refusals = [made.refusal(lives) for _ in range(rng.randint(0, 4))]
    return Workload(
        length,
        interval,
        aligned,
        tuple(life for of_replica in lives for life in of_replica),
        tuple(filter(None, connections)),
        tuple(filter(None, refusals)),
    )


class _Making:
    """Makes the parts of a workload."""

    def __init__(self, rng, length, interval):
        self.rng = rng
        self.length = length
        self.interval = interval
        self.two_keys = rng.random() < 0.1

    def moment(self):
        """Anywhere, or about one of the ends of the period, or at one of them but for a millisecond."""
        beside = self.rng.choice([self.rng.randint(-2 * MINUTE, 2 * MINUTE), self.rng.randint(-1, 1)])
        return self.rng.choice(
            [self.anywhere(), self.anywhere(), self.within(), self.within(), beside, self.length + beside]
        )

    def eventful(self, lives):
        """About a moment at which a clock is put forward or back, or a process ends; or any moment."""
        changes = [
            (life.stepped_at, abs(life.step)) if life.step else (life.exports[-1], HOUR)
            for of_replica in lives
            for life in of_replica
            if life.step or life.end is not None
        ]
        if not changes or self.rng.random() < 0.5:
            return self.moment()
        at, around = self.rng.choice(changes)
        return at + self.rng.randint(-around, around)

    def anywhere(self):
        return self.rng.randint(-BEFORE, self.length + AFTER)

    def within(self):
        return self.rng.randint(0, self.length)

    def replica(self, number, *, aligned, back):
        """The lives of one, after one another: some are killed, and some begin anew under the same name."""
        interval, rng = self.interval, self.rng
        lives, start, name = [], -BEFORE + (0 if aligned else rng.randrange(interval)), 0
        for end in sorted(self.moment() for _ in range(rng.randint(0, 3))):
            if end <= start + interval:
                continue
            lives.append(
                _life(f"replica-{number}.{name}", start, end, interval, self.length, killed=rng.random() < 0.6)
            )
            start = end + rng.randint(MINUTE, 25 * MINUTE)
            if aligned:
                start = -(-start // interval) * interval
            name += rng.randint(0, 1)
        horizon = self.length + AFTER
        if start + interval <= horizon:
            exports = Times(range(start + interval, horizon + 1, interval))
            lives.append(Life(f"replica-{number}.{name}", start, None, killed=False, exports=exports))
        return _told_apart([self.stepped(life, back=back) for life in lives])

    def stepped(self, life, *, back):
        """Put its clock forward or back, or not at all."""
        rng, end = self.rng, life.exports[-1]
        step = rng.choice([rng.randint(-30 * MINUTE, -1), rng.randint(1, 30 * MINUTE)])
        at = rng.randint(life.start, end)
        if rng.random() < 0.6 or not life.start < at < end or (step < 0 and not back):
            return life
        # What its clock shows twice, or never, is clear of both ends of the period: nobody knows on which day it was.
        low, high = min(at, at + step) - SILENT, max(at, at + step) + SILENT
        later = end + max(step, 0) + SILENT
        if any(low <= edge <= high or (life.killed and end - SILENT <= edge <= later) for edge in (0, self.length)):
            return life
        return replace(life, stepped_at=at, step=step)

    def running(self, lives, time):
        """A process that runs then."""
        of_replica = self.rng.choice(lives)
        return next((life for life in of_replica if life.start <= time < life.exports[-1]), None)

    def connection(self, index, lives):
        """One of a process that runs; None where none does."""
        rng = self.rng
        opened, number = self.eventful(lives), rng.randint(0, 1) if self.two_keys else 0
        duration = rng.choice(
            [rng.randint(1, MINUTE), rng.randint(1, HOUR), rng.randint(HOUR, 5 * HOUR), 20 * HOUR, SEGMENT, HOUR]
        )
        life = self.running(lives, opened)
        if life is None:
            return None
        error = rng.choice(["", "", "", "ValueError", "app.Broken"])
        code, initiator = rng.choice(_ENDS)
        last = life.exports[-1]
        closed = opened + duration
        if closed > last:
            closed = None
            if life.end is not None and not life.killed:
                closed, code, initiator, error = last, 1012, "shutdown", ""
        until = closed if closed is not None else last
        messages = (
            Message(rng.randint(opened, until), rng.choice(["receive", "transmit"]), rng.randint(0, 5000))
            for _ in range(rng.randint(0, 5))
        )
        return Connection(
            id=f"{index:016x}",
            life=life,
            opened=opened,
            closed=closed,
            code=code,
            initiator=initiator,
            error=error,
            user=rng.choice([None, "anna", "berta", "carla", "dora"]),
            key=f"key-{number}",
            channels=tuple(sorted(rng.sample(["lobby", "news", "späti 🙂"], rng.randint(0, 2)))),
            messages=tuple(messages),
        )

    def refusal(self, lives):
        """A handshake that was not accepted."""
        at = self.moment()
        life = self.running(lives, at)
        outcome, status = self.rng.choice([("denied", 403), ("failed", 500), ("abandoned", 0)])
        return Refusal(life, at, outcome, status) if life else None


def _told_apart(lives):
    """Two processes of one name can't be told apart where, by their own clocks, they ran at the same time."""
    found = []
    for index, life in enumerate(lives):
        before = found[-1] if found else None
        begin = min(life.start, life.clock(life.stepped_at)) if life.step else life.start
        if before and before.instance == life.instance and before.clock(before.exports[-1]) >= begin:
            found.append(replace(life, instance=f"{life.instance}.{index}"))
        else:
            found.append(life)
    return found


def _life(instance, start, end, interval, length, *, killed):
    exports = list(range(start + interval, end + 1, interval))
    if killed and any(0 <= edge - exports[-1] <= SILENT for edge in (0, length)):
        killed = False
    if killed:
        end = exports[-1]  # what it did afterwards nobody could know
    elif exports[-1] != end:
        exports.append(end)
    return Life(instance, start, end, killed, Times(exports))


# what is sent of it -------------------------------------------------------------------------------------------------


@dataclass
class Told:
    """What a life's counters count at each of its exports, by metric and attributes, and its open connections."""

    counts: dict = field(default_factory=dict)
    open: list = field(default_factory=list)


def told(workload, life):
    """What each export tells for the first time, summed up: what happened at its very moment is in it."""
    steps = {}

    def count(time, amount, metric, **attributes):
        key = metric, tuple(sorted(attributes.items()))
        steps.setdefault(key, Counter())[bisect_left(life.exports, time)] += amount

    opened, closed = Counter(), Counter()
    for one in workload.connections:
        if one.life is not life:
            continue
        count(one.opened, 1, semconv.HANDSHAKES, **{
            semconv.HANDSHAKE_OUTCOME.name: "accepted", semconv.HTTP_STATUS.name: 101,
        })  # fmt: skip
        opened[bisect_left(life.exports, one.opened)] += 1
        for message in one.messages:
            count(message.at, 1, semconv.MESSAGES, **{semconv.DIRECTION.name: message.direction})
            count(message.at, message.size, semconv.IO, **{semconv.DIRECTION.name: message.direction})
        if one.closed is None:
            continue
        closed[bisect_left(life.exports, one.closed)] += 1
        how = {semconv.CLOSE_CODE.name: one.code, semconv.CLOSE_INITIATOR.name: one.initiator}
        if one.error:
            how[semconv.ERROR_TYPE.name] = one.error
            count(one.closed, 1, semconv.ERRORS_TOTAL, **{semconv.ERROR_TYPE.name: one.error})
        count(one.closed, 1, semconv.CLOSED_CONNECTIONS, **how)
    for refusal in workload.refusals:
        if refusal.life is life:
            status = {semconv.HTTP_STATUS.name: refusal.status} if refusal.status else {}
            count(refusal.at, 1, semconv.HANDSHAKES, **{semconv.HANDSHAKE_OUTCOME.name: refusal.outcome}, **status)
    found = Told()
    for key, of_exports in steps.items():
        total = 0
        found.counts[key] = [total := total + of_exports[index] for index in range(len(life.exports))]
    standing = 0
    found.open = [standing := standing + opened[index] - closed[index] for index in range(len(life.exports))]
    return found


def metrics_requests(workload, since, *, exports=40, prefix=""):
    """One request for each so many exports of each life; `prefix` is of the names of its processes."""
    requests = []
    for life in workload.lives:
        of_life = told(workload, life)
        start = _ns(since, life.clock(life.start))
        series = [
            (semconv.OVERFLOW, (), [0] * len(life.exports), True),
            (semconv.ACTIVE_CONNECTIONS, ((semconv.HTTP_ROUTE.name, ROUTE),), of_life.open, False),
            *((metric, attributes, totals, True) for (metric, attributes), totals in of_life.counts.items()),
        ]
        for begin in range(0, len(life.exports), exports):
            part = range(begin, min(begin + exports, len(life.exports)))
            metrics = []
            for metric, attributes, totals, monotonic in series:
                pairs = key_values(dict(attributes))
                points = [
                    NumberDataPoint(
                        time_unix_nano=_ns(since, life.clock(life.exports[index])),
                        start_time_unix_nano=start,
                        as_int=totals[index],
                        attributes=pairs,
                    )
                    for index in part
                    if totals[index] or not attributes or not monotonic  # a counter is sent from its first count on
                ]
                if points:
                    metrics.append(_sum(metric, points, monotonic=monotonic))
            scoped = ScopeMetrics(scope=SCOPE, metrics=metrics)
            of_resource = ResourceMetrics(resource=resource(prefix + life.instance), scope_metrics=[scoped])
            requests.append(ExportMetricsServiceRequest(resource_metrics=[of_resource]))
    return requests


def logs_requests(workload, since):
    """One request for each connection."""
    return [
        ExportLogsServiceRequest(
            resource_logs=[
                ResourceLogs(
                    resource=resource(one.life.instance),
                    scope_logs=[ScopeLogs(scope=SCOPE, log_records=_records(one, since))],
                )
            ]
        )
        for one in workload.connections
    ]


def _records(one, since):
    for name, time, clock in one.events:
        said = [message for message in one.messages if message.at <= time]
        attributes = {
            semconv.CONNECTION_ID.name: one.id,
            semconv.HTTP_ROUTE.name: ROUTE,
            semconv.DURATION.name: (time - one.opened) / 1000,
            semconv.MESSAGES_RECEIVED.name: sum(message.direction == "receive" for message in said),
            semconv.MESSAGES_SENT.name: sum(message.direction == "transmit" for message in said),
        }
        if one.channels:
            attributes[semconv.CHANNELS.name] = list(one.channels)
        if one.user:
            attributes |= {semconv.USER_HASH.name: f"{one.key}:{one.user}", semconv.USER_KEY_ID.name: one.key}
        if name == semconv.CLOSED.name:
            attributes |= {semconv.CLOSE_CODE.name: one.code, semconv.CLOSE_INITIATOR.name: one.initiator}
            if one.error:
                attributes[semconv.ERROR_TYPE.name] = one.error
        yield LogRecord(
            time_unix_nano=_ns(since, clock), event_name=name, severity_number=9, attributes=key_values(attributes)
        )


def _sum(metric, points, *, monotonic):
    cumulative = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    data = Sum(data_points=points, aggregation_temporality=cumulative, is_monotonic=monotonic)
    return Metric(name=metric.name, unit=metric.unit, sum=data)


def _ns(since, milliseconds):
    return round(since) * 10**9 + milliseconds * 10**6


def with_falls_only(workload):
    """Give a process another name where it counts at once as far as the one before it: nobody would see a fall.

    Only who knows when a counter began can tell them apart.
    """
    renamed, last = {}, {}
    for index, life in enumerate(workload.lives):
        counts = told(workload, life).counts
        begins = {key: next(filter(None, totals), 0) for key, totals in counts.items()}
        if any(begin >= last.get((life.instance, key), math.inf) for key, begin in begins.items()):
            renamed[life] = replace(life, instance=f"{life.instance}.{index}")
        else:
            last |= {(life.instance, key): totals[-1] for key, totals in counts.items()}
    return replace(
        workload,
        lives=tuple(renamed.get(life, life) for life in workload.lives),
        connections=tuple(replace(one, life=renamed.get(one.life, one.life)) for one in workload.connections),
        refusals=tuple(replace(one, life=renamed.get(one.life, one.life)) for one in workload.refusals),
    )
