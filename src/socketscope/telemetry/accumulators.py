"""What is counted, in plain cells that the event loop writes and the exporter's thread reads.

Per message nothing here takes a lock or allocates: a connection holds the `Traffic` of its attribute set and adds to
its cells. A set has one `Traffic` per thread, so that every cell has one writer; readers sum over the threads, and
since each cell only grows, so does the sum. Bytes, and what is counted by channel, a connection counts for itself
alone; it is folded into the totals, as the difference to the time before, when somebody reads and when the connection
changes its channels or ends. What happens once a connection is counted under a lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Lock, get_ident
from typing import TYPE_CHECKING

from socketscope import semconv
from socketscope.telemetry.broker import Brokers
from socketscope.telemetry.cardinality import Cap
from socketscope.telemetry.histogram import (
    NS,
    Bounded,
    Durations,
    Histogram,
    Sizes,
    fold_durations,
    fold_sizes,
)
from socketscope.telemetry.ledger import Ledgers
from socketscope.telemetry.traffic import ChannelTraffic, Traffic

if TYPE_CHECKING:
    from socketscope.telemetry.record import ConnectionRecord
    from socketscope.telemetry.tally import Share

Attributes = dict[str, str | int]
Where = tuple[str, int | None]
"""Route and server port of a connection."""

DIRECTIONS = ("receive", "transmit")

_FOLDED = 0
"""In the place of a thread: what any of them adds to under the lock."""

PROTOCOL_CODES = frozenset(range(1000, 1016))
"""Close codes of RFC 6455, 7.4.1, and of IANA's registry: a value of their own on metrics."""
CODE_LIMIT = 20
"""How many other close codes (3000 to 4999 are free to use, by clients too) have one; the rest is `_other`."""


