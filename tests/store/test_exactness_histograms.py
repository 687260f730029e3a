"""Quantiles of the store lie in the bucket that holds the true one of what was observed, whatever came in between."""

import bisect
import math
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import asking
from otlp_requests import (
    CUMULATIVE,
    DELTA,
    buckets,
    exponential,
    exponents,
    histogram,
    metrics_request,
    ns,
    put,
    resource,
)
from socketscope.query.model import Query
from socketscope.store.store import Store

BOUNDS = [0.5, 1.0, 5.0, 25.0]
INTERVAL = 20
FRACTIONS = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

observations = st.lists(st.floats(0.01, 90, allow_nan=False), max_size=8)
exports = st.lists(observations, min_size=1, max_size=12)
restarts = st.sets(st.integers(1, 11), max_size=2)
scales = st.lists(st.integers(-2, 4), min_size=12, max_size=12)
some = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def explicit(time, seen, start):
    counts = Counter(bisect.bisect_left(BOUNDS, value) for value in seen)
    return buckets(time, BOUNDS, [counts[index] for index in range(len(BOUNDS) + 1)], start=start)


def exponent(scale):
    def point(time, seen, start):
        # An index may be one off where a value lies on an edge: as OpenTelemetry allows.
        indexes = Counter(math.ceil(math.log2(value) * 2**scale) - 1 for value in seen)
        return exponents(time, scale, dict(indexes), start=start)

    return point


def send(store, exported, restarts, shapes, make, *, delta, settles, late=()):
    """Export what was observed, cumulatively with restarts or as deltas; gives [(time, observations)]."""
    seen, start, sent, held = [], 0, [], []
    for index, observed in enumerate(exported):
        time = (index + 1) * INTERVAL
        if index in restarts or delta:
            seen, start = [], time - INTERVAL + 1
        seen = [*seen, *observed]
        temporality = DELTA if delta else CUMULATIVE
        request = metrics_request(make("took", shapes[index](time, seen, start), temporality=temporality))
        sent.append((time, observed))
        if index in late:
            held.append(request)
            continue
        put(store, request)
        if settles:
            store.settle(ns(time - 5))
    for request in reversed(held):
        put(store, request)
    if settles:
        store.settle(ns(10_000))
    return sent


def check(store, sent, edge_of, since, until):
    within = sorted(value for time, observed in sent if since < time <= until for value in observed)
    for over_time, fraction in FRACTIONS.items():
        found = asking.instant(store, Query("took", over_time=over_time, window=until - since), until)
        if not within:
            assert found is None
            continue
        true = within[max(0, math.ceil(fraction * len(within)) - 1)]
        low, high = edge_of(true)
        assert low <= found * (1 + 1e-9), (over_time, since, until, found, true)
        assert found <= high * (1 + 1e-9), (over_time, since, until, found, true)
    count = asking.instant(store, Query("took", over_time="increase", window=until - since), until)
    assert (count or 0) == len(within)


def explicit_edges(value):
    index = bisect.bisect_left(BOUNDS, value)
    # Beyond the greatest bound nothing is known but that.
    return (BOUNDS[index - 1] if index else 0.0, BOUNDS[min(index, len(BOUNDS) - 1)])


@pytest.mark.parametrize("delta", [False, True])
@some
@given(exported=exports, restarts=restarts, settles=st.booleans(), late=st.sets(st.integers(0, 11), max_size=3))
def test_explicit_buckets(delta, exported, restarts, settles, late):
    store = Store.open(None, clock=lambda: ns(-1))
    sent = send(store, exported, restarts, [explicit] * 12, histogram, delta=delta, settles=settles, late=late)
    for since, until in ((0, 1000), (0, 60), (60, 180), (25, 95)):
        check(store, sent, explicit_edges, since, until)
    store.close()


