"""What is counted, in plain cells that the event loop writes and the exporter's thread reads.

Per message nothing here takes a lock or allocates: a connection holds the `Traffic` of its attribute set and adds to
its cells. A set has one `Traffic` per thread, so that every cell has one writer; a thread that ends leaves its own to
the next. Readers sum over the threads, and since each cell only grows, so does the sum. Bytes, and what is counted by
channel, a connection counts for itself alone; it is folded into the totals, as the difference to the time before, when
somebody reads and when the connection changes its channels or ends. What happens once a connection is counted under a
lock. Here and in its neighbours a thread may take a lock twice: the garbage collector runs wherever something is
allocated, and what it closes may be a handler that still sends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from threading import RLock
from typing import TYPE_CHECKING

from socketscope import semconv
from socketscope.semconv import OTHER
from socketscope.telemetry.broker import Brokers
from socketscope.telemetry.cardinality import Cap, SetCap, bounded_number
from socketscope.telemetry.connections import ELSEWHERE, Connections, Where
from socketscope.telemetry.exemplars import Exemplar, Exemplars
from socketscope.telemetry.histogram import (
    DURATION_EXPONENT,
    NS,
    SIZE_EXPONENT,
    Durations,
    Histogram,
    Sizes,
    fold_durations,
    fold_sizes,
)
from socketscope.telemetry.ledger import Ledgers
from socketscope.telemetry.traffic import ChannelTraffic, Flow, Traffic
from socketscope.telemetry.writers import Numbers, Writer

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

    from socketscope.telemetry.record import ConnectionRecord
    from socketscope.telemetry.tally import Share

Attributes = dict[str, str | int]
DIRECTIONS = ("receive", "transmit")

_FOLDED = 0
"""In the place of a thread: what any of them adds to under the lock."""

PORT_LIMIT = 10
"""How many ports of the server have a value of their own: some servers take it from the request."""
ERROR_LIMIT = 50
"""How many classes of exceptions: some are made as the program runs."""


class Accumulators:
    """All counts of a process since `start_ns` (wall clock, nanoseconds)."""

    def __init__(self, *, start_ns: int, channel_limit: int = 100, route_limit: int = 100) -> None:
        self.start_ns = start_ns
        self.channel_cap = Cap(channel_limit)
        self.route_cap = Cap(route_limit)
        self.port_cap = Cap(PORT_LIMIT)
        self.error_cap = Cap(ERROR_LIMIT)
        self.place_cap = SetCap(2 * route_limit)
        self.set_cap = SetCap()
        self._places: set[Where] = set()
        self.lock = RLock()
        self.connections = Connections(self.lock, error_cap=self.error_cap, set_cap=self.set_cap)
        self._writer = Writer(Numbers())
        self._traffic: dict[tuple[int, Where], Traffic] = {}
        self._channels: dict[tuple[int, str], ChannelTraffic] = {}
        self.subscribers: Counter[str] = Counter()
        self.errors: Counter[tuple[Where, str, str]] = Counter()
        self.packets: Counter[tuple[int, str]] = Counter()
        """Packets of engine.io by the number of their type (-1: another) and direction."""
        self.exemplars = Exemplars()
        self.ledgers = Ledgers()
        self.brokers = Brokers()
        self.queues = Sizes()
        """Bytes that wait for a client of a hub, after each message that has to."""
        self._pings: dict[Where, Durations] = {}

    def where(self, route: str, port: int | None) -> Where:
        """Give the bounded place of a connection."""
        where: Where = (self.route_cap.admit(route), port)
        if where in self._places:  # most are, and a lock is not needed to see it
            return where
        where = (where[0], None if port is None else bounded_number(self.port_cap, port))
        with self.lock:
            where = self.place_cap.admit(where, self._places, ELSEWHERE)
            self._places.add(where)
        return where

    def folded(self) -> dict[str, int]:
        """Give how many values were folded into `_other`, by their attribute; where sets were, by the metric's name."""
        return {
            semconv.CHANNEL.name: self.channel_cap.folded,
            semconv.HTTP_ROUTE.name: self.route_cap.folded + self.place_cap.folded,
            semconv.SERVER_PORT.name: self.port_cap.folded,
            **self.connections.folded(),
            semconv.ERROR_TYPE.name: self.error_cap.folded,
            semconv.OVERFLOW_SETS: self.set_cap.folded,
        }

    def traffic(self, where: Where) -> Traffic:
        """Give the cells of `where` for the calling thread."""
        key = (self._writer.number, where)
        return self._traffic.get(key) or self._traffic.setdefault(key, Traffic())

    def channel(self, name: str) -> ChannelTraffic:
        """Give the cells of a channel that connections are folded into, under its bounded name."""
        return self._channel(_FOLDED, name)

    def own_channel(self, name: str) -> ChannelTraffic:
        """Give the cells of a channel that the calling thread may add to, under its bounded name."""
        return self._channel(self._writer.number, name)

    def _channel(self, writer: int, name: str) -> ChannelTraffic:
        name = self.channel_cap.admit(name)
        return self._channels.get((writer, name)) or self._channels.setdefault((writer, name), ChannelTraffic(name))

    def fold(self, record: ConnectionRecord) -> None:
        """Add what a connection did since the last time to the totals of its attribute set and of its channels."""
        before = record.folded
        if not record.shares and before[0].same(record.receive) and before[1].same(record.transmit):
            return  # there may be many connections, and most of them idle
        with self.lock:
            received, sent = record.folded
            if not received.same(record.receive):
                received = self._fold(record, 0, record.receive.copy(), received)
            if not sent.same(now := record.sent_in_all()):
                sent = self._fold(record, 1, now.copy(), sent)
            record.folded = (received, sent)

    def _fold(self, record: ConnectionRecord, index: int, now: Flow, before: Flow) -> Flow:
        (record.traffic.transmit if index else record.traffic.receive).add(now, before)
        for channel in record.channel_traffic:
            channel.messages[index] += now.messages - before.messages
            channel.bytes[index] += now.bytes - before.bytes
        return now

    def end_share(self, record: ConnectionRecord, share: Share) -> None:
        """End a connection's part in a tally."""
        with self.lock:
            record.take_no_part(share)

    def entered(self, channels: Iterable[str], change: int) -> None:
        """Count a connection into (+1) or out of (-1) channels with bounded names (call with `lock` held)."""
        for channel in channels:
            self.subscribers[channel] += change

    def subscribed(self, channel: str, change: int) -> None:
        """Count a connection into (+1) or out of (-1) a channel whose name is bounded already."""
        with self.lock:
            self.subscribers[channel] += change

    def error(self, where: Where, error: str, phase: str) -> None:
        """Count an exception of a handler."""
        error = self.error_cap.admit(error)
        with self.lock:
            self.errors[self.set_cap.admit((where, error, phase), self.errors, (ELSEWHERE, OTHER, phase))] += 1

    def exemplar(
        self, metric: semconv.Metric, where: Where, value_ns: int, wall_ns: int, span_context: SpanContext | None
    ) -> None:
        """Keep one measurement of a histogram whose only attributes are its place, with the span that it was part of.

        `metric` is counted in seconds, the measurement is told in nanoseconds, and so is the wall clock.
        """
        with self.lock:
            self.exemplars.keep((metric.name, where), value_ns, wall_ns, span_context)

    def packet(self, kind: int, direction: str) -> None:
        """Count a packet of engine.io."""
        kind = kind if 0 <= kind < len(semconv.PACKET_TYPE.values) else -1
        with self.lock:
            self.packets[kind, direction] += 1

    def ping(self, where: Where, nanoseconds: int) -> None:
        """Count the answer to a ping."""
        with self.lock:
            self._pings.setdefault(where, Durations()).record(nanoseconds)

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
        """Yield every histogram that has a measurement; one after the other, so that they need not all be held."""
        yield from self._message_histograms()
        for key, durations in self.connections.handshake_durations():
            attributes = place(key[0]) | {semconv.HANDSHAKE_OUTCOME.name: key[1]}
            yield self._durations(semconv.HANDSHAKE_DURATION, attributes, [durations])
        for closed, bounded in self.connections.durations():
            with self.lock:
                counts, cells, seconds = list(bounded.counts), list(bounded.cells), bounded.total
            attributes = close_attributes(*closed)
            yield Histogram(
                semconv.CONNECTION_DURATION, attributes, self.start_ns, counts, seconds, cells, DURATION_EXPONENT
            )
        with self.lock:
            pings = list(self._pings.items())
        for where, durations in pings:
            yield self._durations(semconv.PING_DURATION, place(where), [durations])
        if any(cells := list(self.queues.cells)):
            yield Histogram(
                semconv.QUEUE_SIZE, {}, self.start_ns, fold_sizes(cells), self.queues.total, cells, SIZE_EXPONENT
            )
        for system, (cells, total) in self.brokers.round_trips().items():
            if any(cells):
                attributes = {semconv.MESSAGING_SYSTEM.name: system}
                yield self._of_durations(semconv.BROKER_DURATION, attributes, cells, total)

    def _message_histograms(self) -> Iterator[Histogram]:
        by_place: dict[Where, list[Traffic]] = {}
        for (_, where), traffic in list(self._traffic.items()):
            by_place.setdefault(where, []).append(traffic)
        for where, threads in by_place.items():
            for direction, flows in (
                ("receive", [traffic.receive for traffic in threads]),
                ("transmit", [traffic.transmit for traffic in threads]),
            ):
                cells = _summed([flow.sizes() for flow in flows])
                if any(cells):
                    attributes = place(where) | {semconv.DIRECTION.name: direction}
                    counts, size = fold_sizes(cells), sum(flow.bytes for flow in flows)
                    yield Histogram(semconv.MESSAGE_SIZE, attributes, self.start_ns, counts, size, cells, SIZE_EXPONENT)
            for metric, several in (
                (semconv.HANDLING_DURATION, [traffic.handling for traffic in threads]),
                (semconv.SEND_DURATION, [traffic.send_wait for traffic in threads]),
                (semconv.FIRST_MESSAGE_DURATION, [traffic.first_message for traffic in threads]),
            ):
                if any(any(durations.cells) for durations in several):
                    with self.lock:
                        exemplars = self.exemplars.of((metric.name, where))
                    yield self._durations(metric, place(where), several, exemplars)

    def _durations(
        self,
        metric: semconv.Metric,
        attributes: Attributes,
        threads: Sequence[Durations],
        exemplars: Sequence[Exemplar] = (),
    ) -> Histogram:
        cells = _summed([durations.cells for durations in threads])
        return self._of_durations(metric, attributes, cells, sum(durations.total for durations in threads), exemplars)

    def _of_durations(
        self,
        metric: semconv.Metric,
        attributes: Attributes,
        cells: list[int],
        total: int,
        exemplars: Sequence[Exemplar] = (),
    ) -> Histogram:
        counts = fold_durations(cells)
        return Histogram(metric, attributes, self.start_ns, counts, total * NS, cells, DURATION_EXPONENT, exemplars)


def _summed(cells: Sequence[Sequence[int]]) -> list[int]:
    """Add cells of several threads; what is given is nobody else's."""
    return [sum(each) for each in zip(*cells, strict=True)] if len(cells) > 1 else list(cells[0])


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
