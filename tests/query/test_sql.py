import math
import subprocess
import sys

import pytest

from otlp_requests import (
    CUMULATIVE,
    DELTA,
    T0,
    counter,
    gauge,
    key_values,
    metrics_request,
    number,
    put,
    resource,
)
from socketscope.errors import QueryError
from socketscope.query.model import Query, Ratio
from socketscope.query.sql import compile_instant, compile_range

YEARS = 10 * 365 * 86_400.0


def put_counter(store, *points, instance="one", **options):
    put(store, metrics_request(counter("messages", *points, **options), of=resource(instance)))


def increase(window=YEARS, **more):
    return Query("messages", over_time="increase", window=window, **more)


# increase -----------------------------------------------------------------------------------------------------------


def test_a_series_born_in_the_window_counts_from_zero(store, ask):
    put_counter(store, number(10, 5), number(20, 9))
    assert ask(increase(), 30) == 9


def test_a_series_born_before_the_window_takes_the_last_point_before_it_as_its_base(store, ask):
    put_counter(store, number(10, 5), number(20, 9), number(30, 12))
    assert ask(increase(10), 30) == 3
    assert ask(increase(15), 30) == 7


def test_the_window_contains_its_end_and_not_its_begin(store, ask):
    put_counter(store, number(10, 5), number(20, 9))
    assert ask(increase(10), 20) == 4
    assert ask(increase(10), 19) == 5


def test_a_fall_is_a_reset_and_counts_from_zero(store, ask):
    put_counter(store, *(number(time, value, start=None) for time, value in ((10, 5), (20, 2), (30, 3))))
    assert ask(increase(), 30) == 5 + 2 + 1


def test_a_counter_that_tells_its_start_has_not_fallen_but_its_clock_was_put_back(store, ask):
    put_counter(store, number(60, 3), number(80, 4), number(100, 5))
    put_counter(store, number(75, 7), number(95, 9), number(115, 11))
    assert ask(increase(), 120) == 11
    assert ask(increase(10), 80) == 4 + 0, "what was counted by 75, by its clock, and nothing at 80"
    assert ask(increase(45), 120) == 11 - 7


def test_a_new_start_is_a_reset_even_where_the_value_does_not_fall(store, ask):
    put_counter(store, number(10, 5, start=0), number(20, 7, start=15), number(30, 8, start=15))
    assert ask(increase(), 30) == 5 + 7 + 1


def test_instances_are_counted_apart_and_one_that_is_born_later_counts_from_zero(store, ask):
    put_counter(store, number(10, 100), number(20, 110), instance="one")
    put_counter(store, number(18, 7, start=15), number(21, 8, start=15), instance="two")
    assert ask(increase(), 30) == 118
    assert ask(increase(15, by=("service.instance.id",)), 30) == {("one",): 10, ("two",): 8}


def test_adjoining_windows_add_up_to_the_total(store, ask, ask_range):
    values = [3, 3, 8, 2, 9, 30, 1, 4, 4, 20]
    put_counter(store, *(number(7 * index + 1, value, start=None) for index, value in enumerate(values)))
    put_counter(store, number(33, 5, start=32), number(47, 6, start=32), instance="two")
    total = (3 + 0 + 5) + (2 + 7 + 21) + (1 + 3 + 0 + 16) + 6
    assert ask(increase(), 100) == total
    for step in (1, 5, 10, 20):
        assert sum(value or 0 for value in ask_range(increase(step), 0, 100, step)) == total, step


def test_a_series_that_is_older_than_the_store_counts_from_its_first_known_point(store, ask):
    put_counter(store, number(10, 1000, start=-T0 + 1), number(20, 1007, start=-T0 + 1))
    assert ask(increase(15), 20) == 7
    assert ask(increase(100 * 365 * 86_400.0), 20) == 1007, "a window that contains its birth has it all"


def test_a_series_that_was_born_while_the_store_existed_counts_from_zero_however_late_its_first_point(store, ask):
    put_counter(store, number(60, 1000, start=0), number(120, 1007, start=0))
    assert ask(increase(15), 60) == 1000


def test_points_that_came_twice_count_once(store, ask):
    for _ in range(2):
        put_counter(store, number(10, 5), number(20, 9))
        put_counter(store, number(10, 5), number(20, 9), temporality=DELTA, instance="two")
    assert ask(increase(by=("service.instance.id",)), 30) == {("one",): 9, ("two",): 14}
    assert ask(Query("messages", over_time="avg", window=60, across="count"), 30) == 2
    assert ask(Query("messages", window=60), 30) == 18
    average = Query("messages", over_time="avg", window=60, where={"service.instance.id": ("one",)})
    put_counter(store, number(20, 9))
    assert ask(average, 30) == 7


def test_delta_points_are_summed(store, ask, ask_range):
    put_counter(store, number(10, 5), number(20, 2), number(30, 7), temporality=DELTA)
    assert ask(increase(), 30) == 14
    assert ask(increase(10), 30) == 7
    assert ask_range(increase(10), 0, 40, 10) == [None, 5, 2, 7, None]


