"""What every implementation of `Metrics` is asked about the workload, and what the clients' ledger says to it."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from socketscope import semconv
from socketscope.query.model import Query, Ratio

KILLED = "b-1"
"""The instance that is killed."""
QUIET = 4.0
"""Seconds before the kill in which nothing happens."""
LIVE = 5.0
"""Seconds for which a value of a replica stands: some of its exports, which come every second."""


@dataclass(frozen=True, eq=False)
class Question:
    """Asked at `at`. `ledger` is the clients' answer by label values, None where they can't know.

    `bounds`, for quantiles: answers may lie in neighbouring buckets. `exact`: equal to the unit.
    """

    name: str
    query: Query | Ratio
    at: float
    ledger: Mapping[tuple[str, ...], float] | None = None
    bounds: tuple[float, ...] = ()
    exact: bool = False

    def agree(self, one: Any, other: Any) -> bool:
        """Whether two answers are the same, as far as this question can tell."""
        if one.keys() != other.keys():
            return False
        return all(self._equal(value, other[labels]) for labels, value in one.items())

    def _equal(self, one: float, other: float) -> bool:
        if self.exact:
            return one == other
        if self.bounds:
            return abs(bisect_left(self.bounds, one) - bisect_left(self.bounds, other)) <= 1
        # All backends hold the same points; only the order differs in which they are added up.
        return one == other or abs(one - other) <= 1e-9 * max(abs(one), abs(other))


@dataclass(frozen=True)
class Moments:
    """Moments at which it was quiet: before all, at the barrier before the kill, at the last gathering, after all."""

    start: float
    kill: float
    last: float
    end: float


Tallies = Mapping[str, Counter]
"""The clients' counts by instance."""


def questions(moments: Moments, at_kill: Tallies, at_end: Tallies) -> list[Question]:
    """All questions; the tallies are those at the barrier before the kill, and at the end."""
    whole = moments.end - moments.start
    until_kill, until_end = sum(at_kill.values(), Counter()), sum(at_end.values(), Counter())
    survived = [_less(tally, at_kill.get(name)) for name, tally in at_end.items() if name != KILLED]
    after_kill = Counter()
    for tally in survived:
        after_kill.update(tally)  # keeps what is 0: a series is there, and did not grow
    asked = [
        *_counts("", moments.end, whole, 0, until_end),
        *_counts(" until the kill", moments.end, moments.kill - moments.start, moments.end - moments.kill, until_kill),
        *_counts(" after the kill", moments.end, moments.end - moments.kill, 0, after_kill),
        *_histograms(moments.end, whole, until_end),
        *_ratios(moments, whole, until_end),
        *_gauges(moments, until_kill),
    ]
    assert len({question.name for question in asked}) == len(asked)
    return asked


def _counts(when: str, at: float, window: float, offset: float, tally: Counter) -> list[Question]:
    def count(name, metric, key, *by):
        query = Query(metric.name, "increase", window, by=tuple(attribute.name for attribute in by), offset=offset)
        found = {labels[1:]: float(value) for labels, value in tally.items() if labels[0] == key}
        return Question(name + when, query, at, found, exact=True)

    by_instance = Query(semconv.MESSAGES.name, "increase", window, by=("service.instance.id",), offset=offset)
    instances = {labels[1:]: float(value) for labels, value in tally.items() if labels[0] == "instance"}
    return [
        count("messages by direction", semconv.MESSAGES, "messages", semconv.DIRECTION),
        count(
            "messages by direction and type",
            semconv.MESSAGES, "messages by type", semconv.DIRECTION, semconv.MESSAGE_TYPE,
        ),
        count("payload bytes by direction", semconv.IO, "bytes", semconv.DIRECTION),
        count("handshakes by outcome", semconv.HANDSHAKES, "handshakes", semconv.HANDSHAKE_OUTCOME),
        count("connections closed by initiator", semconv.CLOSED_CONNECTIONS, "closed", semconv.CLOSE_INITIATOR),
        count("errors by type", semconv.ERRORS_TOTAL, "errors", semconv.ERROR_TYPE),
        count("messages by channel", semconv.CHANNEL_MESSAGES, "channel", semconv.CHANNEL, semconv.DIRECTION),
        count("bytes by channel", semconv.CHANNEL_IO, "channel bytes", semconv.CHANNEL, semconv.DIRECTION),
        Question("messages by instance" + when, by_instance, at, instances, exact=True),
    ]  # fmt: skip


def _histograms(at: float, whole: float, tally: Counter) -> list[Question]:
    sizes = {
        direction: {size: times for (key, way, size), times in _of_three(tally) if (key, way) == ("size", direction)}
        for direction in ("receive", "transmit")
    }
    by = (semconv.DIRECTION.name,)
    asked = [
        Question(
            "count of the sizes by direction", Query(semconv.MESSAGE_SIZE.name, "increase", whole, by=by), at,
            {(direction,): float(sum(found.values())) for direction, found in sizes.items()}, exact=True,
        ),
        Question(
            "count of the lives", Query(semconv.CONNECTION_DURATION.name, "increase", whole, by=_CLOSED), at,
            {key[1:]: float(value) for key, value in tally.items() if key[0] == "closed"}, exact=True,
        ),
    ]  # fmt: skip
    for name, fraction in (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)):
        asked.append(
            Question(
                f"{name} of the sizes by direction", Query(semconv.MESSAGE_SIZE.name, name, whole, by=by), at,
                {(direction,): float(_quantile(found, fraction)) for direction, found in sizes.items()},
                bounds=semconv.SIZE_BYTES,
            )
        )  # fmt: skip
        asked += [
            Question(f"{name} of {metric.name}", Query(metric.name, name, whole), at, bounds=metric.buckets)
            for metric in (semconv.HANDSHAKE_DURATION, semconv.HANDLING_DURATION, semconv.CONNECTION_DURATION)
        ]
    return asked


