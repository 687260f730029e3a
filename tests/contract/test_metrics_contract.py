"""What every implementation of `Metrics` answers to, over the same points: the embedded store, a console, and the real
Prometheus with each of its translations, classic and native histograms."""

import itertools
import math
import time

import pytest
from metrics_implementations import DottedPrometheus, Embedded, NativePrometheus, Prometheus, Remote

import otlp_requests
from otlp_requests import buckets, counter, gauge, histogram, metrics_request, number, resource
from socketscope import semconv
from socketscope.backends.base import Metrics
from socketscope.errors import QueryError
from socketscope.query.model import Query, Ratio

pytestmark = pytest.mark.anyio

SIZE = semconv.MESSAGE_SIZE.name


@pytest.fixture(scope="module", params=[Embedded, Remote, Prometheus, DottedPrometheus, NativePrometheus])
def implementation(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("backend")) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def t0():
    """A little ahead: later than any of the stores began, and not so late that Prometheus refuses it (10 minutes)."""
    before, otlp_requests.T0 = otlp_requests.T0, int(time.time()) + 200
    yield otlp_requests.T0
    otlp_requests.T0 = before


@pytest.fixture
async def backend(implementation):
    backend = await implementation.connect()
    yield backend
    if hasattr(backend, "aclose"):
        await backend.aclose()


_numbers = itertools.count()


@pytest.fixture
def name():
    """A metric that no other test has."""
    return f"contract.case{next(_numbers)}.things"


@pytest.fixture
def take(implementation, name):
    """Points of a counter, as an instance sends them."""

    def take(*points, instance="one", **options):
        implementation.take(metrics_request(counter(name, *points, **options), of=resource(instance)))

    return take


@pytest.fixture
def ask(backend, t0):
    """The answer at one moment: {label values: value}, or the bare value where there are no labels."""

    async def ask(query, at):
        samples = await backend.instant(query, at=t0 + at)
        side = query.numerator if isinstance(query, Ratio) else query
        if side.by and not side.absent:
            return {tuple(sample.labels[name] for name in side.by): sample.value for sample in samples}
        assert all(sample.labels == {} for sample in samples)
        return samples[0].value if samples else None

    return ask


@pytest.fixture
def ask_range(backend, t0):
    async def ask_range(query, start, end, step):
        lines = await backend.range(query, start=t0 + start, end=t0 + end, step=step)
        return [value for _, value in lines[0].points] if lines else None

    return ask_range


async def test_it_has_numbers(backend):
    metrics: Metrics = backend
    assert metrics.capabilities.metrics


# increase -----------------------------------------------------------------------------------------------------------


async def test_a_series_born_in_the_window_counts_from_zero(take, ask, name):
    take(number(10, 5), number(20, 9))
    assert await ask(Query(name, "increase", 500), 30) == 9


async def test_a_series_born_before_the_window_takes_the_last_point_before_it_as_its_base(take, ask, name):
    take(number(10, 5), number(20, 9), number(30, 12))
    assert await ask(Query(name, "increase", 10), 30) == 3
    assert await ask(Query(name, "increase", 15), 30) == 7


async def test_the_window_contains_its_end_and_not_its_begin(take, ask, name):
    take(number(10, 5), number(20, 9))
    assert await ask(Query(name, "increase", 10), 20) == 4
    assert await ask(Query(name, "increase", 10), 19) == 5


async def test_a_fall_is_a_reset_and_counts_from_zero(take, ask, ask_range, name):
    take(number(10, 5), number(20, 2, start=15), number(30, 3, start=15))
    assert await ask(Query(name, "increase", 500), 30) == 5 + 2 + 1
    assert await ask(Query(name, "increase", 10), 20) == 2
    assert await ask(Query(name, "rate", 10), 20) == pytest.approx(0.2)
    assert await ask_range(Query(name, "increase", 10), 0, 40, 10) == [None, 5, 2, 1, None]


