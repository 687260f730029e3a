import pytest

from socketscope import semconv
from socketscope.errors import QueryError
from socketscope.query.datadog import compile_query, tag_value
from socketscope.query.model import Query, Ratio

MESSAGES, ACTIVE, SIZE = semconv.MESSAGES.name, semconv.ACTIVE_CONNECTIONS.name, semconv.MESSAGE_SIZE.name
ERRORS = semconv.ERRORS_TOTAL.name


@pytest.mark.parametrize(
    ("query", "text", "aggregator", "formula"),
    [
        (
            Query(MESSAGES, "increase", 300),
            "sum:websocket.server.messages{*}.as_count()",
            "sum",
            "a",
        ),
        (
            Query(MESSAGES, "rate", 60, by=("network.io.direction", "service.name")),
            "sum:websocket.server.messages{*} by {network.io.direction,service}.as_count()",
            "sum",
            "(a / 60)",
        ),
        (
            Query(SIZE, "increase", 60, where={"http.route": ("/ws/{room}",)}),
            "count:websocket.server.message.size{http.route:/ws/_room}.as_count()",
            "sum",
            "a",
        ),
        (
            Query(SIZE, "p95", 60, where={"service.instance.id": ("b", "A")}, by=("host.name",)),
            "p95:websocket.server.message.size{service.instance.id IN (a,b)} by {host}",
            "percentile",
            "a",
        ),
        (
            Query(ACTIVE, where={"http.route": ("/a",), "server.port": ("80", "81")}),
            "sum:websocket.server.active_connections{http.route:/a AND server.port IN (80,81)}.rollup(avg, 10)",
            "last",
            "a",
        ),
        (
            Query("system.cpu.utilization", "avg", across="avg", complement=True, where={"state": ("idle",)}),
            "avg:system.cpu.utilization{state:idle}.rollup(avg, 10)",
            "avg",
            "(1 - a)",
        ),
        (Query(ACTIVE, "max", across="max"), f"max:{ACTIVE}{{*}}.rollup(max, 10)", "max", "a"),
        (Query(ACTIVE, "min", across="min"), f"min:{ACTIVE}{{*}}.rollup(min, 10)", "min", "a"),
        (Query(ACTIVE, across="max"), f"max:{ACTIVE}{{*}}.rollup(avg, 10)", "last", "a"),
    ],
)
def test_a_query_becomes_datadogs(query, text, aggregator, formula):
    compiled = compile_query(query)
    [made] = compiled.queries
    assert (made.text, made.aggregator, compiled.formula) == (text, aggregator, formula)


def test_a_ratio_is_a_formula_of_two():
    window = {"over_time": "increase", "window": 300}
    compiled = compile_query(Ratio(Query(ERRORS, **window), Query(MESSAGES, **window)))
    assert compiled.formula == "a / b"
    assert [query.text for query in compiled.queries] == [
        "sum:websocket.server.errors{*}.as_count()",
        "sum:websocket.server.messages{*}.as_count()",
    ]


def test_a_side_that_is_longer_ago_is_shifted():
    now, before = (Query(MESSAGES, "rate", 60, offset=offset) for offset in (30, 630))
    compiled = compile_query(Ratio(now, before))
    assert (compiled.formula, compiled.offset) == ("(a / 60) / timeshift((b / 60), -600)", 30)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query(MESSAGES), "keeps its counts"),
        (Query(SIZE, "max"), "keeps its counts"),
        (Query(ACTIVE, "increase"), "keeps a gauge"),
        (Query(ACTIVE, "p95"), "quantiles are of histograms"),
        (Query(MESSAGES, "increase", across="max"), "only sum is right"),
        (Query(ACTIVE, across="count"), "can't count series"),
        (Query(ACTIVE, "max"), "combines series first"),
        (Query(ACTIVE, "avg", across="max"), "combines series first"),
        (Query(ACTIVE, absent=True), "no data"),
        (Query(ACTIVE, where={"http.route": ("",)}), "no empty values"),
        (Query(ACTIVE, where={"http.route": ("{}",)}), "nothing would be left"),
        (Query(ACTIVE, where={"http.route": ()}), "nothing would be left"),
        (Query("m{*} by {x}"), "name of a metric"),
        (Query(ACTIVE, by=("a b",)), "key of a tag"),
        (Query(ACTIVE, where={"a}": ("b",)}), "key of a tag"),
        (Ratio(Query(ERRORS, "increase", 60), Query(MESSAGES, "increase", 300)), "different windows"),
        (Ratio(Query(ERRORS, "increase"), Query(ACTIVE)), "a value by a count"),
        (Ratio(Query(ERRORS, "increase", by=("a",)), Query(MESSAGES, "increase")), "same attributes"),
        (Ratio(Query(ERRORS, "increase", offset=0.5), Query(MESSAGES, "increase")), "whole seconds"),
    ],
)
def test_what_datadog_cannot_express_is_refused_with_the_reason(query, said):
    with pytest.raises(QueryError, match=said):
        compile_query(query)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("/ws/{room}", "/ws/_room"),
        ("ZeroDivisionError", "zerodivisionerror"),
        ("a,b) OR (c", "a_b_or_c"),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("x" * 300, "x" * 200),
        ("10.0.0.0/24", "10.0.0.0/24"),
    ],
)
def test_a_value_is_written_as_datadog_keeps_it(value, kept):
    assert tag_value(value) == kept