def test_a_point_that_arrives_late_is_counted_where_it_belongs(store, ask):
    put_counter(store, number(10, 5), number(30, 12))
    put_counter(store, number(20, 9))
    assert ask(increase(), 30) == 12
    assert ask(increase(10), 30) == 3


def test_an_unknown_start_means_born_at_the_first_point(store, ask):
    put_counter(store, number(10, 5, start=None), number(20, 9, start=None))
    assert ask(increase(), 30) == 9


def test_a_series_without_a_point_in_the_window_is_no_data_and_not_zero(store, ask):
    put_counter(store, number(10, 5))
    assert ask(increase(10), 100) is None


def test_a_rate_is_the_increase_per_second(store, ask):
    put_counter(store, number(10, 5), number(20, 9))
    assert ask(Query("messages", over_time="rate", window=10), 20) == pytest.approx(0.4)


# last, avg, min, max, count -------------------------------------------------------------------------------------------


def test_last_is_the_newest_value_and_drops_out_when_it_is_older_than_the_window(store, ask, ask_range):
    put(store, metrics_request(gauge("open", number(10, 3), number(20, 4)), of=resource("one")))
    put(store, metrics_request(gauge("open", number(12, 10)), of=resource("two")))
    assert ask(Query("open", window=15), 20) == 14
    assert ask_range(Query("open", window=15), 0, 40, 5) == [None, None, 3, 13, 14, 14, 4, None, None]


def test_last_of_a_cumulative_sum_is_its_value(store, ask):
    put_counter(store, number(10, 5), number(20, 2), monotonic=False, temporality=CUMULATIVE)
    assert ask(Query("messages", window=15), 20) == 2


def test_values_over_the_window_are_reduced_per_series_before_the_series_are_combined(store, ask):
    for instance, values in {"one": (1, 3), "two": (10, 20)}.items():
        points = (number(10 * index + 10, value) for index, value in enumerate(values))
        put(store, metrics_request(gauge("load", *points), of=resource(instance)))
    cases = {
        ("avg", "sum"): 17, ("avg", "avg"): 8.5, ("max", "sum"): 23, ("min", "max"): 10, ("max", "min"): 3,
        ("last", "count"): 2,
    }  # fmt: skip
    for (over_time, across), expected in cases.items():
        assert ask(Query("load", over_time=over_time, window=60, across=across), 30) == expected, (over_time, across)


def test_a_range_equals_the_instants_that_it_is_made_of(store, ask, ask_range):
    for instance, shift in (("one", 0.0), ("two", 3.5)):
        points = [number(shift + 2.5 * index, (index * 7) % 11 + 1) for index in range(40)]
        put_counter(store, *points, instance=instance)
    for over_time in ("last", "avg", "min", "max", "rate", "increase"):
        for window, offset in ((5, 0), (31, 7.5)):
            query = Query("messages", over_time=over_time, window=window, offset=offset)
            instants = [ask(query, at) for at in range(0, 120, 12)]
            answered = ask_range(query, 0, 119, 12)
            assert answered == pytest.approx(instants), (over_time, window, offset)


def test_an_offset_moves_the_window_to_the_past(store, ask):
    put_counter(store, number(10, 5), number(20, 9), number(30, 20))
    assert ask(increase(10, offset=10), 30) == 4


def test_a_complement_is_taken_after_the_series_are_combined(store, ask):
    for state, value in (("idle", 0.7), ("user", 0.3)):
        for cpu in (0, 1):
            attributes = {"system.cpu.state": state, "system.cpu.logical_number": cpu}
            put(store, metrics_request(gauge("cpu", number(10, value, attributes=attributes))))
    usage = Query("cpu", across="avg", where={"system.cpu.state": ("idle",)}, complement=True)
    assert ask(usage, 10) == pytest.approx(0.3)


def test_absent_answers_one_where_nothing_matches_and_nothing_otherwise(store, ask, ask_range):
    put_counter(store, number(10, 5))
    absent = Query("messages", window=10, absent=True, by=("service.name",))
    assert ask_range(absent, 0, 30, 5) == [1, 1, None, None, 1, 1, 1]
    assert ask(Query("nothing", absent=True), 10) == 1


# where, by --------------------------------------------------------------------------------------------------------


def test_where_and_by_know_attributes_of_the_series_and_of_its_resource(store, ask):
    for instance, port in (("one", 1), ("two", 2)):
        points = [
            number(10, port * (1 if direction == "receive" else 10), attributes={"direction": direction, "port": port})
            for direction in ("receive", "transmit")
        ]
        put_counter(store, *points, instance=instance)
    assert ask(Query("messages", by=("direction",)), 20) == {("receive",): 3, ("transmit",): 30}
    assert ask(Query("messages", where={"service.instance.id": ("two",)}), 20) == 22
    assert ask(Query("messages", where={"direction": ("receive",), "port": ("1", "2")}), 20) == 3
    assert ask(Query("messages", where={"port": ("1",)}, by=("service.name", "port")), 20) == {("chat", "1"): 11}
    assert ask(Query("messages", where={"direction": ()}), 20) is None


