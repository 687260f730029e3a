import math

import pytest

from otlp_requests import T0, counter, event, gauge, logs_request, metrics_request, ns, number, put, resource
from socketscope import semconv
from socketscope.backends.base import Capabilities, Connections, Metrics
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.errors import BackendError, QueryError
from socketscope.query.model import Query, Ratio

pytestmark = pytest.mark.anyio

OPENED, PROGRESS, CLOSED = semconv.OPENED.name, semconv.PROGRESS.name, semconv.CLOSED.name


@pytest.fixture
def backend(store):
    return EmbeddedBackend(store)


def report(store, time, *, instance="one", value=1.0, start=0.0):
    """An instance exports its metrics."""
    points = counter(semconv.ACTIVE_CONNECTIONS.name, number(time, value, start=start), monotonic=False)
    put(store, metrics_request(points, of=resource(instance)))


def happen(store, time, name, connection, attributes=None, *, instance="one"):
    """An event of a connection."""
    record = event(time, name, {semconv.CONNECTION_ID: connection, **(attributes or {})})
    put(store, logs_request(record, of=resource(instance)))


def counts(received, sent, bytes_received, bytes_sent):
    return {
        semconv.MESSAGES_RECEIVED: received,
        semconv.MESSAGES_SENT: sent,
        semconv.BYTES_RECEIVED: bytes_received,
        semconv.BYTES_SENT: bytes_sent,
    }


async def test_it_is_what_the_protocols_ask_for(backend):
    metrics: Metrics = backend
    connections: Connections = backend
    assert metrics.capabilities == connections.capabilities == Capabilities(metrics=True, connections=True)


# metrics ------------------------------------------------------------------------------------------------------------


async def test_an_instant_gives_labels_value_and_the_time_of_the_newest_point(store, backend):
    put(store, metrics_request(counter("m", number(10, 3, attributes={"room": "a"}))))
    put(store, metrics_request(counter("m", number(12.5, 4, attributes={"room": "a"})), of=resource("two")))
    [sample] = await backend.instant(Query("m", by=("room",)), at=T0 + 20)
    assert (sample.labels, sample.value) == ({"room": "a"}, 7)
    assert sample.measured_at == pytest.approx(T0 + 12.5)
    assert await backend.instant(Query("nothing"), at=T0) == []


async def test_a_range_has_a_point_for_every_moment_of_every_series(store, backend):
    for room, time in (("b", 10), ("a", 20)):
        put(store, metrics_request(gauge("m", number(time, 1, attributes={"room": room}))))
    first, second = await backend.range(Query("m", window=5, by=("room",)), start=T0, end=T0 + 25, step=10)
    assert (first.labels, second.labels) == ({"room": "a"}, {"room": "b"})
    assert first.points == [(T0, None), (T0 + 10, None), (T0 + 20, 1)]
    assert second.points == [(T0, None), (T0 + 10, 1), (T0 + 20, None)]


async def test_a_ratio_over_zero_is_infinite(store, backend):
    put(store, metrics_request(counter("errors", number(10, 3)), counter("messages", number(10, 0))))
    ratio = Ratio(Query("errors", over_time="increase"), Query("messages", over_time="increase"))
    [sample] = await backend.instant(ratio, at=T0 + 20)
    assert sample.value == math.inf


async def test_instances_tell_their_start_and_their_last_report(store, backend):
    report(store, 10, instance="old", start=-5)
    report(store, 50, instance="one", start=2)
    report(store, 60, instance="one", start=2)
    put(store, metrics_request(gauge("g", number(58, 1, start=None)), of=resource("two")))
    found = {
        instance.id: (instance.service, round(instance.started_at - T0, 3), round(instance.last_seen - T0, 3))
        for instance in await backend.instances(since=T0 + 45, until=T0 + 60)
    }
    assert found == {"one": ("chat", 2, 60), "two": ("chat", 58, 58)}


# peak ---------------------------------------------------------------------------------------------------------------


async def peak(backend, since, until):
    return await backend.peak(semconv.ACTIVE_CONNECTIONS.name, T0 + since, T0 + until)


async def test_the_peak_is_the_greatest_sum_over_instances_at_one_time(store, backend):
    for time, value in ((10, 5), (12, 1), (14, 3)):
        report(store, time, value=value)
    for time, value in ((11, 1), (13, 6)):
        report(store, time, value=value, instance="two")
    # 10: 5, 11: 5+1, 12: 1+1, 13: 1+6, 14: 3+6 (each alone peaks at 5 and 6)
    assert await peak(backend, 0, 20) == 9
    assert await peak(backend, 0, 13.5) == 7
    assert await peak(backend, 11.5, 12.5) == 6, "what stands when the period begins counts"
    assert await peak(backend, 100, 200) is None