async def test_a_reset_of_one_instance_leaves_the_others_as_they_are(take, ask, name):
    take(number(10, 100), number(20, 110), number(30, 120))
    take(number(10, 7), number(20, 1, start=15), instance="two")
    assert await ask(Query(name, "increase", 500, by=("service.instance.id",)), 30) == {("one",): 120, ("two",): 8}
    assert await ask(Query(name, "increase", 15, "max"), 20) == 110
    assert await ask(Query(name, "increase", 15, "count"), 30) == 2


async def test_instances_come_and_go(take, ask, name):
    take(number(10, 100), number(20, 110))
    take(number(18, 7, start=15), number(21, 8, start=15), instance="two")
    assert await ask(Query(name, "increase", 500), 100) == 118
    assert await ask(Query(name, "increase", 15, by=("service.instance.id",)), 30) == {("one",): 10, ("two",): 8}
    assert await ask(Query(name, "increase", 10), 30.5) == 1, "the first one sent nothing in this window"


async def test_adjoining_windows_add_up_to_the_total(take, ask, ask_range, name):
    values = [3, 3, 8, 12, 19, 30, 31, 34, 34, 50]
    take(*(number(7 * index + 1, value) for index, value in enumerate(values)))
    take(number(33, 5, start=32), number(47, 6, start=32), instance="two")
    assert await ask(Query(name, "increase", 500), 100) == 56
    for step in (1, 5, 10, 20):
        found = await ask_range(Query(name, "increase", step), 0, 100, step)
        assert sum(value or 0 for value in found) == 56, step


async def test_a_series_without_a_point_in_the_window_is_no_data_and_not_zero(take, ask, name):
    take(number(10, 5))
    assert await ask(Query(name, "increase", 10), 100) is None


async def test_a_rate_is_the_increase_per_second(take, ask, name):
    take(number(10, 5), number(20, 9))
    assert await ask(Query(name, "rate", 10), 20) == pytest.approx(0.4)


async def test_the_newest_point_behind_an_answer_is_told(take, backend, name, t0):
    take(number(10, 5), number(12.5, 6))
    take(number(11, 1), instance="two")
    for query in (Query(name, "increase", 500), Query(name, window=500)):
        [sample] = await backend.instant(query, at=t0 + 20)
        assert sample.measured_at == pytest.approx(t0 + 12.5, abs=0.001)
    [sample] = await backend.instant(Query(name, "increase", 500), at=t0 + 450)
    assert sample.measured_at == pytest.approx(t0 + 12.5, abs=0.001), "also where it has been silent for long"


# last, avg, min, max, count -------------------------------------------------------------------------------------------


async def test_last_drops_what_is_older_than_the_window(implementation, ask, ask_range, name):
    implementation.take(metrics_request(gauge(name, number(10, 3), number(20, 4)), of=resource("one")))
    implementation.take(metrics_request(gauge(name, number(12, 10)), of=resource("two")))
    assert await ask(Query(name, window=15), 20) == 14
    assert await ask_range(Query(name, window=15), 0, 40, 5) == [None, None, 3, 13, 14, 14, 4, None, None]


async def test_values_over_the_window_are_reduced_per_series_before_the_series_are_combined(implementation, ask, name):
    for instance, values in {"one": (1, 3), "two": (10, 20)}.items():
        points = (number(10 * index + 10, value) for index, value in enumerate(values))
        implementation.take(metrics_request(gauge(name, *points), of=resource(instance)))
    cases = {
        ("avg", "sum"): 17, ("avg", "avg"): 8.5, ("max", "sum"): 23, ("min", "max"): 10, ("max", "min"): 3,
        ("last", "count"): 2,
    }  # fmt: skip
    for (over_time, across), expected in cases.items():
        assert await ask(Query(name, over_time, 60, across), 30) == expected, (over_time, across)


async def test_an_offset_moves_the_window_to_the_past(take, ask, name):
    take(number(10, 5), number(20, 9), number(30, 20))
    assert await ask(Query(name, "increase", 10, offset=10), 30) == 4
    assert await ask(Query(name, window=5, offset=10), 30) == 9