def test_an_attribute_that_is_missing_is_the_empty_text(store, ask):
    put_counter(store, number(10, 1), number(10, 2, attributes={"route": "/ws"}))
    assert ask(Query("messages", by=("route",)), 20) == {("",): 1, ("/ws",): 2}
    assert ask(Query("messages", where={"route": ("",)}), 20) == 1


@pytest.mark.parametrize(
    "name",
    [
        "'; DROP TABLE series; --", '"quoted"', "a.b", "a/b", "a~b", "~1", "$p0", "$.a", "*", "", "[0]", "ü\u2028",
        "a\0b", "{}", "%s", "\\",
    ],
)  # fmt: skip
def test_hostile_names_and_values_are_only_text(store, ask, name):
    put(store, metrics_request(counter(name or "m", number(10, 1, attributes={name: name}))))
    put(store, metrics_request(counter(name or "m", number(10, 5, attributes={"other": "x"}))))
    assert ask(Query(name or "m", by=(name,), where={name: (name,), "other": ("",)}), 20) == {(name,): 1}
    assert store.select("SELECT count(*) FROM series") == [(2,)]


# ratios -------------------------------------------------------------------------------------------------------------


def test_a_ratio_divides_equal_labels_each_with_its_own_offset(store, ask):
    for room, (errors, messages) in {"a": (1, 4), "b": (0, 10), "c": (0, 0), "d": (2, 0)}.items():
        attributes = {"room": room}
        put_counter(store, number(10, messages, attributes=attributes))
        put(store, metrics_request(counter("errors", number(20, errors, attributes=attributes))))
    ratio = Ratio(
        Query("errors", over_time="increase", window=15, by=("room",)),
        Query("messages", over_time="increase", window=15, by=("room",), offset=10),
    )
    assert ask(ratio, 20) == {("a",): 0.25, ("b",): 0, ("d",): math.inf}


def test_a_ratio_over_a_range_leaves_out_moments_where_either_side_has_no_data(store, ask_range):
    put_counter(store, number(10, 4), number(20, 8))
    put(store, metrics_request(counter("errors", number(20, 2))))
    ratio = Ratio(Query("errors", over_time="increase", window=10), Query("messages", over_time="increase", window=10))
    assert ask_range(ratio, 0, 40, 10) == [None, None, 0.5, None, None]


# errors, purity -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("compile_it", "names"),
    [
        (lambda c: compile_range(Query("m"), c, start=0, end=10, step=0), "step=0"),
        (lambda c: compile_range(Query("m"), c, start=10, end=0, step=1), "end=0"),
        (lambda c: compile_range(Query("m"), c, start=0, end=1e6, step=1), "step=1"),
        (lambda c: compile_instant(Query("m"), c, at=math.nan), "at=nan"),
        (lambda c: compile_instant(Query("m", over_time="median"), c, at=1), "over_time='median'"),
        (lambda c: compile_instant(Query("m", across="1); DROP TABLE x"), c, at=1), "across="),
        (lambda c: compile_instant(Ratio(Query("m", by=("a",)), Query("n")), c, at=1), "by="),
    ],
)
def test_what_cannot_be_asked_is_named(store, compile_it, names):
    put(store, metrics_request(*(gauge(name, number(1, 1)) for name in "mn")))
    with pytest.raises(QueryError, match=names):
        store.ask(lambda catalog: [compile_it(catalog)])


def test_the_query_package_imports_neither_duckdb_nor_the_sdk():
    program = (
        "import sys, socketscope.query.sql;"
        "print([name for name in sys.modules if name.startswith(('duckdb', '_duckdb', 'opentelemetry.sdk'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_and_by_know_attributes_of_the_scope_and_its_name(store, ask):
    for name, mode, value in (("one", "fast", 1), ("two", "slow", 10)):
        request = metrics_request(counter("messages", number(10, value)))
        scope = request.resource_metrics[0].scope_metrics[0].scope
        scope.name = name
        scope.attributes.extend(key_values({"mode": mode, "service.name": "hidden by the resource's"}))
        put(store, request)
    assert ask(Query("messages", by=("mode", "service.name")), 20) == {("fast", "chat"): 1, ("slow", "chat"): 10}
    assert ask(Query("messages", where={"otel.scope.name": ("two",)}, by=("otel.scope.version",)), 20) == {("1",): 10}


def test_values_of_attributes_that_are_no_text_are_compared_as_json_writes_them(store, ask):
    for value in (True, 5, 0.5, [1, "two"]):
        put_counter(store, number(10, 1, attributes={"a": value}))
    assert ask(Query("messages", by=("a",)), 20) == {("true",): 1, ("5",): 1, ("0.5",): 1, ('[1,"two"]',): 1}