async def test_a_dead_instance_s_value_stands_no_longer_than_its_report(store, backend):
    report(store, 10, value=5)
    report(store, 26, value=4, instance="two")
    assert await peak(backend, 0, 30) == 5
    report(store, 24, value=4, instance="three")
    assert await peak(backend, 0, 30) == 9


async def test_a_value_does_not_stand_through_a_pause_of_its_instance(store, backend):
    for time in (1, 2, 3, 4, 100):
        report(store, time, value=5)
    report(store, 50, value=4, instance="two")
    assert await peak(backend, 40, 99) == 4
    assert await peak(backend, 40, 110) == 5


async def test_a_report_stands_for_three_of_its_own_intervals_where_that_is_longer(store, backend):
    for time in (0, 60, 120):
        report(store, time, value=5)
    report(store, 170, value=4, instance="two")
    assert await peak(backend, 160, 175) == 9
    report(store, 310, value=3, instance="three")
    assert await peak(backend, 305, 320) == 3, "and not for longer"


async def test_points_that_came_twice_count_once_in_the_peak(store, backend):
    for _ in range(2):
        report(store, 10, value=5)
        report(store, 11, value=6)
    assert await peak(backend, 0, 20) == 6


async def test_every_route_of_an_instance_counts_in_the_peak(store, backend):
    points = [number(10, value, attributes={"http.route": route}) for route, value in (("/a", 2), ("/b", 3))]
    put(store, metrics_request(counter(semconv.ACTIVE_CONNECTIONS.name, *points, monotonic=False)))
    assert await peak(backend, 0, 20) == 5


# open connections -----------------------------------------------------------------------------------------------------


async def test_a_connection_is_open_when_opened_not_closed_and_its_instance_is_live(store, backend):
    for connection, instance in (("stays", "one"), ("leaves", "one"), ("dies", "two")):
        happen(store, 10, OPENED, connection, instance=instance)
    happen(store, 20, CLOSED, "leaves")
    happen(store, 31, OPENED, "later")
    report(store, 12, instance="two")
    report(store, 12)
    report(store, 28)

    async def open_at(at):
        page = await backend.open(at=T0 + at, limit=10, offset=0)
        assert page.total == len(page.connections)
        return [connection.id for connection in page.connections]

    assert await open_at(15) == ["dies", "leaves", "stays"]
    assert await open_at(30) == ["stays"]
    assert await open_at(40) == ["later", "stays"]
    assert await open_at(500) == []


async def test_an_open_connection_has_what_its_newest_event_tells(store, backend):
    report(store, 30)
    happen(store, 10, OPENED, "c", {
        semconv.HTTP_ROUTE: "/ws/{room}", semconv.CLIENT_ADDRESS: "192.0.2.0", semconv.USER_AGENT: "agent",
        **counts(0, 0, 0, 0),
    })  # fmt: skip
    happen(store, 25, PROGRESS, "c", {semconv.CHANNELS: ["a", "b"], semconv.USER_HASH: "u", **counts(5, 6, 70, 80)})
    happen(store, 20, PROGRESS, "c", {semconv.CHANNELS: ["a"], **counts(1, 2, 3, 4)})  # arrived out of order
    [connection] = (await backend.open(at=T0 + 30, limit=10, offset=0)).connections
    assert (connection.id, connection.instance, connection.route) == ("c", "one", "/ws/{room}")
    assert (connection.channels, connection.user_hash) == (["a", "b"], "u")
    assert (connection.client_address, connection.user_agent) == ("192.0.2.0", "agent")
    assert (connection.opened_at, connection.counts_at) == pytest.approx((T0 + 10, T0 + 25))
    assert (connection.messages_received, connection.messages_sent) == (5, 6)
    assert (connection.bytes_received, connection.bytes_sent) == (70, 80)


async def test_a_connection_without_progress_or_attributes_is_listed_with_zeros(store, backend):
    report(store, 30)
    happen(store, 10, OPENED, "c")
    [connection] = (await backend.open(at=T0 + 30, limit=10, offset=0)).connections
    assert (connection.channels, connection.route, connection.messages_sent) == ([], None, 0)


