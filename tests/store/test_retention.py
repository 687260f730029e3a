import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import asking
from otlp_requests import (
    T0,
    buckets,
    counter,
    event,
    gauge,
    histogram,
    logs_request,
    metrics_request,
    ns,
    number,
    put,
    resource,
    span,
    traces_request,
)
from socketscope.query.kept import HOURS, MINUTES, POINTS, TENS
from socketscope.query.model import Query
from socketscope.store.ingest import SIGNALS, submit
from socketscope.store.retention import DAY_NS, Retention
from socketscope.store.store import Store

HOUR = 3600
SHORT = Retention(age_ns=48 * HOURS, points_ns=6 * HOURS)


class Clock:
    def __init__(self, seconds=-1):
        self.seconds = seconds

    def __call__(self):
        return ns(self.seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(clock):
    store = Store.open(None, clock=clock, retention=SHORT)
    yield store
    store.close()


def later(store, clock, seconds):
    """Let time pass: what is due is done."""
    clock.seconds = seconds
    store.settle(ns(seconds - 60))
    store.delete_old()


def put_counter(store, *points, instance="one"):
    put(store, metrics_request(counter("m", *points), of=resource(instance)))


def increase(store, since, until):
    return asking.instant(store, Query("m", over_time="increase", window=until - since), until)


def count(store, table):
    return store.select(f"SELECT count(*) FROM {table}")[0][0]


def test_points_go_before_roll_ups_and_totals_stay(store, clock):
    put_counter(store, *(number(time, time) for time in range(100, 20 * HOUR, 100)))
    later(store, clock, 30 * HOUR)
    assert store.oldest_ns == ns(24 * HOUR)
    assert count(store, "number_points") == 1, "the newest, with which the next one is compared"
    assert count(store, "rollup_10s") == len(range(18 * HOUR + 100, 20 * HOUR, 100))
    assert count(store, "rollup_1m") == 719
    for since, until in ((0, 30 * HOUR), (HOUR, 5 * HOUR), (600, 720), (19 * HOUR, 19 * HOUR + 110)):
        assert increase(store, since, until) == sum(
            100 for time in range(100, 20 * HOUR, 100) if since < time <= until
        ), (since, until)


def test_roll_ups_of_ten_seconds_go_after_twice_that_time_and_the_rest_after_all(store, clock):
    put_counter(store, *(number(time, time) for time in range(100, 60 * HOUR, 100)))
    later(store, clock, 60 * HOUR)
    kept = [
        store.select(f"SELECT min(time_ns) FROM {table}")[0][0] - ns(0)
        for table in ("number_points", "rollup_10s", "rollup_1m", "rollup_1h")
    ]
    assert kept == [
        53 * HOURS + 3600 * 10**9, 48 * HOURS + 100 * 10**9, 12 * HOURS + 120 * 10**9, 13 * HOURS,
    ], kept  # fmt: skip
    assert increase(store, -1, 60 * HOUR) == 48 * HOUR - 100
    assert increase(store, 20 * HOUR, 40 * HOUR) == 20 * HOUR


def test_the_first_point_after_a_deletion_is_compared_with_the_last_one_before_it(store, clock):
    put_counter(store, number(100, 40), number(200, 50))
    put(store, metrics_request(histogram("took", buckets(200, [1.0], [5, 1]))))
    for instance in ("busy", "one more"):
        put_counter(store, *(number(time, time) for time in range(HOUR, 20 * HOUR, HOUR)), instance=instance)
    later(store, clock, 20 * HOUR)
    put_counter(store, number(20 * HOUR, 57))
    put(store, metrics_request(histogram("took", buckets(20 * HOUR, [1.0], [5, 3]))))
    assert increase(store, 19 * HOUR, 20 * HOUR) == 7
    assert asking.instant(store, Query("took", over_time="increase", window=HOUR), 20 * HOUR) == 2
    assert asking.instant(store, Query("took", over_time="p50", window=HOUR), 20 * HOUR) == 1


def test_a_point_may_come_as_late_as_points_are_kept_and_no_later(store, clock):
    for time in range(HOUR, 20 * HOUR, HOUR):
        put_counter(store, number(time, time), number(time + 10, time + 10, attributes={"n": 1}))
    later(store, clock, 20 * HOUR)
    edge = (store.oldest_ns - ns(0)) // 10**9
    assert edge == 14 * HOUR
    late = number(edge, edge + 5), number(edge + 1, edge + 5)
    answer = put(store, metrics_request(counter("m", *late), of=resource()))
    assert answer.partial_success.rejected_data_points == 1
    assert "older than the points that are kept" in answer.partial_success.error_message
    later(store, clock, 20 * HOUR)
    assert increase(store, edge, edge + 60) == 5 + HOUR, "of both series"
    assert increase(store, 0, 20 * HOUR) == 19 * HOUR + 19 * HOUR + 10


def test_a_request_that_was_decoded_before_its_points_became_too_old_is_refused_and_sent_again(store, clock):
    put_counter(store, *(number(time, time) for time in range(HOUR, 20 * HOUR, HOUR)))
    store.settle(ns(20 * HOUR))
    clock.seconds = 20 * HOUR
    late = metrics_request(counter("m", number(600, 3)), of=resource("two")).SerializeToString()
    batch = SIGNALS[0].read(store, late)
    store.delete_old()
    with pytest.raises(Exception, match="older than what is kept"):
        store.submit(batch).result()
    answer, committed = submit(store, SIGNALS[0], late)
    committed.result()
    assert answer.partial_success.rejected_data_points == 1


def test_what_ended_before_everything_that_is_kept_is_forgotten_and_may_come_back(store, clock):
    put_counter(store, number(100, 5), instance="gone")
    put(store, traces_request(span("WS /ws", 100), of=resource("gone")))
    put(store, logs_request(event(100, "websocket.connection.opened"), of=resource("gone")))
    put_counter(store, *(number(time, time) for time in range(100, 60 * HOUR, HOUR)))
    later(store, clock, 60 * HOUR)
    assert [count(store, table) for table in ("resources", "series", "spans", "events")] == [1, 1, 0, 0]
    assert len(store.registry) == 1
    assert increase(store, 0, 60 * HOUR) == increase(store, 12 * HOUR, 60 * HOUR)
    put_counter(store, number(60 * HOUR, 8, start=59 * HOUR), instance="gone")
    query = Query("m", over_time="increase", window=HOUR, by=("service.instance.id",))
    assert asking.instant(store, query, 60 * HOUR) == {("gone",): 8, ("one",): HOUR}


def test_a_restart_after_a_deletion_goes_on_as_before(tmp_path, clock):
    path = tmp_path / "s.duckdb"
    store = Store.open(path, clock=clock, retention=SHORT)
    put_counter(store, *(number(time, time) for time in range(HOUR, 20 * HOUR, HOUR)))
    put_counter(store, number(50, 5), instance="silent")
    later(store, clock, 20 * HOUR)
    before = store.oldest_ns
    store.close()
    store = Store.open(path, clock=clock, retention=SHORT)
    assert store.oldest_ns == before
    put_counter(store, number(20 * HOUR, 9), instance="silent")
    assert increase(store, 19 * HOUR, 20 * HOUR) == 4
    assert increase(store, 0, 20 * HOUR) == 19 * HOUR + 9
    store.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.integers(0, 50), min_size=300, max_size=300),
    cuts=st.lists(st.integers(14 * HOUR, 60 * HOUR), max_size=8),
    at=st.integers(20, 60),
)
def test_adjoining_windows_add_up_whatever_was_deleted(values, cuts, at):
    clock = Clock()
    store = Store.open(None, clock=clock, retention=SHORT)
    put_counter(store, *(number((index + 1) * 700, value) for index, value in enumerate(values)))
    later(store, clock, at * HOUR)
    edges = sorted({0, *cuts, 61 * HOUR})
    parts = [increase(store, since, until) or 0 for since, until in itertools.pairwise(edges)]
    assert sum(parts) == increase(store, 0, 61 * HOUR)
    store.close()


