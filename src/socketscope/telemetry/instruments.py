"""The instruments of the OpenTelemetry API: observed at collection, never touched by a message.

Histograms are not here: the API can only record them value by value (see `telemetry/sdk.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation, get_meter

from socketscope import __version__, semconv
from socketscope.telemetry.accumulators import close_attributes, place
from socketscope.telemetry.connections import Where
from socketscope.telemetry.ledger import REASONS

if TYPE_CHECKING:
    from socketscope.telemetry.process import Telemetry

Observe = Callable[["Telemetry"], Iterator[Observation]]


def create(telemetry: Telemetry, provider: MeterProvider | None = None) -> None:
    """Create every instrument once, on `provider` or the global one; their callbacks read `telemetry`."""
    meter = get_meter(semconv.SCOPE, __version__, meter_provider=provider, schema_url=semconv.SCHEMA_URL)
    for metric, observe in _OBSERVED:
        _instrument(meter, metric, observe, telemetry)


def _instrument(meter: Meter, metric: semconv.Metric, observe: Observe, telemetry: Telemetry) -> None:
    def callback(_: CallbackOptions) -> Iterable[Observation]:
        return list(observe(telemetry))

    create_by_kind = {
        "counter": meter.create_observable_counter,
        "up-down counter": meter.create_observable_up_down_counter,
        "gauge": meter.create_observable_gauge,
    }
    create_by_kind[metric.kind](metric.name, [callback], metric.unit, metric.description)


def _active(telemetry: Telemetry) -> Iterator[Observation]:
    telemetry.catch_up()
    accumulators = telemetry.accumulators
    with accumulators.lock:
        # Taken under the lock that every +1 and -1 takes, so that a connection between the two is not called drift.
        active = accumulators.connections.audited(telemetry.live.count_by_place())
    for where, count in active.items():
        yield Observation(count, place(where))


def _closed(telemetry: Telemetry) -> Iterator[Observation]:
    for key, count in telemetry.accumulators.connections.closed().items():
        yield Observation(count, close_attributes(*key))


def _handshakes(telemetry: Telemetry) -> Iterator[Observation]:
    for (where, outcome, status), count in telemetry.accumulators.connections.handshakes().items():
        attributes = place(where) | {semconv.HANDSHAKE_OUTCOME.name: outcome}
        if status:
            attributes[semconv.HTTP_STATUS.name] = status
        yield Observation(count, attributes)


def _messages(telemetry: Telemetry) -> Iterator[Observation]:
    for where, direction, text, binary, _ in telemetry.settled(semconv.MESSAGES).flows():
        for kind, count in (("text", text), ("binary", binary)):
            if count:
                yield Observation(
                    count,
                    place(where) | {semconv.DIRECTION.name: direction, semconv.MESSAGE_TYPE.name: kind},
                )


def _io(telemetry: Telemetry) -> Iterator[Observation]:
    for where, direction, _, _, size in telemetry.settled(semconv.IO).flows():
        yield Observation(size, place(where) | {semconv.DIRECTION.name: direction})


def _errors(telemetry: Telemetry) -> Iterator[Observation]:
    with telemetry.accumulators.lock:
        errors = dict(telemetry.accumulators.errors)
    for (where, error, phase), count in errors.items():
        yield Observation(count, place(where) | {semconv.ERROR_TYPE.name: error, semconv.PHASE.name: phase})


def _oldest(telemetry: Telemetry, moment: str) -> Iterator[Observation]:
    now = telemetry.clock.monotonic()
    earliest: dict[Where, int] = {}
    for record in telemetry.live.records():
        at = getattr(record, moment)
        earliest[record.where] = min(at, earliest.get(record.where, at))
    # A place that is known and empty reports 0: a gauge that falls silent would keep its last value for minutes.
    for where in telemetry.accumulators.connections.active():
        yield Observation((now - earliest.get(where, now)) / 1e9, place(where))


def _age(telemetry: Telemetry) -> Iterator[Observation]:
    return _oldest(telemetry, "accepted_at")


def _idle(telemetry: Telemetry) -> Iterator[Observation]:
    return _oldest(telemetry, "last_activity")


def _users(telemetry: Telemetry) -> Iterator[Observation]:
    users = {record.user_hash for record in telemetry.live.records() if record.user_hash}
    yield Observation(len(users))


def _subscribers(telemetry: Telemetry) -> Iterator[Observation]:
    with telemetry.accumulators.lock:
        subscribers = dict(telemetry.accumulators.subscribers)
    for channel, count in subscribers.items():
        yield Observation(count, {semconv.CHANNEL.name: channel})


def _channel_messages(telemetry: Telemetry) -> Iterator[Observation]:
    for channel, direction, messages, _ in telemetry.settled(semconv.CHANNEL_MESSAGES).channel_flows():
        yield Observation(messages, {semconv.CHANNEL.name: channel, semconv.DIRECTION.name: direction})


def _channel_io(telemetry: Telemetry) -> Iterator[Observation]:
    for channel, direction, _, size in telemetry.settled(semconv.CHANNEL_IO).channel_flows():
        yield Observation(size, {semconv.CHANNEL.name: channel, semconv.DIRECTION.name: direction})


def _deliveries(telemetry: Telemetry) -> Iterator[Observation]:
    for channel, counts in telemetry.accumulators.ledgers.totals().items():
        attributes = {semconv.CHANNEL.name: channel, semconv.DELIVERY_OUTCOME.name: "delivered"}
        yield Observation(counts.delivered, attributes)
        for reason, count in zip(REASONS, counts.dropped, strict=True):
            if count:
                dropped = {semconv.DELIVERY_OUTCOME.name: "dropped", semconv.ERROR_TYPE.name: reason}
                yield Observation(count, {semconv.CHANNEL.name: channel} | dropped)


def _pending(telemetry: Telemetry) -> Iterator[Observation]:
    for channel, counts in telemetry.accumulators.ledgers.totals().items():
        yield Observation(counts.pending, {semconv.CHANNEL.name: channel})


def _broker_messages(telemetry: Telemetry) -> Iterator[Observation]:
    for (system, outcome), count in telemetry.accumulators.brokers.messages().items():
        yield Observation(count, {semconv.MESSAGING_SYSTEM.name: system, semconv.BROKER_OUTCOME.name: outcome})


def _packets(telemetry: Telemetry) -> Iterator[Observation]:
    with telemetry.accumulators.lock:
        packets = dict(telemetry.accumulators.packets)
    kinds = semconv.PACKET_TYPE.values
    for (kind, direction), count in packets.items():
        name = kinds[kind] if 0 <= kind < len(kinds) else semconv.OTHER
        yield Observation(count, {semconv.PACKET_TYPE.name: name, semconv.DIRECTION.name: direction})


def _overflow(telemetry: Telemetry) -> Iterator[Observation]:
    # Reported even at 0: one series that is always there keeps the exporter called, with or without connections.
    # A reader hands on what it has collected after this, so one that is new exports histograms at once.
    telemetry.reach_readers()
    yield Observation(0)
    for attribute, count in telemetry.accumulators.folded().items():
        if count:
            yield Observation(count, {semconv.OVERFLOW_OF.name: attribute})


def _drift(telemetry: Telemetry) -> Iterator[Observation]:
    yield Observation(telemetry.accumulators.connections.drift)


_OBSERVED: tuple[tuple[semconv.Metric, Observe], ...] = (
    (semconv.ACTIVE_CONNECTIONS, _active),
    (semconv.CLOSED_CONNECTIONS, _closed),
    (semconv.HANDSHAKES, _handshakes),
    (semconv.MESSAGES, _messages),
    (semconv.IO, _io),
    (semconv.ERRORS_TOTAL, _errors),
    (semconv.AGE_MAX, _age),
    (semconv.IDLE_MAX, _idle),
    (semconv.USER_COUNT, _users),
    (semconv.CHANNEL_SUBSCRIBERS, _subscribers),
    (semconv.CHANNEL_MESSAGES, _channel_messages),
    (semconv.CHANNEL_IO, _channel_io),
    (semconv.DELIVERIES, _deliveries),
    (semconv.PENDING, _pending),
    (semconv.BROKER_MESSAGES, _broker_messages),
    (semconv.PACKETS, _packets),
    (semconv.OVERFLOW, _overflow),
    (semconv.DRIFT, _drift),
)
