"""The text that comes out; that it means what a query means is shown on the real Prometheus, in tests/contract."""

import math
import re
import subprocess
import sys

import pytest

from socketscope import semconv
from socketscope.errors import QueryError
from socketscope.query.model import Query, Ratio
from socketscope.query.naming import STRATEGIES, Naming
from socketscope.query.promql import compile_query, duration, newest, resets, samples

PLAIN = Naming.of("UnderscoreEscapingWithSuffixes")
DOTTED = Naming.of("NoUTF8EscapingWithSuffixes", histograms="native")
MESSAGES, SIZE, ACTIVE = semconv.MESSAGES.name, semconv.MESSAGE_SIZE.name, semconv.ACTIVE_CONNECTIONS.name
ROUTE, DIRECTION = semconv.HTTP_ROUTE.name, semconv.DIRECTION.name

CASES = {
    "the newest value of each series, that is not older than the window": (
        Query(ACTIVE, window=15),
        'sum(last_over_time({__name__="websocket_server_active_connections"}[15s]))',
    ),
    "values over the window, before the series are combined": (
        Query(ACTIVE, "max", 60, "avg", by=(ROUTE,)),
        'avg by (http_route) (max_over_time({__name__="websocket_server_active_connections"}[60s]))',
    ),
    "a count: the newest value minus the one before the window, or minus nothing": (
        Query(MESSAGES, "increase", 300, offset=60),
        (
            'sum(last_over_time({__name__="websocket_server_messages_total"}[300s] offset 60s)'
            ' - last_over_time({__name__="websocket_server_messages_total"}[3600s] offset 360s)'
            ' or last_over_time({__name__="websocket_server_messages_total"}[300s] offset 60s))'
        ),
    ),
    "a rate: that per second": (
        Query(MESSAGES, "rate", 10),
        (
            'sum((last_over_time({__name__="websocket_server_messages_total"}[10s])'
            ' - last_over_time({__name__="websocket_server_messages_total"}[3600s] offset 10s)'
            ' or last_over_time({__name__="websocket_server_messages_total"}[10s])) / 10)'
        ),
    ),
    "a histogram counts as the series of its count": (
        Query(SIZE, window=5),
        'sum(last_over_time({__name__="websocket_server_message_size_bytes_count"}[5s]))',
    ),
    "a quantile of the buckets' increase": (
        Query(SIZE, "p95", 60, by=(DIRECTION,)),
        (
            "histogram_quantile(0.95, sum by (le, network_io_direction) ("
            'last_over_time({__name__="websocket_server_message_size_bytes_bucket"}[60s])'
            ' - last_over_time({__name__="websocket_server_message_size_bytes_bucket"}[3600s] offset 60s)'
            ' or last_over_time({__name__="websocket_server_message_size_bytes_bucket"}[60s])))'
        ),
    ),
    "one value, several, the empty one, none": (
        Query(ACTIVE, window=5, where={"a": ("x",), "b": ("x.y", "", 'q"'), "c": ("",), "d": ()}),
        (
            'sum(last_over_time({__name__="websocket_server_active_connections",a="x",b=~"x\\\\.y||q\\"",c="",'
            'd="",d!=""}[5s]))'
        ),
    ),
    "a complement": (
        Query(ACTIVE, window=5, complement=True),
        '1 - (sum(last_over_time({__name__="websocket_server_active_connections"}[5s])))',
    ),
    "absence has no attributes": (
        Query(ACTIVE, window=5, by=(ROUTE,), absent=True),
        'absent(sum(last_over_time({__name__="websocket_server_active_connections"}[5s])))',
    ),
    "a ratio": (
        Ratio(Query(ACTIVE, window=5), Query(ACTIVE, window=9)),
        (
            '(sum(last_over_time({__name__="websocket_server_active_connections"}[5s])))'
            ' / (sum(last_over_time({__name__="websocket_server_active_connections"}[9s])))'
        ),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_compiles(case):
    query, expected = CASES[case]
    assert compile_query(query, PLAIN).promql == expected


def test_dotted_names_are_quoted_and_native_histograms_need_no_parts():
    size = '{__name__="websocket.server.message.size_bytes","http.route"="/ws"}'
    asked = Query(SIZE, "p50", 60, by=(DIRECTION,), where={ROUTE: ("/ws",)})
    compiled = compile_query(asked, DOTTED)
    grown = f"last_over_time({size}[60s]) - last_over_time({size}[3600s] offset 60s) or last_over_time({size}[60s])"
    assert compiled.promql == f'histogram_quantile(0.5, sum by ("network.io.direction") ({grown}))'
    assert compiled.labels == {"network.io.direction": DIRECTION}
    count = compile_query(Query(SIZE, "increase", 60, where={ROUTE: ("/ws",)}), DOTTED)
    assert count.promql == f"sum(histogram_count({grown}))"


def test_the_labels_of_the_answer_tell_the_attributes():
    assert compile_query(Query(MESSAGES, by=(ROUTE, DIRECTION)), PLAIN).labels == {
        "http_route": ROUTE,
        "network_io_direction": DIRECTION,
    }


def test_rules_and_boards_may_have_prometheus_own_increase():
    compiled = compile_query(Query(MESSAGES, "increase", 300, offset=5), PLAIN, exact=False)
    assert compiled.promql == 'sum(increase({__name__="websocket_server_messages_total"}[300s] offset 5s))'
    quantile = compile_query(Query(SIZE, "p99", 300), PLAIN, exact=False)
    bucket = '{__name__="websocket_server_message_size_bytes_bucket"}'
    assert quantile.promql == f"histogram_quantile(0.99, sum by (le) (increase({bucket}[300s])))"


def test_resets_are_looked_for_from_the_base_on():
    query = Query(MESSAGES, "increase", 300, offset=60)
    assert resets(query, PLAIN).promql == ('resets({__name__="websocket_server_messages_total"}[3900s] offset 60s) > 0')
    assert samples(query, PLAIN, back=100).promql == ('{__name__="websocket_server_messages_total"}[4000s] offset 60s')


def test_the_time_of_the_newest_value_is_asked_for_with_the_same_labels():
    query = Query(MESSAGES, "increase", 7200, by=(ROUTE,), offset=60)
    series = '{__name__="websocket_server_messages_total"}'
    assert newest(query, PLAIN).promql == f"max by (http_route) (timestamp({series} offset 60s))"
    assert newest(query, PLAIN, deep=True).promql == (
        f"max by (http_route) (max_over_time(timestamp({series})[7200s:4m] offset 60s))"
    )


def test_a_metric_that_was_not_found_has_no_expression_and_is_absent():
    unknown = Naming({MESSAGES: None}, {}, escaped=True)
    for query in (Query(MESSAGES), Query(MESSAGES, "p95"), Ratio(Query(MESSAGES), Query(ACTIVE))):
        assert compile_query(query, unknown) is None
    assert (newest(Query(MESSAGES), unknown), resets(Query(MESSAGES, "increase"), unknown)) == (None, None)
    assert compile_query(Query(MESSAGES, absent=True), unknown).promql == "vector(1)"


@pytest.mark.parametrize("over_time", ["last", "avg", "min", "max", "rate", "increase", "p50"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nothing_of_a_value_is_read_as_promql(strategy, over_time):
    hostile = '"} or vector(1) # \\ \n'
    metric = SIZE if over_time == "p50" else MESSAGES
    promql = compile_query(Query(metric, over_time, where={hostile: (hostile, "b")}), Naming.of(strategy)).promql
    outside = re.sub(r'"(?:[^"\\\n]|\\.)*"', "", promql)
    assert '"' not in outside
    assert "vector(" not in outside
    assert "#" not in outside


def test_durations_are_whole_milliseconds():
    assert [duration(seconds) for seconds in (15, 0.25, 1.5, 1e-9, 3600.0, 1e300)] == [
        "15s", "250ms", "1500ms", "1ms", "3600s", "3153600000s",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "naming", "names"),
    [
        (Query(MESSAGES, "median"), PLAIN, "over_time='median'"),
        (Query(MESSAGES, across="1) or vector(1"), PLAIN, "across="),
        (Query(MESSAGES, "p95"), PLAIN, "websocket.server.messages is no histogram"),
        (Query(SIZE, "min"), DOTTED, "over_time='min' of the native histogram"),
        (Query(MESSAGES, offset=math.inf), PLAIN, "offset=inf"),
        (Ratio(Query(MESSAGES, by=("a",)), Query(ACTIVE)), PLAIN, "by="),
        (Query(MESSAGES, by=("",)), PLAIN, "needs a name"),
    ],
)
def test_what_cannot_be_asked_is_named(query, naming, names):
    with pytest.raises(QueryError, match=names.replace("(", r"\(").replace(")", r"\)")):
        compile_query(query, naming)


def test_the_compiler_asks_nobody():
    program = (
        "import sys, socketscope.query.promql, socketscope.query.counters;"
        "print([name for name in sys.modules if name.startswith(('httpx', 'opentelemetry.sdk', 'duckdb'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
