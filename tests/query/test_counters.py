import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketscope.query.counters import Counter, divided, increases
from socketscope.query.model import Query
from socketscope.query.sql_parts import Grid

POINTS = [(10.0, 5.0), (20.0, 9.0), (30.0, 2.0), (40.0, 3.0)]


def test_a_fall_is_a_counter_that_began_anew():
    assert Counter(POINTS).increase(0, 100) == 5 + 4 + 2 + 1


def test_a_window_has_its_end_and_not_its_begin():
    assert Counter(POINTS).increase(10, 20) == 4
    assert Counter(POINTS).increase(9.9, 19.9) == 5
    assert Counter(POINTS).increase(20, 29) is None


def test_the_order_of_the_samples_and_repeated_ones_do_not_matter():
    assert Counter([*reversed(POINTS), *POINTS]).increase(0, 100) == 12


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 50)), min_size=1, unique_by=lambda sample: sample[0]),
    st.lists(st.integers(0, 100), max_size=5),
)
def test_adjoining_windows_add_up(samples, cuts):
    counter = Counter((float(time), float(value)) for time, value in samples)
    edges = [-1, *sorted(cuts), 101]
    parts = [counter.increase(since, until) or 0 for since, until in pairwise(edges)]
    assert sum(parts) == counter.increase(-1, 101)


def series():
    return [(("a",), Counter(POINTS)), (("a",), Counter([(20.0, 7.0)])), (("b",), Counter([(35.0, 1.0)]))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query("m", "increase", 100, by=("x",)), {("a",): {0: 19}, ("b",): {0: 1}}),
        (Query("m", "increase", 100, "max", by=("x",)), {("a",): {0: 12}, ("b",): {0: 1}}),
        (Query("m", "increase", 100, "count", by=("x",)), {("a",): {0: 2}, ("b",): {0: 1}}),
        (Query("m", "rate", 100, "avg", by=("x",)), {("a",): {0: 0.095}, ("b",): {0: 0.01}}),
        (Query("m", "increase", 10, by=("x",), offset=10, complement=True), {("a",): {0: -1}}),
        (Query("m", "increase", 10, by=("x",), absent=True), {}),
        (Query("m", "increase", 5, by=("x",), offset=35, absent=True), {(): {0: 1}}),
    ],
)
def test_series_are_combined_as_the_query_says(query, expected):
    assert increases(query, series(), Grid.instant(40)) == expected


def test_every_moment_of_a_range_is_answered():
    lines = increases(Query("m", "increase", 10), [((), Counter(POINTS))], Grid.range(0, 50, 10))
    assert lines == {(): {1: 5, 2: 4, 3: 2, 4: 1}}


def test_a_ratio_is_where_both_have_data_and_not_where_both_are_nothing():
    above = {("a",): {0: 1.0, 1: 0.0, 2: 3.0}, ("b",): {0: 1.0}}
    below = {("a",): {0: 4.0, 1: 0.0, 2: 0.0, 3: 1.0}, ("c",): {0: 1.0}}
    assert divided(above, below) == {("a",): {0: 0.25, 2: math.inf}}