def test_a_store_that_is_too_big_keeps_everything_for_a_shorter_time(tmp_path, clock):
    limit = 4 << 20
    store = Store.open(tmp_path / "s.duckdb", clock=clock, retention=Retention(7 * DAY_NS, DAY_NS, limit))
    sizes = []
    for hour in range(30):
        points = [
            number(hour * HOUR + time, (time * 7919) % 1009 / 7, attributes={"n": index})
            for time in range(36, HOUR + 1, 36)
            for index in range(60)
        ]
        put(store, metrics_request(gauge("m", *points)))
        later(store, clock, (hour + 1) * HOUR)
        sizes.append(store.select("SELECT used_blocks * block_size FROM pragma_database_size()")[0][0])
    assert max(sizes) <= limit
    assert count(store, "number_points") > 6000, "at least the last hour"
    assert store.oldest_ns > ns(6 * HOUR), "long before a day is over"
    assert increase_of_last_hour(store) == 60
    store.close()


def test_where_an_hour_is_too_much_the_oldest_spans_go_and_numbers_stay(tmp_path, clock, caplog):
    store = Store.open(tmp_path / "s.duckdb", clock=clock, retention=Retention(7 * DAY_NS, DAY_NS, 8 << 20))
    put_counter(store, number(1, 5), number(2, 8))
    many = 500_000
    columns = (
        "0, '', 't', 's', NULL, 'WS', 'server', $begin + n, $begin + n, 'ok', sha256(n::VARCHAR), '{}', '[]', '[]'"
    )
    insert = f"INSERT INTO spans SELECT {columns} FROM range({many}) numbers(n)"  # no value of anybody's
    store._writer.call(lambda: store._database.connection.execute(insert, {"begin": ns(3)})).result()
    later(store, clock, 41 * 60)
    [(size,)] = store.select("SELECT used_blocks * block_size FROM pragma_database_size()")
    assert size <= 8 << 20
    [(spans, oldest, newest)] = store.select("SELECT count(*), min(end_ns), max(end_ns) FROM spans")
    assert many / 16 < spans < many
    assert (oldest, newest) == (ns(3) + many - spans, ns(3) + many - 1)
    assert increase(store, 0, 60) == 8
    assert "spans are kept for less" in caplog.text
    store.close()


def increase_of_last_hour(store):
    return asking.instant(store, Query("m", over_time="last", window=HOUR, across="count"), 30 * HOUR)


def test_what_is_kept_is_a_whole_number_of_hours():
    after = SHORT.after(ns(100.5 * HOUR), 1.0)
    assert after == {POINTS: ns(94 * HOUR), TENS: ns(88 * HOUR), MINUTES: ns(52 * HOUR), HOURS: ns(52 * HOUR)}
    assert T0 % HOUR == 0