def _ratios(moments: Moments, whole: float, tally: Counter) -> list[Question]:
    errors = sum(value for key, value in tally.items() if key[0] == "errors")
    received, transmitted = tally["messages", "receive"], tally["messages", "transmit"]
    all_errors = Query(semconv.ERRORS_TOTAL.name, "increase", whole)
    all_messages = Query(semconv.MESSAGES.name, "increase", whole)
    # Nothing happened in the seconds before the kill.
    quiet_errors = Query(semconv.ERRORS_TOTAL.name, "increase", QUIET)
    quiet_messages = Query(semconv.MESSAGES.name, "increase", QUIET)
    late_errors = Query(semconv.ERRORS_TOTAL.name, "increase", QUIET, offset=moments.end - moments.kill)
    by_direction = (semconv.DIRECTION.name,)
    return [
        Question(
            "errors of all messages", Ratio(all_errors, all_messages), moments.end,
            {(): errors / (received + transmitted)},
        ),
        Question(
            "messages that went out for one that came in",
            Ratio(
                Query(semconv.MESSAGES.name, "increase", whole, where={semconv.DIRECTION.name: ("transmit",)}),
                Query(semconv.MESSAGES.name, "increase", whole, where={semconv.DIRECTION.name: ("receive",)}),
            ),
            moments.end, {(): transmitted / received},
        ),
        Question(
            "bytes of a message by direction",
            Ratio(
                Query(semconv.IO.name, "increase", whole, by=by_direction),
                Query(semconv.MESSAGES.name, "increase", whole, by=by_direction),
            ),
            moments.end,
            {(way,): tally["bytes", way] / tally["messages", way] for way in ("receive", "transmit")},
        ),
        Question("nothing over nothing", Ratio(quiet_errors, quiet_messages), moments.kill, {}),
        Question("something over nothing", Ratio(all_messages, late_errors), moments.end, {(): float("inf")}),
        Question("nothing happened before the kill", quiet_messages, moments.kill, {(): 0.0}, exact=True),
        Question(
            "messages a second", Query(semconv.MESSAGES.name, "rate", whole), moments.end,
            {(): (received + transmitted) / whole},
        ),
    ]  # fmt: skip


def _gauges(moments: Moments, until_kill: Counter) -> list[Question]:
    active, channels = semconv.ACTIVE_CONNECTIONS.name, semconv.CHANNEL_SUBSCRIBERS.name
    route, instance = semconv.HTTP_ROUTE.name, "service.instance.id"
    cpu = semconv.SYSTEM_CPU.name
    idle = {"state": ("idle",)}
    whole = moments.end - moments.start
    asked = [
        Question(
            "open connections before the kill", Query(active, window=LIVE), moments.kill,
            {(): float(until_kill[("open",)])}, exact=True,
        ),
        Question("open connections by instance at the last gathering", Query(active, window=LIVE, by=(instance,)),
                 moments.last, {("a-2",): 4.0}, exact=True),
        Question("open connections by channel before the kill",
                 Query(channels, window=LIVE, by=(semconv.CHANNEL.name,)), moments.kill, exact=True),
        Question("replicas before the kill", Query(active, window=LIVE, across="count"), moments.kill, {(): 2.0},
                 exact=True),
        Question("of a route that there is", Query(active, window=LIVE, where={route: ("/ws/{room}",)}, by=(route,)),
                 moments.kill, {("/ws/{room}",): float(until_kill[("open",)])}, exact=True),
        Question("of a route that there is not", Query(active, window=LIVE, where={route: ("/no",)}), moments.kill, {}),
        Question("of one replica or another", Query(active, window=LIVE, where={instance: ("a-1", "b.1")}),
                 moments.kill, exact=True),
        Question("absent where there is something", Query(active, window=LIVE, absent=True), moments.kill, {}),
        Question("absent where there is nothing", Query(active, window=LIVE, where={route: ("/no",)}, absent=True),
                 moments.kill, {(): 1.0}),
        Question("busy share of the processors",
                 Query(cpu, window=LIVE, across="avg", where=idle, complement=True), moments.kill),
        Question("messages an hour before", Query(semconv.MESSAGES.name, "increase", 60, offset=3600), moments.end, {}),
    ]  # fmt: skip
    for over_time in ("avg", "min", "max"):
        asked += [
            Question(f"{over_time} of open connections, {across}", Query(active, over_time, whole, across), moments.end)
            for across in ("sum", "avg", "min", "max")
        ]
    return asked


_CLOSED = (semconv.CLOSE_INITIATOR.name,)


def _of_three(tally: Counter):
    return [(key, value) for key, value in tally.items() if len(key) == 3]


def _quantile(times: Mapping[int, int], fraction: float) -> int:
    """The value of that rank."""
    values = sorted(times)
    reached = list(accumulate(times[value] for value in values))
    return values[bisect_left(reached, fraction * reached[-1])]


def _less(tally: Counter, before: Counter | None) -> Counter:
    return Counter({key: value - (before or Counter())[key] for key, value in tally.items()})