async def test_a_connection_whose_opening_was_lost_is_known_by_its_progress(store, backend):
    report(store, 30)
    happen(store, 25, PROGRESS, "c", {semconv.DURATION: 15.0})
    [connection] = (await backend.open(at=T0 + 30, limit=10, offset=0)).connections
    assert connection.opened_at == pytest.approx(T0 + 10)


async def test_open_connections_are_paged_newest_first(store, backend):
    report(store, 30)
    for index in range(7):
        happen(store, 10 + index, OPENED, f"c{index}")
        happen(store, 10 + index, OPENED, f"c{index}")  # sent twice
    pages = [await backend.open(at=T0 + 30, limit=3, offset=offset) for offset in (0, 3, 6, 9)]
    assert [[connection.id for connection in page.connections] for page in pages] == [
        ["c6", "c5", "c4"], ["c3", "c2", "c1"], ["c0"], [],
    ]  # fmt: skip
    assert [page.total for page in pages] == [7, 7, 7, 7]


# summary ------------------------------------------------------------------------------------------------------------


async def test_a_summary_counts_each_connection_of_the_period_once(store, backend):
    report(store, 95)
    for _ in range(2):  # everything is sent twice
        happen(store, 5, OPENED, "before")
        happen(store, 10, CLOSED, "before", {semconv.DURATION: 5.0, semconv.USER_HASH: "u0", **counts(9, 9, 9, 9)})
        for index, ending in enumerate(
            (
                {semconv.CLOSE_INITIATOR: "client"},
                {semconv.CLOSE_INITIATOR: "network"},
                {semconv.ERROR_TYPE: "ValueError"},
            )
        ):
            attributes = {semconv.USER_HASH: f"u{index % 2}", semconv.CHANNELS: [f"room {index}", "all"]}
            happen(store, 30, OPENED, f"c{index}", attributes)
            happen(store, 40, PROGRESS, f"c{index}", attributes | counts(1, 1, 1, 1))
            happen(
                store, 50, CLOSED, f"c{index}", attributes | ending | counts(2, 3, 20, 30) | {semconv.DURATION: 20.0}
            )
        happen(store, 60, OPENED, "stays", {semconv.USER_HASH: "u9"})
        happen(store, 70, PROGRESS, "stays", counts(4, 5, 6, 7))
        happen(store, 80, PROGRESS, "stays", counts(5, 5, 7, 7))
        happen(store, 60, OPENED, "dies", instance="dead")
    summary = await backend.summary(since=T0 + 20, until=T0 + 100)
    assert (summary.opened, summary.closed, summary.still_open) == (5, 3, 1)
    assert (summary.lost, summary.failed, summary.avg_duration) == (1, 1, 20.0)
    assert (summary.unique_users, summary.unique_channels) == (3, 4)
    assert (summary.messages_received, summary.messages_sent) == (3 * 2 + 5, 3 * 3 + 5)
    assert (summary.bytes_received, summary.bytes_sent) == (3 * 20 + 7, 3 * 30 + 7)
    assert summary.complete


async def test_unique_users_are_unknown_where_the_keys_of_their_hashes_differ(store, backend):
    happen(store, 10, OPENED, "a", {semconv.USER_HASH: "u1", semconv.USER_KEY_ID: "k1"})
    happen(store, 11, OPENED, "b", {semconv.USER_HASH: "u2", semconv.USER_KEY_ID: "k1"})
    assert (await backend.summary(since=T0, until=T0 + 20)).unique_users == 2
    happen(store, 12, OPENED, "c", {semconv.USER_HASH: "u1", semconv.USER_KEY_ID: "k2"})
    assert (await backend.summary(since=T0, until=T0 + 20)).unique_users is None


async def test_a_period_that_begins_before_the_store_is_not_complete(store, backend):
    assert store.created_ns < ns(0)
    assert (await backend.summary(since=T0, until=T0 + 20)).complete
    summary = await backend.summary(since=0, until=T0)
    assert not summary.complete
    assert (summary.opened, summary.avg_duration, summary.unique_users) == (0, None, 0)


# errors -------------------------------------------------------------------------------------------------------------


async def test_a_closed_store_is_a_backend_that_cannot_be_asked(store, backend):
    store.close()
    with pytest.raises(BackendError, match="closed"):
        await backend.instant(Query("m"), at=T0)
    with pytest.raises(BackendError, match="closed"):
        await backend.summary(since=T0, until=T0)


async def test_a_query_that_cannot_be_compiled_is_named(backend):
    with pytest.raises(QueryError, match="step=0"):
        await backend.range(Query("m"), start=0, end=1, step=0)
