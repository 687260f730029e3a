import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otlp_requests import T0, counter, gauge, metrics_request, ns, number, put, resource
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.query.kept import HOURS
from socketscope.store.retention import Retention
from socketscope.store.store import Store

INTERVAL = 10
END = 1200

lives = st.lists(
    st.tuples(
        st.integers(0, END // INTERVAL), st.lists(st.integers(-3, 9), min_size=2, max_size=40), st.integers(0, 9)
    ),
    min_size=1,
    max_size=4,
)
"""Instances: the tick of the first report, the values, and by how many seconds it reports beside the others."""


def store_of(instances):
    store = Store.open(None, clock=lambda: ns(-1))
    for name, (first, values, beside) in enumerate(instances):
        points = [number((first + index) * INTERVAL + beside, value) for index, value in enumerate(values, start=1)]
        put(store, metrics_request(counter("open", *points, monotonic=False), of=resource(f"i{name}")))
    return store


def peak(store, since, until):
    return asyncio.run(EmbeddedBackend(store).peak("open", T0 + since, T0 + until))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    instances=lives,
    windows=st.lists(st.tuples(st.integers(0, 1700), st.integers(0, 1700)), min_size=1, max_size=5),
    settled=st.integers(60, 2000),
)
def test_the_peak_of_settled_minutes_is_that_of_their_points(instances, windows, settled):
    plain, rolled = store_of(instances), store_of(instances)
    for until in range(60, settled, 130):
        rolled.settle(ns(until))
    for since, until in ((min(pair), max(pair) + 1) for pair in windows):
        assert peak(rolled, since, until) == peak(plain, since, until), (since, until)
    plain.close()
    rolled.close()


def test_the_peak_of_whole_minutes_outlives_the_points():
    now = [ns(-1)]
    keep = Retention(age_ns=48 * HOURS, points_ns=HOURS)
    store = Store.open(None, clock=lambda: now[0], retention=keep)
    for name, shift in (("one", 0), ("two", 3)):
        points = [number(time + shift, 50 + (time * 7) % 90) for time in range(10, 6 * 3600, 10)]
        put(store, metrics_request(counter("open", *points, monotonic=False), of=resource(name)))
    windows = [(0, 3600), (600, 660), (60, 20_000), (5, 3 * 3600)]
    before = [peak(store, *window) for window in windows]
    now[0] = ns(7 * 3600)
    store.settle(now[0])
    store.delete_old()
    assert store.select("SELECT count(*) FROM number_points") == [(2,)]
    assert [peak(store, *window) for window in windows] == before
    store.close()


def test_a_minute_in_which_nothing_stands_has_no_peak():
    store = store_of([(0, [5, 5, 5], 0)])
    store.settle(ns(END))
    assert peak(store, 0, END) == 5
    assert peak(store, 300, 900) is None
    put(store, metrics_request(gauge("load", number(900, 0.0), number(910, 0.0))))
    store.settle(ns(END))
    assert asyncio.run(EmbeddedBackend(store).peak("load", T0 + 600, T0 + 960)) == 0
    store.close()