async def test_a_complement_is_taken_after_the_series_are_combined(implementation, ask, name):
    for cpu, value in enumerate((0.75, 0.25)):
        points = gauge(name, number(10, value, attributes={"state": "idle", "cpu": cpu}))
        implementation.take(metrics_request(points))
    query = Query(name, across="avg", where={"state": ("idle",)}, complement=True)
    assert await ask(query, 10) == 0.5


async def test_absent_answers_one_where_nothing_matches_and_nothing_otherwise(take, ask, ask_range, name):
    take(number(10, 5))
    absent = Query(name, window=10, absent=True, by=("service.name",))
    assert await ask_range(absent, 0, 30, 5) == [1, 1, None, None, 1, 1, 1]
    assert await ask(Query(f"{name}.nothing", absent=True), 10) == 1


async def test_what_nobody_has_sent_is_no_data(ask, ask_range, name):
    assert await ask(Query(name), 10) is None
    assert await ask(Query(name, "increase"), 10) is None
    assert await ask_range(Query(name), 0, 10, 5) is None


# where, by --------------------------------------------------------------------------------------------------------


async def test_where_and_by_know_attributes_of_the_series_and_of_its_resource(take, ask, name):
    for instance, port in (("one", 1), ("two", 2)):
        for way, factor in (("receive", 1), ("transmit", 10)):
            take(number(10, port * factor, attributes={"the.way": way, "port": port}), instance=instance)
    assert await ask(Query(name, by=("the.way",)), 20) == {("receive",): 3, ("transmit",): 30}
    assert await ask(Query(name, where={"service.instance.id": ("two",)}), 20) == 22
    assert await ask(Query(name, where={"the.way": ("receive",), "port": ("1", "2")}), 20) == 3
    assert await ask(Query(name, where={"port": ("1",)}, by=("service.name", "port")), 20) == {("chat", "1"): 11}
    assert await ask(Query(name, where={"the.way": ()}), 20) is None


async def test_an_attribute_that_is_missing_is_the_empty_text(take, ask, name):
    take(number(10, 1), number(10, 2, attributes={"route": "/ws"}))
    assert await ask(Query(name, by=("route",)), 20) == {("",): 1, ("/ws",): 2}
    assert await ask(Query(name, where={"route": ("",)}), 20) == 1
    assert await ask(Query(name, where={"route": ("", "/ws")}), 20) == 3


HOSTILE = [
    "'; DROP TABLE series; --", '"quoted"', "a.b", "a|b", ".*", "[0]", "$1", "(", "{room}", "ü\u2028", "%s", "\\",
    "line\nbreak", "tab\t", '"} or vector(1)', " ", "#",
]  # fmt: skip


async def test_values_are_only_text(take, ask, name):
    for index, value in enumerate(HOSTILE):
        take(number(10, 2**index, attributes={"room": value}))
    for index, value in enumerate(HOSTILE):
        assert await ask(Query(name, where={"room": (value,)}, by=("room",)), 20) == {(value,): 2**index}
        assert await ask(Query(name, where={"room": (value, "b")}), 20) == 2**index, "as one of several, too"


# ratios -------------------------------------------------------------------------------------------------------------


async def test_a_ratio_divides_equal_labels_each_with_its_own_offset(implementation, take, ask, name):
    for room, (errors, messages) in {"a": (1, 4), "b": (0, 10), "c": (0, 0), "d": (2, 0)}.items():
        attributes = {"room": room}
        take(number(10, messages, attributes=attributes))
        implementation.take(metrics_request(counter(f"{name}.errors", number(20, errors, attributes=attributes))))
    ratio = Ratio(
        Query(f"{name}.errors", "increase", 15, by=("room",)), Query(name, "increase", 15, by=("room",), offset=10)
    )
    assert await ask(ratio, 20) == {("a",): 0.25, ("b",): 0, ("d",): math.inf}


