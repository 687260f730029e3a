import re

import pytest

from socketscope import semconv

ALL_ATTRIBUTES = [value for value in vars(semconv).values() if isinstance(value, semconv.Attribute)]
ALL_METRICS = [value for value in vars(semconv).values() if isinstance(value, semconv.Metric)]
ALL_EVENTS = [value for value in vars(semconv).values() if isinstance(value, semconv.Event)]
READ_ONLY = {semconv.SYSTEM_CPU, semconv.SYSTEM_MEMORY, semconv.PROCESS_THREADS}

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
UNIT = re.compile(r"s|By|1|\{[a-z_]+\}")


@pytest.mark.parametrize("things", [ALL_ATTRIBUTES, ALL_METRICS, ALL_EVENTS], ids=["attributes", "metrics", "events"])
def test_names_are_unique_and_written_as_opentelemetry_writes_them(things):
    names = [thing.name for thing in things]
    assert len(names) == len(set(names))
    assert all(NAME.fullmatch(name) for name in names)
    assert all(thing.description.endswith(".") for thing in things)


def test_every_metric_that_is_emitted_is_listed():
    assert set(semconv.METRICS) == set(ALL_METRICS) - READ_ONLY
    assert set(semconv.EVENTS) == set(ALL_EVENTS)


@pytest.mark.parametrize("metric", ALL_METRICS, ids=lambda metric: metric.name)
def test_a_metric_has_a_unit_and_buckets_if_it_is_a_histogram(metric):
    assert UNIT.fullmatch(metric.unit)
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_no_metric_has_an_attribute_without_bound():
    unbounded = {semconv.CONNECTION_ID, semconv.CHANNELS, semconv.USER_HASH, semconv.USER_ID, semconv.CLIENT_ADDRESS}
    for metric in semconv.METRICS:
        assert not unbounded & set(metric.attributes), metric.name


@pytest.mark.parametrize("bounds", [semconv.SIZE_BYTES, tuple(1e9 * bound for bound in semconv.LATENCY_SECONDS)])
def test_buckets_of_powers_of_two_are_found_by_bit_length(bounds):
    first = round(bounds[0]).bit_length()
    for index, bound in enumerate(bounds):
        exact = round(bound)
        assert exact == pytest.approx(bound)
        assert exact.bit_count() == 1
        assert (exact - 1).bit_length() if exact > 1 else True
        assert exact.bit_length() - first == index
