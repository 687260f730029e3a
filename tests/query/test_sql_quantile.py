import pytest

from otlp_requests import DELTA, buckets, histogram, metrics_request, put, resource
from socketscope.query.model import Query

BOUNDS = [1.0, 2.0, 4.0]


@pytest.fixture
def ask(ask):
    def ask_quantile(over_time, at, window=1000.0, **more):
        return ask(Query("took", over_time=over_time, window=window, **more), at)

    return ask_quantile


def put_histogram(store, *points, instance="one", **options):
    put(store, metrics_request(histogram("took", *points, **options), of=resource(instance)))


@pytest.mark.parametrize(
    ("counts", "over_time", "expected"),
    [
        ([10, 0, 0, 0], "p50", 0.5),  # half of the way through 0..1
        ([0, 10, 0, 0], "p90", 1.9),
        ([0, 0, 10, 0], "p50", 3.0),
        ([5, 5, 0, 0], "p50", 1.0),  # the rank falls on a bound
        ([5, 0, 5, 0], "p90", 2 + 2 * 4 / 5),  # an empty bucket between
        ([50, 30, 15, 5], "p95", 4.0),
        ([0, 0, 0, 10], "p50", 4.0),  # beyond the greatest bound nothing is known but that
    ],
)
def test_a_quantile_is_interpolated_within_its_bucket(store, ask, counts, over_time, expected):
    put_histogram(store, buckets(10, BOUNDS, counts))
    assert ask(over_time, 20) == pytest.approx(expected)


def test_a_first_bucket_below_zero_answers_its_bound(store, ask):
    put_histogram(store, buckets(10, [-5.0, 0.0, 5.0], [4, 0, 0, 0]))
    assert ask("p50", 20) == -5


def test_no_observation_in_the_window_is_no_data(store, ask):
    put_histogram(store, buckets(10, BOUNDS, [1, 0, 0, 0]), buckets(20, BOUNDS, [1, 0, 0, 0]))
    assert ask("p50", 20, window=5) is None
    assert ask("p50", 100, window=5) is None


def test_only_the_increase_within_the_window_counts(store, ask):
    put_histogram(store, buckets(10, BOUNDS, [100, 0, 0, 0]), buckets(20, BOUNDS, [100, 0, 10, 0]))
    assert ask("p50", 20, window=10) == pytest.approx(3.0)


def test_a_reset_counts_from_zero(store, ask):
    put_histogram(
        store,
        buckets(10, BOUNDS, [100, 0, 0, 0]),
        buckets(20, BOUNDS, [100, 10, 0, 0]),
        buckets(30, BOUNDS, [0, 0, 30, 0], start=25),
    )
    # 10 in 1..2 before the reset, 30 in 2..4 after it
    assert ask("p50", 30, window=20) == pytest.approx(2 + 2 * 10 / 30)


def test_series_are_merged_by_label_or_all_together(store, ask):
    put_histogram(store, buckets(10, BOUNDS, [10, 0, 0, 0], attributes={"room": "a"}))
    put_histogram(store, buckets(10, BOUNDS, [0, 0, 10, 0], attributes={"room": "b"}), instance="two")
    assert ask("p50", 20) == pytest.approx(1.0)
    assert ask("p50", 20, by=("room",)) == pytest.approx({("a",): 0.5, ("b",): 3.0})
    assert ask("p50", 20, where={"room": ("b",)}) == pytest.approx(3.0)


def test_series_with_other_bounds_are_merged_at_their_upper_bounds(store, ask):
    put_histogram(store, buckets(10, [2.0], [10, 0]))
    put_histogram(store, buckets(10, [4.0], [10, 0]), instance="two")
    assert ask("p50", 20) == pytest.approx(2.0)


def test_a_new_start_is_a_reset_even_where_the_count_does_not_fall(store, ask):
    put_histogram(store, buckets(10, BOUNDS, [10, 0, 0, 0]), buckets(20, BOUNDS, [10, 10, 0, 0], start=15))
    assert ask("p50", 20) == pytest.approx(0.75)


def test_other_bounds_are_a_reset(store, ask):
    put_histogram(store, buckets(10, [2.0], [10, 0]), buckets(20, [4.0], [10, 5]))
    assert ask("p50", 20) == pytest.approx(2 + 2 * 2.5 / 10)


def test_points_that_came_twice_count_once(store, ask):
    for _ in range(2):
        put_histogram(store, buckets(10, BOUNDS, [10, 0, 0, 0]), buckets(20, BOUNDS, [10, 10, 0, 0]))
        put_histogram(store, buckets(15, BOUNDS, [0, 0, 20, 0]), temporality=DELTA, instance="two")
    assert ask("p50", 20) == pytest.approx(2.0)


def test_delta_histograms_are_summed(store, ask):
    points = [buckets(10 * index, BOUNDS, [1, 0, 1, 0]) for index in range(1, 4)]
    put_histogram(store, *points, temporality=DELTA)
    assert ask("p50", 30) == pytest.approx(1.0)
    assert ask("p90", 30, window=10) == pytest.approx(2 + 2 * 0.8)


def test_a_range_equals_the_instants_that_it_is_made_of(store, ask, ask_range):
    for instance, start in (("one", 0), ("two", 22)):
        points = [
            buckets(start + 5 * index, BOUNDS, [index, index * index, 3 * index, index // 2], start=start)
            for index in range(1, 10)
        ]
        put_histogram(store, *points, instance=instance)
    query = Query("took", over_time="p90", window=12)
    answered = ask_range(query, 0, 90, 9)
    assert answered == pytest.approx([ask("p90", 9 * k, window=12) for k in range(11)])


def test_a_histogram_asked_for_its_increase_answers_its_count(store, ask):
    put_histogram(store, buckets(10, BOUNDS, [1, 2, 3, 4]))
    assert ask("increase", 20) == 10