async def test_a_ratio_over_a_range_leaves_out_moments_where_either_side_has_no_data(
    implementation, take, ask_range, name
):
    take(number(10, 4), number(20, 8))
    implementation.take(metrics_request(counter(f"{name}.errors", number(20, 2))))
    ratio = Ratio(Query(f"{name}.errors", "increase", 10), Query(name, "increase", 10))
    assert await ask_range(ratio, 0, 40, 10) == [None, None, 0.5, None, None]


# histograms -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sizes(implementation):
    """A service with a histogram: buckets at 1, 2, 4, 8 bytes."""
    service = f"sizes-{next(_numbers)}"

    def sizes(*points, instance="one"):
        data = [buckets(at, [1.0, 2.0, 4.0, 8.0], counts, start=sum(start)) for at, counts, *start in points]
        metric = histogram(SIZE, *data)
        metric.unit = "By"
        implementation.take(metrics_request(metric, of=resource(instance, **{"service.name": service})))

    sizes.where = {"service.name": (service,)}
    return sizes


async def test_a_histogram_counts_as_the_series_of_its_count(sizes, ask):
    sizes((10, [1, 0, 2, 0, 0]), (20, [1, 1, 5, 0, 1]))
    sizes((15, [0, 0, 0, 4, 0]), instance="two")
    where = sizes.where
    assert await ask(Query(SIZE, "increase", 500, where=where), 30) == 12
    assert await ask(Query(SIZE, "increase", 10, where=where, by=("service.instance.id",)), 20) == {
        ("one",): 5,
        ("two",): 4,
    }
    assert await ask(Query(SIZE, window=10, where=where), 20) == 12


async def test_a_quantile_is_of_the_increase_of_all_series_together(sizes, ask):
    sizes((10, [100, 0, 0, 0, 0]), (20, [100, 0, 10, 0, 0]))
    sizes((15, [0, 0, 0, 10, 0]), instance="two")
    where = sizes.where
    assert await ask(Query(SIZE, "p50", 10, where=where), 20) == pytest.approx(4)
    assert await ask(Query(SIZE, "p90", 10, where=where), 20) == pytest.approx(7.2)
    assert await ask(Query(SIZE, "p50", 500, where=where), 20) == pytest.approx(0.6)
    by_instance = await ask(Query(SIZE, "p50", 10, where=where, by=("service.instance.id",)), 20)
    assert by_instance == {("one",): pytest.approx(3), ("two",): pytest.approx(6)}


async def test_a_quantile_beyond_the_greatest_bound_is_that_bound(sizes, ask):
    sizes((10, [1, 0, 0, 0, 9]))
    assert await ask(Query(SIZE, "p90", 500, where=sizes.where), 20) == 8


async def test_the_quantile_of_nothing_is_no_data(sizes, ask):
    sizes((10, [1, 0, 2, 0, 0]), (20, [1, 0, 2, 0, 0]))
    assert await ask(Query(SIZE, "p50", 10, where=sizes.where), 20) is None
    assert await ask(Query(SIZE, "p50", 10, where=sizes.where, absent=True), 20) == 1
    assert await ask(Query(SIZE, "p50", 15, where=sizes.where, absent=True), 20) is None


async def test_a_histogram_that_was_reset_is_counted_to_the_unit(sizes, ask):
    sizes((10, [1, 0, 2, 0, 0]), (20, [0, 1, 0, 0, 0], 15))
    assert await ask(Query(SIZE, "increase", 500, where=sizes.where), 30) == 4


# peak, instances ------------------------------------------------------------------------------------------------------


@pytest.fixture
def report(implementation, name):
    """An instance exports once a second how many connections it has: values by seconds."""

    def report(values, instance):
        points = (number(at, value) for at, value in values.items())
        implementation.take(metrics_request(counter(name, *points, monotonic=False), of=resource(instance)))

    return report


