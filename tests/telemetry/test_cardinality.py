"""Whatever clients, applications and servers make up, attribute sets are bounded and totals stay exact."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from socketscope import semconv
from socketscope.semconv import OTHER
from socketscope.telemetry.accumulators import ERROR_LIMIT, PORT_LIMIT
from socketscope.telemetry.cardinality import MOST_NAMES, SETS, Cap, SetCap
from socketscope.telemetry.connections import CODE_LIMIT, OWN_STATUSES, STATUS_LIMIT
from socketscope.telemetry.process import Telemetry

OF_THE_SDK = 2_000
"""Attribute sets of one metric, beyond which the SDK loses what is new."""


class Watched:
    """Accumulators, and what an SDK makes of them."""

    def __init__(self, channel_limit: int = 100) -> None:
        self.telemetry = Telemetry(channel_limit=channel_limit)
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.telemetry.switch_on(provider=self.provider)
        self.counts = self.telemetry.accumulators

    def points(self, metric: semconv.Metric) -> list[Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        found = [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for one in scope.metrics
            if one.name == metric.name
            for point in one.data.data_points
        ]
        assert len(found) <= OF_THE_SDK
        assert not [point for point in found if "otel.metric.overflow" in point.attributes]
        return found

    def values(self, metric: semconv.Metric, attribute: semconv.Attribute) -> Counter[Any]:
        values: Counter[Any] = Counter()
        for point in self.points(metric):
            values[point.attributes.get(attribute.name)] += getattr(point, "value", getattr(point, "count", 0))
        return values

    def overflow(self) -> dict[str, int]:
        return {value: count for value, count in self.values(semconv.OVERFLOW, semconv.OVERFLOW_OF).items() if value}


def test_ten_thousand_channels() -> None:
    watched = Watched()
    for number in range(10_000):
        watched.counts.channel(f"room-{number}").messages[0] += 1
    values = watched.values(semconv.CHANNEL_MESSAGES, semconv.CHANNEL)
    assert sum(values.values()) == 10_000
    assert (len(values), values[OTHER]) == (101, 9_900)
    assert watched.overflow() == {"websocket.channel.name": 9_900}


def test_ten_thousand_routes_at_as_many_ports() -> None:
    watched = Watched()
    for number in range(10_000):
        where = watched.counts.where(f"/{number}", number)
        watched.counts.traffic(where).receive.text[3] += 1
        watched.counts.connections.answered(where, "accepted", 101, 1)
    assert sum(watched.values(semconv.MESSAGES, semconv.HTTP_ROUTE).values()) == 10_000
    assert len(watched.values(semconv.MESSAGES, semconv.HTTP_ROUTE)) == 101
    ports = watched.values(semconv.HANDSHAKE_DURATION, semconv.SERVER_PORT)
    assert sum(ports.values()) == 10_000
    assert len(ports) <= PORT_LIMIT + 2
    assert set(watched.overflow()) == {"http.route", "server.port"}


def test_every_route_at_every_port_is_bounded_as_a_pair() -> None:
    watched = Watched()
    for route in range(150):
        for port in range(20):
            watched.counts.traffic(watched.counts.where(f"/{route}", port)).transmit.binary[1] += 1
    assert sum(watched.values(semconv.MESSAGES, semconv.HTTP_ROUTE).values()) == 3_000


def test_two_thousand_close_codes() -> None:
    watched = Watched()
    for code in range(3000, 5000):
        watched.counts.connections.ended(("/ws", 80), code, "client", "", 1.0, was_open=True)
    values = watched.values(semconv.CLOSED_CONNECTIONS, semconv.CLOSE_CODE)
    assert sum(values.values()) == 2_000
    assert (len(values), values[OTHER]) == (CODE_LIMIT + 1, 2_000 - CODE_LIMIT)
    assert sum(watched.values(semconv.CONNECTION_DURATION, semconv.CLOSE_CODE).values()) == 2_000
    assert watched.overflow() == {"websocket.close.code": 2_000 - CODE_LIMIT}


def test_exception_classes_made_on_the_fly() -> None:
    watched = Watched()
    for number in range(5_000):
        error = type(f"Error{number}", (Exception,), {}).__qualname__
        watched.counts.error(("/ws", 80), error, "handle")
        watched.counts.connections.ended(("/ws", 80), 1006, "server", error, 1.0, was_open=True)
    for metric in (semconv.ERRORS_TOTAL, semconv.CLOSED_CONNECTIONS, semconv.CONNECTION_DURATION):
        values = watched.values(metric, semconv.ERROR_TYPE)
        assert sum(values.values()) == 5_000
        assert len(values) <= 2 * ERROR_LIMIT + 1


def test_statuses_of_any_number() -> None:
    watched = Watched()
    for status in range(10_000):
        watched.counts.connections.answered(("/ws", 80), "denied", status, 1)
    values = watched.values(semconv.HANDSHAKES, semconv.HTTP_STATUS)
    assert sum(values.values()) == 10_000
    assert len(values) <= len(OWN_STATUSES) + STATUS_LIMIT + 1


def test_values_that_are_all_known_in_combinations_that_are_not() -> None:
    watched = Watched()
    routes, codes, errors = range(90), range(1000, 1016), range(10)
    for route in routes:
        for code in codes:
            for error in errors:
                watched.counts.connections.ended((f"/{route}", 80), code, "server", f"E{error}", 1.0, was_open=True)
    total = len(routes) * len(codes) * len(errors)
    assert sum(watched.values(semconv.CLOSED_CONNECTIONS, semconv.CLOSE_CODE).values()) == total
    assert len(watched.points(semconv.CLOSED_CONNECTIONS)) == SETS + 1
    assert watched.overflow() == {"sets": total - SETS}


def test_packets_that_engine_io_does_not_have() -> None:
    watched = Watched()
    for kind in range(-5, 500):
        watched.counts.packet(kind, "receive")
    values = watched.values(semconv.PACKETS, semconv.PACKET_TYPE)
    assert values == {**dict.fromkeys(semconv.PACKET_TYPE.values, 1), OTHER: 505 - len(semconv.PACKET_TYPE.values)}


def test_a_busy_name_takes_the_place_of_one_that_was_made_up_once() -> None:
    cap = Cap(10)
    for number in range(1_000):
        cap.admit(f"made-up-{number}")
    given = [cap.admit("lobby") for _ in range(200)]
    assert given[0] == OTHER
    assert given[-1] == "lobby"


def test_names_that_are_all_made_up_once_take_no_place() -> None:
    cap = Cap(10)
    known = [f"room-{number}" for number in range(10)]
    for name in known:
        cap.admit(name)
    for number in range(5_000):
        assert cap.admit(known[number % 10]) == known[number % 10]
        assert cap.admit(f"made-up-{number}") == OTHER
    assert {cap.admit(name) for name in known} == set(known)


@given(st.lists(st.integers(0, 40), max_size=800), st.integers(1, 5))
def test_whoever_is_busy_when_no_more_than_twice_the_limit_ever_have_a_place(seen: list[int], limit: int) -> None:
    cap = Cap(limit)
    # Bursts, so that names prove themselves.
    given = Counter(cap.admit(f"n{name}") for name in seen for _ in range(1 + 30 * (name % 3 == 0)))
    assert len(given.keys() - {OTHER}) <= 2 * limit
    assert given[OTHER] == cap.folded


@pytest.mark.parametrize("limit", [500, 5_000])
def test_a_limit_beyond_what_the_sdk_can_keep_loses_nothing(limit: int) -> None:
    watched = Watched(channel_limit=limit)
    for number in range(6_000):
        for _ in range(1 + number % 2):
            cells = watched.counts.channel(f"room-{number}")
            cells.messages[0] += 1
            cells.messages[1] += 1
    values = watched.values(semconv.CHANNEL_MESSAGES, semconv.CHANNEL)
    assert sum(values.values()) == 18_000
    assert len(values) <= MOST_NAMES + 1


def test_a_set_that_is_known_stays_when_the_table_is_full() -> None:
    cap, known = SetCap(2), {("a",), ("b",)}
    assert cap.admit(("a",), known, ("other",)) == ("a",)
    assert cap.admit(("c",), known, ("other",)) == ("other",)
    assert cap.folded == 1
