from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from socketscope import semconv
from socketscope.telemetry.histogram import (
    CELLS,
    Bounded,
    Durations,
    duration_cell,
    fold_durations,
    fold_sizes,
    size_cell,
)


@given(st.integers(min_value=0, max_value=1 << 40))
def test_the_cell_of_a_size_is_the_bucket_that_otlp_would_choose(size: int) -> None:
    cells = [0] * CELLS
    cells[size_cell(size)] += 1
    counts = fold_sizes(cells)
    assert len(counts) == len(semconv.SIZE_BYTES) + 1
    assert counts.index(1) == bisect_left(semconv.SIZE_BYTES, size)


@given(st.integers(min_value=-5, max_value=1 << 45))
def test_the_cell_of_a_duration_is_the_bucket_that_otlp_would_choose(nanoseconds: int) -> None:
    cells = [0] * CELLS
    cells[duration_cell(nanoseconds)] += 1
    counts = fold_durations(cells)
    assert len(counts) == len(semconv.LATENCY_SECONDS) + 1
    bounds = [round(bound * 1e9) for bound in semconv.LATENCY_SECONDS]
    assert counts.index(1) == bisect_left(bounds, nanoseconds)


def test_a_value_on_a_bound_belongs_to_the_bucket_below_it() -> None:
    histogram = Bounded((1.0, 5.0))
    for value in (1.0, 1.1, 5.0, 5.1):
        histogram.record(value)
    assert histogram.counts == [1, 2, 1]
    assert histogram.total == 12.2


def test_durations_keep_their_sum_in_nanoseconds() -> None:
    durations = Durations()
    durations.record(1)
    durations.record(1_000_000)
    assert sum(durations.cells) == 2
    assert durations.total == 1_000_001