async def test_the_peak_is_the_greatest_sum_over_instances_at_one_time(report, backend, name, t0):
    report({10: 5, 11: 5, 12: 5, 13: 1, 14: 3, 15: 3}, "one")
    report({10: 1, 11: 1, 12: 1, 13: 6, 14: 6, 15: 6}, "two")
    assert await backend.peak(name, t0, t0 + 30) == 9, "each alone has 5 and 6, at different times"
    assert await backend.peak(name, t0, t0 + 13.5) == 7
    assert await backend.peak(name, t0 + 11.5, t0 + 12.5) == 6
    assert await backend.peak(name, t0 + 100, t0 + 110) is None
    assert await backend.peak(f"{name}.nothing", t0, t0 + 30) is None


async def test_what_a_dead_instance_had_does_not_count_for_long(report, backend, name, t0):
    report(dict.fromkeys(range(1, 11), 5), "dead")
    report(dict.fromkeys(range(40, 51), 4), "alive")
    assert await backend.peak(name, t0, t0 + 60) == 5


async def test_processes_tell_when_they_reported_last(implementation, backend, t0):
    overflow, unique = semconv.OVERFLOW.name, f"instance-{next(_numbers)}"
    for instance, times in {f"{unique}-a": (10, 20, 31.5), f"{unique}-b": (15,), f"{unique}-c": (1, 90)}.items():
        points = (number(at, 0) for at in times)
        implementation.take(metrics_request(counter(overflow, *points), of=resource(instance)))
    found = {
        instance.id: (instance.service, pytest.approx(instance.last_seen - t0, abs=0.001))
        for instance in await backend.instances(since=t0 + 12, until=t0 + 60)
        if instance.id.startswith(unique)
    }
    assert found == {f"{unique}-a": ("chat", 31.5), f"{unique}-b": ("chat", 15)}
    assert await backend.instances(since=t0 + 500, until=t0 + 550) == []


async def test_exports_that_came_and_those_that_did_not_are_told(implementation, backend, t0):
    unique = f"instance-{next(_numbers)}"
    times = {
        "steady": range(-60, 380, 10),
        "gap": [*range(-60, 101, 10), *range(150, 380, 10)],
        "stopped": range(-60, 101, 10),
        "killed": range(-60, 101, 10),
        "born": range(110, 380, 10),
        "before": range(-90, -9, 10),
    }
    for instance, of_instance in times.items():
        start = 100.0 if instance == "born" else -200.0
        exported = (number(at, 0, start=start) for at in of_instance)
        still_open = number(of_instance[-1], 3 if instance == "killed" else 0, start=start)
        implementation.take(
            metrics_request(
                counter(semconv.OVERFLOW.name, *exported),
                counter(semconv.ACTIVE_CONNECTIONS.name, still_open, monotonic=False),
                of=resource(f"{unique}-{instance}"),
            )
        )
    exports = await backend.exports(since=t0, until=t0 + 300)
    found = {
        one.id.removeprefix(f"{unique}-"): (one.seen, one.missing, one.goes_on, one.vanished, round(one.began - t0))
        for one in exports.instances
        if one.id.startswith(unique)
    }
    assert found == {
        "steady": (30, 0, True, False, 0),
        "gap": (26, 4, True, False, 0),
        "stopped": (10, 0, False, False, 0),
        "killed": (10, 1, False, True, 0),
        "born": (20, 0, True, False, 100),
    }
    [gap] = next(one.gaps for one in exports.instances if one.id == f"{unique}-gap")
    assert (round(gap.after - t0), round(gap.before - t0), gap.missing) == (100, 150, 4)
    assert (await backend.exports(since=t0 + 5000, until=t0 + 5010)).instances == []


# errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask_it", "names"),
    [
        (lambda backend: backend.range(Query("m"), start=0, end=10, step=0), "step=0"),
        (lambda backend: backend.range(Query("m"), start=10, end=0, step=1), "end=0"),
        (lambda backend: backend.range(Query("m"), start=0, end=1e6, step=1), "step=1"),
        (lambda backend: backend.instant(Ratio(Query("m", by=("a",)), Query("n")), at=1), "by="),
    ],
)
async def test_what_cannot_be_asked_is_named(backend, ask_it, names):
    with pytest.raises(QueryError, match=names):
        await ask_it(backend)
