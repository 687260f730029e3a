"""Random days of a service: what its processes did, and the OTLP that they would have sent of it.

All times are whole milliseconds since the begin of the period that is reported; a process's clock may be put forward or
back in its life, and everything that it sends has the time of that clock.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Life:
    """One run of a process. `exports` are times of its exports, the last one at its end, which is None while it runs.

    At `stepped_at` its clock is put forward by `step`, or back. Who was `killed` sent nothing about it.
    """

    instance: str
    start: int
    end: int | None
    killed: bool
    exports: tuple[int, ...] = field(repr=False)
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
_moments = st.one_of(
    st.tuples(st.just("anywhere"), st.integers(0, 10**6)),
    st.tuples(st.sampled_from(["begin", "end"]), st.integers(-2 * MINUTE, 2 * MINUTE)),
    st.tuples(st.sampled_from(["begin", "end"]), st.sampled_from([-1, 0, 1])),
)
_durations = st.one_of(
    st.integers(1, MINUTE), st.integers(1, HOUR), st.integers(HOUR, 20 * HOUR), st.sampled_from([SEGMENT, HOUR])
)
_messages = st.lists(
    st.tuples(st.integers(0, 1000), st.sampled_from(["receive", "transmit"]), st.integers(0, 5000)), max_size=4
)
_DRAWN = ("end", "error", "user", "channels", "messages")
_connections = st.lists(
    st.tuples(
        st.integers(0, 2),  # replica
        _moments,
        _durations,
        st.sampled_from(_ENDS),
        st.sampled_from(["", "", "", "ValueError", "app.Broken"]),
        st.sampled_from([None, "anna", "berta", "carla", "dora"]),
        st.sets(st.sampled_from(["lobby", "news", "späti 🙂"]), max_size=2),
        _messages,
    ),
    max_size=24,
)
_refusals = st.lists(
    st.tuples(st.integers(0, 2), _moments, st.sampled_from([("denied", 403), ("failed", 500), ("abandoned", 0)])),
    max_size=4,
)
_lives = (
    st.lists(  # of one replica: where each ends, whether by a kill, how long nothing runs then, a new name after it
        st.tuples(_moments, st.booleans(), st.integers(1, 25 * MINUTE), st.booleans()), max_size=3
    )
)
_steps = st.tuples(st.booleans(), _moments, st.one_of(st.integers(-30 * MINUTE, -1), st.integers(1, 30 * MINUTE)))


@st.composite
def workloads(draw, length, *, interval=None, back=True):
    """Draw one for a period of `length`; without `back` no clock is put back."""
    interval = interval or (5 * MINUTE if length > 4 * HOUR else draw(st.sampled_from([30 * SECOND, MINUTE])))
    aligned = draw(st.booleans())
    two_keys = draw(st.integers(0, 9)) == 0
    replicas = []
    for number in range(draw(st.integers(1, 3))):
        phase = 0 if aligned else draw(st.integers(0, interval - 1))
        drawn = draw(_lives), draw(_steps)
        replicas.append(_replica(number, *drawn, length=length, interval=interval, phase=phase, back=back))
    connections = []
    for index, (replica, moment, duration, *rest) in enumerate(draw(_connections)):
        life = _running(replicas[replica % len(replicas)], _time(moment, length))
        if life:
            key = f"key-{replica % 2 if two_keys else 0}"
            drawn = dict(zip(_DRAWN, rest, strict=True))
            connections.append(_connection(index, life, _time(moment, length), duration, key=key, **drawn))
    refusals = []
    for replica, moment, (outcome, status) in draw(_refusals):
        life = _running(replicas[replica % len(replicas)], _time(moment, length))
        if life:
            refusals.append(Refusal(life, _time(moment, length), outcome, status))
    lives = tuple(life for of_replica in replicas for life in of_replica)
    return Workload(length, interval, aligned, lives, tuple(connections), tuple(refusals))


def _time(moment, length):
    where, of = moment
    if where == "anywhere":
        return -BEFORE + of * (BEFORE + length + AFTER) // 10**6
    return of if where == "begin" else length + of


def _replica(number, cuts, step, *, length, interval, phase, back):
    lives, start, name = [], -BEFORE + phase, 0
    horizon = length + AFTER
    for moment, killed, down, renamed in sorted(cuts, key=lambda cut: _time(cut[0], length)):
        end = _time(moment, length)
        if end <= start + interval:
            continue
        lives.append(_life(f"replica-{number}.{name}", start, end, interval, length, killed=killed))
        start = end + down
        if phase == 0:  # aligned again
            start = -(-start // interval) * interval
        name += renamed
    if start + interval <= horizon:
        exports = tuple(range(start + interval, horizon + 1, interval))
        lives.append(Life(f"replica-{number}.{name}", start, None, killed=False, exports=exports))
    return [_stepped(life, step, length, back=back) for life in lives]


def _life(instance, start, end, interval, length, *, killed):
    exports = list(range(start + interval, end + 1, interval))
    if killed and any(0 <= edge - exports[-1] <= SILENT for edge in (0, length)):
        killed = False
    if killed:
        end = exports[-1]  # what it did afterwards nobody could know
    elif exports[-1] != end:
        exports.append(end)
    return Life(instance, start, end, killed, tuple(exports))


def _stepped(life, step, length, *, back):
    chosen, moment, by = step
    at = _time(moment, length)
    end = life.exports[-1]
    if not chosen or not life.start < at < end or (by < 0 and not back):
        return life
    # What its clock shows twice, or never, is clear of the ends of the period: on which day it was nobody could say.
    low, high = min(at, at + by) - SILENT, max(at, at + by) + SILENT
    later = end + max(by, 0) + SILENT
    if any(low <= edge <= high or (life.killed and end - SILENT <= edge <= later) for edge in (0, length)):
        return life
    return Life(life.instance, life.start, life.end, life.killed, life.exports, at, by)


def _running(lives, time):
    return next(
        (life for life in lives if (life.start <= time < life.exports[-1])),
        None,
    )


def _connection(index, life, opened, duration, *, key, end, error, user, channels, messages):
    code, initiator = end
    last = life.exports[-1]
    closed = opened + duration
    if closed > last:
        closed = None
        if life.end is not None and not life.killed:
            closed, code, initiator, error = last, 1012, "shutdown", ""
    until = closed if closed is not None else last
    said = tuple(
        Message(opened + (until - opened) * share // 1000, direction, size) for share, direction, size in messages
    )
    return Connection(
        id=f"{index:016x}",
        life=life,
        opened=opened,
        closed=closed,
        code=code,
        initiator=initiator,
        error=error,
        user=user,
        key=key,
        channels=tuple(sorted(channels)),
        messages=said,
    )


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


def metrics_requests(workload, since, *, exports=40):
    """One request for each so many exports of each life."""
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
            of_resource = ResourceMetrics(resource=resource(life.instance), scope_metrics=[scoped])
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
