import re

import pytest

from socketscope import semconv
from socketscope.errors import QueryError
from socketscope.query.naming import (
    STRATEGIES,
    Found,
    Naming,
    escaped_label,
    find,
    listing_pattern,
    metric_name,
    quoted,
    quoted_label,
)

# What otlptranslator 1.0.0 makes of a name, in the order of STRATEGIES.
TRANSLATED = {
    ("websocket.server.messages", "{message}", "counter"): (
        "websocket_server_messages_total", "websocket_server_messages",
        "websocket.server.messages_total", "websocket.server.messages",
    ),
    ("websocket.server.io", "By", "counter"): (
        "websocket_server_io_bytes_total", "websocket_server_io",
        "websocket.server.io_bytes_total", "websocket.server.io",
    ),
    ("websocket.server.active_connections", "{connection}", "up-down counter"): (
        "websocket_server_active_connections", "websocket_server_active_connections",
        "websocket.server.active_connections", "websocket.server.active_connections",
    ),
    ("websocket.server.handshake.duration", "s", "histogram"): (
        "websocket_server_handshake_duration_seconds", "websocket_server_handshake_duration",
        "websocket.server.handshake.duration_seconds", "websocket.server.handshake.duration",
    ),
    ("system.cpu.utilization", "1", "gauge"): (
        "system_cpu_utilization_ratio", "system_cpu_utilization",
        "system.cpu.utilization_ratio", "system.cpu.utilization",
    ),
    ("ws.bytes.sent", "By", "counter"): (
        "ws_bytes_sent_total", "ws_bytes_sent", "ws.bytes.sent_bytes_total", "ws.bytes.sent",
    ),
    ("x.total", "By/s", "counter"): ("x_bytes_per_second_total", "x_total", "x_bytes_per_second_total", "x.total"),
    ("car.speed", "m/s", "gauge"): (
        "car_speed_meters_per_second", "car_speed", "car.speed_meters_per_second", "car.speed",
    ),
    ("2.fast", "", "gauge"): ("_2_fast", "_2_fast", "2.fast", "2.fast"),
    ("a..b", "kg.m", "gauge"): ("a_b_kg_m", "a_b", "a..b_kg.m", "a..b"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "unit", "kind"), TRANSLATED)
def test_a_name_is_translated_as_otlptranslator_does(name, unit, kind):
    metric = semconv.Metric(name, kind, unit, "")
    assert tuple(metric_name(metric, strategy) for strategy in STRATEGIES) == TRANSLATED[name, unit, kind]


@pytest.mark.parametrize(
    ("attribute", "label"),
    {"http.route": "http_route", "a..b": "a_b", "1x": "key_1x", "state": "state", "_x": "_x"}.items(),
)
def test_an_attribute_becomes_a_label(attribute, label):
    assert escaped_label(attribute) == label


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_a_server_lists_is_recognized_whatever_its_strategy(strategy):
    counter, histogram, gauge = semconv.IO, semconv.MESSAGE_SIZE, semconv.SYSTEM_CPU
    listed = [metric_name(metric, strategy) for metric in (counter, gauge)]
    listed += [metric_name(histogram, strategy) + part for part in ("_bucket", "_count", "_sum")]
    naming = find([*listed, "up", "websocket_other_total"], [])
    assert naming.metric(counter.name) == Found(metric_name(counter, strategy))
    assert naming.metric(gauge.name) == Found(metric_name(gauge, strategy))
    assert naming.metric(histogram.name) == Found(metric_name(histogram, strategy), "classic")
    assert naming.metric(semconv.ERRORS_TOTAL.name) is None
    assert naming.label("http.route") == ("http_route" if strategy.startswith("Underscore") else "http.route")


def test_a_native_histogram_is_one_without_parts_and_preferred():
    name = "websocket_server_message_size_bytes"
    assert find([name], []).metric(semconv.MESSAGE_SIZE.name) == Found(name, "native")
    both = find([name, f"{name}_bucket", f"{name}_count"], [])
    assert both.metric(semconv.MESSAGE_SIZE.name) == Found(name, "native")


def test_the_report_says_what_each_metric_is_called_and_what_was_not_found():
    report = find(["websocket_server_messages_total", "websocket_server_message_size_bytes_bucket"], []).report()
    assert "websocket.server.messages: websocket_server_messages_total" in report
    assert "websocket.server.message.size: websocket_server_message_size_bytes (classic histogram)" in report
    assert "websocket.server.errors: not found" in report


def test_a_metric_that_is_not_ours_is_found_by_any_unit_and_kind():
    naming = find(["jobs_done_seconds_total", "my.size_bytes_bucket"], [], wanted=["jobs.done", "my.size", "no.such"])
    assert naming.metric("jobs.done") == Found("jobs_done_seconds_total")
    assert naming.metric("my.size") == Found("my.size_bytes", "classic")
    assert naming.metric("no.such") is None


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_pattern_to_list_by_matches_every_name_that_may_be_found(strategy):
    names = {name for name, _, _ in TRANSLATED}
    pattern = re.compile(listing_pattern(names))
    for name, unit, kind in TRANSLATED:
        assert pattern.fullmatch(metric_name(semconv.Metric(name, kind, unit, ""), strategy)), name
    assert not pattern.fullmatch("websocket_server_messagesome")
    assert not pattern.fullmatch("go_goroutines")


def test_instances_are_told_apart_by_prometheus_own_labels_where_none_are_promoted():
    without = find(["websocket_server_messages_total"], ["job", "instance", "http_route"])
    assert (without.label("service.instance.id"), without.label("service.name")) == ("instance", "job")
    promoted = find(["websocket_server_messages_total"], ["job", "instance", "service_instance_id", "service_name"])
    assert promoted.label("service.instance.id") == "service_instance_id"
    dotted = find(["websocket.server.messages"], ["job", "instance", "service.instance.id"])
    assert (dotted.label("service.instance.id"), dotted.label("service.name")) == ("service.instance.id", "job")


def test_what_is_pinned_stays_and_what_was_found_since_is_added():
    first = find(["websocket_server_messages_total"], ["http_route"])
    later = find(["websocket.server.messages", "websocket.server.errors_total"], ["http.route"])
    both = first.with_what(later)
    assert both.metric(semconv.MESSAGES.name) == Found("websocket_server_messages_total")
    assert both.metric(semconv.ERRORS_TOTAL.name) == Found("websocket.server.errors_total")
    assert Naming({}, {}, escaped=True).with_what(later) == later


def test_names_by_the_rules_alone_are_there_for_every_metric_of_ours():
    naming = Naming.of("NoUTF8EscapingWithSuffixes", histograms="native")
    assert naming.metric(semconv.MESSAGE_SIZE.name) == Found("websocket.server.message.size_bytes", "native")
    assert all(naming.metric(metric.name) for metric in semconv.METRICS)


def test_labels_and_texts_are_quoted_where_promql_needs_it():
    assert [quoted_label(name) for name in ("http_route", "le", "http.route", "1x")] == [
        "http_route", "le", '"http.route"', '"1x"',
    ]  # fmt: skip
    assert quoted('a"b\\c\nd') == r'"a\"b\\c\nd"'


def test_an_attribute_without_a_name_is_an_error():
    with pytest.raises(QueryError, match="needs a name"):
        Naming({}, {}, escaped=True).label("")