@pytest.mark.parametrize("delta", [False, True])
@some
@given(exported=exports, restarts=restarts, settles=st.booleans(), scales=scales)
def test_exponential_buckets_whose_scale_changes(delta, exported, restarts, settles, scales):
    store = Store.open(None, clock=lambda: ns(-1))
    shapes = [exponent(scale) for scale in scales]
    sent = send(store, exported, restarts, shapes, exponential, delta=delta, settles=settles)
    coarsest = min(scales[: len(exported)])

    def edges(value):
        index = math.ceil(math.log2(value) * 2.0**coarsest) - 1
        return 2 ** ((index) / 2.0**coarsest) * (1 - 1e-9), 2 ** ((index + 1) / 2.0**coarsest) * (1 + 1e-9)

    for since, until in ((0, 1000), (0, 60), (60, 180), (25, 95)):
        check(store, sent, edges, since, until)
    store.close()


def test_negative_values_and_zeros_have_their_places():
    store = Store.open(None, clock=lambda: ns(-1))
    put(store, metrics_request(exponential("took", exponents(10, 0, {1: 5}, negative={1: 10}, zero=10))))
    assert asking.instant(store, Query("took", over_time="p50", window=60), 20) == 0
    assert asking.instant(store, Query("took", over_time="p90", window=60), 20) == pytest.approx(2 + 2 * 2.5 / 5)
    put(store, metrics_request(exponential("low", exponents(10, 0, {}, negative={1: 10}))))
    assert asking.instant(store, Query("low", over_time="p50", window=60), 20) == pytest.approx(-3)
    store.close()


def test_a_zero_bucket_that_widens_takes_what_lies_within_it():
    store = Store.open(None, clock=lambda: ns(-1))
    points = [exponents(10, 0, {-3: 4, 2: 1}), exponents(20, 0, {2: 3}, zero=4, threshold=0.5)]
    put(store, metrics_request(exponential("took", *points)))
    assert asking.instant(store, Query("took", over_time="increase", window=10), 20) == 2
    assert asking.instant(store, Query("took", over_time="p50", window=10), 20) == pytest.approx(6)
    store.close()


@pytest.mark.parametrize("scale", [-10, 0, 20])
@pytest.mark.parametrize("index", [2**31 - 5, -(2**31)])
def test_extreme_buckets_harm_nothing(scale, index):
    store = Store.open(None, clock=lambda: ns(-1))
    points = [exponents(10, scale, {index: 1}), exponents(20, scale, {index: 3, index + 1: 1})]
    put(store, metrics_request(exponential("took", *points)))
    found = asking.instant(store, Query("took", over_time="p50", window=60), 20)
    assert found is None or math.isfinite(found)
    assert asking.instant(store, Query("took", over_time="increase", window=60), 20) == 4
    store.close()


def test_counts_that_no_sum_holds_stop_no_roll_ups():
    store = Store.open(None, clock=lambda: ns(-1))
    largest = [buckets(time / 1000, [1.0], [2**53, 0]) for time in range(1, 2051)]
    put(store, metrics_request(histogram("largest", *largest, temporality=DELTA)))
    put(store, metrics_request(histogram("took", buckets(5, [1.0], [3, 4]), temporality=DELTA)))
    store.settle(ns(7200))
    assert store.problem is None
    assert store.select("SELECT sum(n)::BIGINT FROM buckets_1h WHERE n < 100") == [(7,)]
    store.close()


def test_histograms_of_a_series_that_is_older_than_the_store_count_from_their_first_point():
    store = Store.open(None, clock=lambda: ns(-1))
    points = [buckets(time, [1.0, 2.0], counts, start=-500) for time, counts in ((10, [90, 0, 0]), (20, [90, 4, 0]))]
    put(store, metrics_request(histogram("took", *points), of=resource("old")))
    assert asking.instant(store, Query("took", over_time="p50", window=60), 20) == pytest.approx(1.5)
    assert asking.instant(store, Query("took", over_time="p50", window=1000), 20) == pytest.approx(47 / 90)
    store.close()
