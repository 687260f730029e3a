"""Whatever comes, in whatever order, settled whenever: answers are those of a list of points in plain Python."""

import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from oracle import Oracle, Point

import asking
from otlp_requests import CUMULATIVE, DELTA, T0, counter, metrics_request, ns, number, put
from socketscope.query.model import Query
from socketscope.store.store import Store

OVER_TIME = ("increase", "last", "min", "max", "avg")
END = 9000
"""Seconds; points lie within two and a half hours, so that every width has whole buckets."""

# Times that are bucket's ends, or just beside, are the ones to get wrong.
times = st.one_of(
    st.integers(1, END),
    st.builds(
        lambda end, beside: min(max(1, end + beside), END),
        st.sampled_from(range(0, END + 1, 600)),
        st.integers(-1, 1),
    ),
)
starts = st.sampled_from([0, 0, 0, None, -5000, 100, 4000])
points = st.builds(Point, st.integers(0, 2), times, st.integers(0, 50), starts)
settles = st.integers(0, END + 100)
REOPEN = "reopen"
# Late points take roll-ups back: what comes last decides how much is read from them.
arrivals = st.builds(
    lambda before, last: [*before, last],
    st.lists(st.one_of(points, points, points, settles, st.just(REOPEN)), max_size=30),
    st.sampled_from([0, 4000, END, END]),
)
windows = st.lists(st.tuples(times, times), min_size=1, max_size=3)


@pytest.fixture(autouse=True, scope="module")
def every_width_is_read():
    """A single whole bucket is worth its table: else so short a time would never be read from hours."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("socketscope.query.kept._FEWEST", 1)
        yield


exactly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Stored:
    """A store that takes points, and an oracle that is told the same."""

    def __init__(self, path=None, *, delta=False):
        self.path = path
        self.temporality = DELTA if delta else CUMULATIVE
        self.oracle = Oracle(delta)
        self.store = self.open()

    def open(self):
        return Store.open(self.path, clock=lambda: ns(-1))

    def take(self, arrival):
        if isinstance(arrival, Point):
            point = number(arrival.time, arrival.value, start=arrival.start, attributes={"n": arrival.series})
            put(self.store, metrics_request(counter("m", point, temporality=self.temporality)))
            self.oracle.take(arrival)
        elif arrival != REOPEN:
            self.store.settle(ns(arrival))
        elif self.path:
            self.store.close()
            self.store = self.open()

    def ask(self, over_time, since, until):
        return asking.instant(self.store, Query("m", over_time=over_time, window=until - since), until)


@pytest.mark.parametrize("delta", [False, True])
@exactly
@given(arrivals=arrivals, windows=windows)
@example(
    arrivals=[*(Point(0, end, end) for end in (60, 61, 600, 601, 3600, 3601, 7200)), 9000],
    windows=[(0, 60), (60, 600), (0, 600), (600, 3600), (0, 3600), (3600, 7200), (0, 7200), (1, 7199)],
)
@example(  # several in one bucket of each width
    arrivals=[*(Point(n, time + n, (time * 7) % 23) for time in range(7, 9000, 53) for n in (0, 1)), 9000],
    windows=[(0, 3600), (0, 7200), (0, 660), (600, 4200), (13, 8999), (3600, 7260)],
)
@example(arrivals=[Point(0, 5, 3), 9000, Point(0, 7000, 9), Point(0, 6, 4), 9000], windows=[(1, 9000), (5, 6)])
def test_every_window_is_what_the_points_in_it_say(tmp_path_factory, delta, arrivals, windows):
    file = tmp_path_factory.mktemp("store") / "s.duckdb" if REOPEN in arrivals else None
    stored = Stored(file, delta=delta)
    for arrival in arrivals:
        stored.take(arrival)
    for since, until in ((min(pair), max(pair)) for pair in windows if pair[0] != pair[1]):
        for over_time in OVER_TIME:
            found, expected = stored.ask(over_time, since, until), stored.oracle.answer(over_time, since, until)
            assert found == pytest.approx(expected, abs=1e-9), (over_time, since, until)
    stored.store.close()


@exactly
@given(arrivals=arrivals, step=st.sampled_from([37, 60, 90, 600, 3600]), windows_in_one=st.sampled_from([1, 2, 5]))
def test_a_range_is_the_windows_that_it_is_made_of(arrivals, step, windows_in_one):
    stored = Stored()
    for arrival in arrivals:
        stored.take(arrival)
    window = step * windows_in_one
    end = END // step * step
    for over_time in OVER_TIME:
        found = asking.over_range(stored.store, Query("m", over_time=over_time, window=window), 0, end, step)
        expected = [stored.oracle.answer(over_time, at - window, at) for at in range(0, end + 1, step)]
        assert found == pytest.approx(expected), over_time
    stored.store.close()


@exactly
@given(arrivals=arrivals, cuts=st.lists(times, max_size=6))
def test_adjoining_windows_add_up(arrivals, cuts):
    stored = Stored()
    for arrival in arrivals:
        if not isinstance(arrival, Point) or arrival.start != -5000:
            stored.take(arrival)
    edges = sorted({0, *cuts, END})
    parts = [stored.ask("increase", since, until) for since, until in itertools.pairwise(edges)]
    assert sum(part or 0 for part in parts) == (stored.ask("increase", 0, END) or 0)
    stored.store.close()


@exactly
@given(arrivals=arrivals, data=st.data())
def test_answers_do_not_depend_on_the_order_in_which_points_came(arrivals, data):
    of_one_time = {}
    for arrival in arrivals:
        if isinstance(arrival, Point):
            of_one_time.setdefault((arrival.series, arrival.time), arrival)
    answers = []
    for order in (list(of_one_time.values()), data.draw(st.permutations(list(of_one_time.values())))):
        stored = Stored()
        for index, point in enumerate(order):
            stored.take(point)
            if index % 5 == 4:
                stored.store.settle(ns(point.time))
        answers.append([stored.ask(over_time, 0, END) for over_time in OVER_TIME])
        stored.store.close()
    assert answers[0] == pytest.approx(answers[1])


def test_a_request_that_is_sent_again_changes_nothing():
    stored = Stored()
    sent = [Point(0, time, value, start) for time, value, start in ((10, 5, 0), (20, 9, 0), (30, 2, 25), (3600, 7, 25))]
    for _ in range(3):
        for point in sent:
            stored.take(point)
        stored.store.settle(ns(5000))
        assert stored.ask("increase", 0, END) == 9 + 2 + 5
        assert stored.store.select("SELECT count(*) FROM number_points") == [(4,)]
    stored.store.close()


def test_the_origin_of_times_is_the_end_of_an_hour():
    assert T0 % 3600 == 0