class Accumulators:
    """All counts of a process since `start_ns` (wall clock, nanoseconds)."""

    def __init__(self, *, start_ns: int, channel_limit: int = 100, route_limit: int = 100) -> None:
        self.start_ns = start_ns
        self.channel_cap = Cap(channel_limit)
        self.route_cap = Cap(route_limit)
        self.code_cap = Cap(CODE_LIMIT)
        self.lock = Lock()
        self._traffic: dict[tuple[int, Where], Traffic] = {}
        self._channels: dict[tuple[int, str], ChannelTraffic] = {}
        self.active: Counter[Where] = Counter()
        self.subscribers: Counter[str] = Counter()
        self.handshakes: Counter[tuple[Where, str, int]] = Counter()
        self.closed: Counter[tuple[Where, str, str, str]] = Counter()
        self.errors: Counter[tuple[Where, str, str]] = Counter()
        self.packets: Counter[tuple[int, str]] = Counter()
        """Packets of engine.io by the number of their type and direction."""
        self._handshake_durations: dict[tuple[Where, str], Durations] = {}
        self._connection_durations: dict[tuple[Where, str, str, str], Bounded] = {}
        self.drift = 0
        self.ledgers = Ledgers()
        self.brokers = Brokers()
        self.queues = Sizes()
        """Bytes that wait for a client of a hub, after each message that has to."""
        self._pings: dict[Where, Durations] = {}

    def where(self, route: str, port: int | None) -> Where:
        """Give the bounded place of a connection."""
        return self.route_cap.admit(route), port

    def traffic(self, where: Where) -> Traffic:
        """Give the cells of `where` for the calling thread."""
        key = (get_ident(), where)
        return self._traffic.get(key) or self._traffic.setdefault(key, Traffic())

    def channel(self, name: str) -> ChannelTraffic:
        """Give the cells of a channel that connections are folded into, under its bounded name."""
        return self._channel(_FOLDED, name)

    def own_channel(self, name: str) -> ChannelTraffic:
        """Give the cells of a channel that the calling thread may add to, under its bounded name."""
        return self._channel(get_ident(), name)

    def _channel(self, writer: int, name: str) -> ChannelTraffic:
        name = self.channel_cap.admit(name)
        return self._channels.get((writer, name)) or self._channels.setdefault((writer, name), ChannelTraffic(name))

    def fold(self, record: ConnectionRecord) -> None:
        """Add what a connection did since the last time to the totals of its attribute set and of its channels."""
        before = record.folded
        if before[0].same(record.receive) and before[1].same(record.sent_in_all()):
            return  # there may be many connections, and most of them idle
        with self.lock:
            before, now = record.folded, (record.receive.copy(), record.sent_in_all().copy())
            record.folded = now
            for index, total in enumerate((record.traffic.receive, record.traffic.transmit)):
                total.add(now[index], before[index])
                for channel in record.channel_traffic:
                    channel.messages[index] += now[index].messages - before[index].messages
                    channel.bytes[index] += now[index].bytes - before[index].bytes

    def end_share(self, record: ConnectionRecord, share: Share) -> None:
        """End a connection's part in a tally."""
        with self.lock:
            record.take_no_part(share)

    def opened(self, record: ConnectionRecord) -> None:
        """Count a connection in (call with `lock` held), and into the channels that it joined during its handshake."""
        self.active[record.where] += 1
        for channel in record.channels.values():
            self.subscribers[channel] += 1

    def left(self, record: ConnectionRecord) -> None:
        """Count it out (call with `lock` held)."""
        self.active[record.where] -= 1
        for channel in record.channels.values():
            self.subscribers[channel] -= 1

    def handshake(self, where: Where, outcome: str, status: int, nanoseconds: int) -> None:
        """Count a finished handshake."""
        key = (where, outcome)
        with self.lock:
            self.handshakes[where, outcome, status] += 1
            durations = self._handshake_durations.get(key)
            if durations is None:
                durations = self._handshake_durations[key] = Durations()
            durations.record(nanoseconds)

    def ended(self, where: Where, code: int, initiator: str, error: str, seconds: float) -> None:
        """Count the end of a connection; `error` is the exception's class or empty."""
        bounded = str(code) if code in PROTOCOL_CODES else self.code_cap.admit(str(code))
        key = (where, bounded, initiator, error)
        with self.lock:
            durations = self._connection_durations.get(key)
            if durations is None:
                durations = self._connection_durations[key] = Bounded(semconv.CONNECTION_SECONDS)
            self.closed[key] += 1
            durations.record(seconds)

    def subscribed(self, channel: str, change: int) -> None:
        """Count a connection into (+1) or out of (-1) a channel whose name is bounded already."""
        with self.lock:
            self.subscribers[channel] += change

    def error(self, where: Where, error: str, phase: str) -> None:
        """Count an exception of a handler."""
        with self.lock:
            self.errors[where, error, phase] += 1

    def packet(self, kind: int, direction: str) -> None:
        """Count a packet of engine.io."""
        with self.lock:
            self.packets[kind, direction] += 1

    def ping(self, where: Where, nanoseconds: int) -> None:
        """Count the answer to a ping."""
        with self.lock:
            self._pings.setdefault(where, Durations()).record(nanoseconds)

    def correct_active(self, live: Counter[Where]) -> None:
        """Make the gauge equal to the live table (call with `lock` held) and count what was wrong."""
        for where in self.active.keys() | live.keys():
            off = abs(self.active[where] - live[where])
            if off:
                self.drift += off
                self.active[where] = live[where]

    def flows(self) -> Iterator[tuple[Where, str, int, int, int]]:
        """Yield `(where, direction, text messages, binary messages, bytes)` summed over the threads."""
        totals: dict[tuple[Where, str], list[int]] = {}
        for (_, where), traffic in list(self._traffic.items()):
            for direction, flow in zip(DIRECTIONS, (traffic.receive, traffic.transmit), strict=True):
                total = totals.setdefault((where, direction), [0, 0, 0])
                total[0] += sum(flow.text)
                total[1] += sum(flow.binary)
                total[2] += flow.bytes
        for (where, direction), (text, binary, size) in totals.items():
            yield where, direction, text, binary, size

    def channel_flows(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield `(channel, direction, messages, bytes)`."""
        totals: dict[tuple[str, int], list[int]] = {}
        for (_, name), cells in list(self._channels.items()):
            for index in (0, 1):
                total = totals.setdefault((name, index), [0, 0])
                total[0] += cells.messages[index]
                total[1] += cells.bytes[index]
        for (name, index), (messages, size) in totals.items():
            yield name, DIRECTIONS[index], messages, size

    def histograms(self) -> Iterator[Histogram]:
        """Yield every histogram that has a measurement."""
        yield from self._message_histograms()
        with self.lock:
            handshakes = [(key, list(value.cells), value.total) for key, value in self._handshake_durations.items()]
            connections = [(key, list(value.counts), value.total) for key, value in self._connection_durations.items()]
            pings = [(where, list(value.cells), value.total) for where, value in self._pings.items()]
        for (where, outcome), cells, total in handshakes:
            attributes = place(where) | {semconv.HANDSHAKE_OUTCOME.name: outcome}
            yield self._histogram(semconv.HANDSHAKE_DURATION, attributes, fold_durations(cells), total * NS)
        for key, counts, seconds in connections:
            yield self._histogram(semconv.CONNECTION_DURATION, close_attributes(*key), counts, seconds)
        for where, cells, total in pings:
            yield self._histogram(semconv.PING_DURATION, place(where), fold_durations(cells), total * NS)
        if any(cells := list(self.queues.cells)):
            yield self._histogram(semconv.QUEUE_SIZE, {}, fold_sizes(cells), self.queues.total)
        for system, (cells, total) in self.brokers.round_trips().items():
            if any(cells):
                attributes = {semconv.MESSAGING_SYSTEM.name: system}
                yield self._histogram(semconv.BROKER_DURATION, attributes, fold_durations(cells), total * NS)

    def _message_histograms(self) -> Iterator[Histogram]:
        sums: dict[tuple[semconv.Metric, Where, str], tuple[list[int], int]] = {}

        def add(metric: semconv.Metric, where: Where, direction: str, cells: list[int], total: int) -> None:
            known = sums.get((metric, where, direction))
            if known is not None:
                cells = [a + b for a, b in zip(known[0], cells, strict=True)]
                total += known[1]
            sums[metric, where, direction] = (cells, total)

        for (_, where), traffic in list(self._traffic.items()):
            for direction, flow in zip(DIRECTIONS, (traffic.receive, traffic.transmit), strict=True):
                add(semconv.MESSAGE_SIZE, where, direction, flow.sizes(), flow.bytes)
            for metric, durations in (
                (semconv.HANDLING_DURATION, traffic.handling),
                (semconv.SEND_DURATION, traffic.send_wait),
                (semconv.FIRST_MESSAGE_DURATION, traffic.first_message),
            ):
                add(metric, where, "", list(durations.cells), durations.total)
        for (metric, where, direction), (cells, total) in sums.items():
            if not any(cells):
                continue
            if metric is semconv.MESSAGE_SIZE:
                attributes = place(where) | {semconv.DIRECTION.name: direction}
                yield self._histogram(metric, attributes, fold_sizes(cells), total)
            else:
                yield self._histogram(metric, place(where), fold_durations(cells), total * NS)

    def _histogram(self, metric: semconv.Metric, attributes: Attributes, counts: list[int], total: float) -> Histogram:
        return Histogram(metric, attributes, self.start_ns, counts, total)


def place(where: Where) -> Attributes:
    """Give the attributes of a place."""
    route, port = where
    attributes: Attributes = {semconv.HTTP_ROUTE.name: route}
    if port is not None:
        attributes[semconv.SERVER_PORT.name] = port
    return attributes


def close_attributes(where: Where, code: str, initiator: str, error: str) -> Attributes:
    """Give the attributes of a closed connection; `code` is a number or `_other`."""
    attributes = place(where)
    attributes[semconv.CLOSE_CODE.name] = int(code) if code.isdigit() else code
    attributes[semconv.CLOSE_INITIATOR.name] = initiator
    if error:
        attributes[semconv.ERROR_TYPE.name] = error
    return attributes
