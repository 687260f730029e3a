"""What OpenTelemetry's SDKs of other languages send is in the embedded backend as it was measured."""

import asyncio
import json
import math
import os
import threading
import time
from collections import Counter

import pytest
from peer_programs import go_peer, node_peer, run

from socketscope import semconv
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.embedded_traces import EmbeddedTraces
from socketscope.query.model import Query
from socketscope.store.receiver import Receiver
from socketscope.store.store import Store

CONNECTION = "00112233445566ff"
DURATIONS = (0.05, 0.5, 0.5, 5, 50)
SIZES = (0, 1, 2, 4, 8, 1000)
PEERS = {
    "node grpc": (node_peer, "grpc", "http://127.0.0.1:{grpc}"),
    "node http/protobuf": (node_peer, "http/protobuf", "http://127.0.0.1:{http}"),
    "node http/json": (node_peer, "http/json", "http://127.0.0.1:{http}"),
    "go grpc": (go_peer, "grpc", "127.0.0.1:{grpc}"),
    "go http/protobuf": (go_peer, "http/protobuf", "127.0.0.1:{http}"),
}
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}


class Filled:
    """A store with what one peer sent."""

    def __init__(self, store):
        self.store = store
        self.backend = EmbeddedBackend(store)
        self.traces = EmbeddedTraces(store)
        self.at = time.time() + 1

    def ask(self, metric, over_time, **parameters):
        """Ask for one metric; the values by the value of `by`."""
        query = Query(metric.name, over_time, window=3600, where={"service.name": ("peer",)}, **parameters)
        samples = asyncio.run(self.backend.instant(query, at=self.at))
        return {next(iter(sample.labels.values()), ""): sample.value for sample in samples}

    def newest_histogram(self, metric, columns):
        [row] = self.store.select(
            f"SELECT {columns} FROM histogram_points JOIN series ON series.id = series_id"
            " WHERE metric = $metric ORDER BY time_ns DESC LIMIT 1",
            {"metric": metric.name},
        )
        return row


@pytest.fixture(scope="module", params=PEERS)
def filled(request):
    """Run a peer against receivers on free ports of a loop in a thread of its own."""
    make, protocol, endpoint = PEERS[request.param]
    command = make()
    store = Store.open(None)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    receiver = Receiver(store, grpc_port=0, http_port=0)
    asyncio.run_coroutine_threadsafe(receiver.start(), loop).result()
    try:
        where = endpoint.format(grpc=receiver.grpc_port, http=receiver.http_port)
        said = run([*command, protocol, where], env=CLEAN)
        assert said.stdout + said.stderr == ""
        yield Filled(store)
    finally:
        asyncio.run_coroutine_threadsafe(receiver.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        store.close()


def test_counters_are_equal(filled):
    counts = filled.ask(semconv.MESSAGES, "increase", by=(semconv.DIRECTION.name,))
    assert counts == {"receive": 7, "transmit": 9}
    assert filled.ask(semconv.ACTIVE_CONNECTIONS, "last") == {"": 3}


def test_explicit_buckets_are_equal(filled):
    columns = "kind, temporality, unit, count, sum, bounds, counts"
    kind, temporality, unit, count, total, bounds, counts = filled.newest_histogram(semconv.HANDLING_DURATION, columns)
    assert (kind, temporality, unit) == ("histogram", "cumulative", "s")
    assert (count, total) == (len(DURATIONS), pytest.approx(sum(DURATIONS)))
    assert (list(bounds), list(counts)) == ([0.1, 1, 10], [1, 2, 1, 1])


def test_exponential_buckets_are_equal(filled):
    columns = "kind, count, sum, scale, zero_count, positive_offset, positive_counts"
    kind, count, total, scale, zeros, offset, counts = filled.newest_histogram(semconv.MESSAGE_SIZE, columns)
    assert (kind, count, total, zeros) == ("exponential_histogram", len(SIZES), sum(SIZES), 1)
    # A bucket is open below and closed above: (base^i, base^(i+1)], where base is 2^(2^-scale).
    expected = Counter(math.ceil(math.log2(size) * 2**scale) - 1 for size in SIZES if size)
    assert {index: counted for index, counted in enumerate(counts, offset) if counted} == expected


def test_explicit_buckets_can_be_asked_for_counts_and_quantiles(filled):
    assert filled.ask(semconv.HANDLING_DURATION, "increase") == {"": len(DURATIONS)}
    assert 0.1 < filled.ask(semconv.HANDLING_DURATION, "p50")[""] <= 1  # the bucket of the true value
    assert filled.ask(semconv.HANDLING_DURATION, "p99")[""] >= 10


def test_exponential_buckets_can_be_asked_for_counts_and_quantiles(filled):
    assert filled.ask(semconv.MESSAGE_SIZE, "increase") == {"": len(SIZES)}
    # Within the bucket of the true value: none is wider than 4.5 % at the scales that the SDKs choose for these.
    assert filled.ask(semconv.MESSAGE_SIZE, "p50") == {"": pytest.approx(2, rel=0.05)}
    assert filled.ask(semconv.MESSAGE_SIZE, "p99") == {"": pytest.approx(1000, rel=0.05)}


def test_the_connection_is_one_timeline_with_everything_in_it(filled):
    timeline = asyncio.run(filled.traces.timeline(CONNECTION, since=filled.at - 3600, until=filled.at))
    handshake, segment = timeline.spans
    assert (handshake.name, handshake.kind, handshake.parent_id) == ("WS /ws/{room}", "server", None)
    assert (segment.name, segment.kind, segment.parent_id) == ("WS /ws/{room} segment", "internal", handshake.span_id)
    assert segment.trace_id == handshake.trace_id
    assert (handshake.status, segment.status, segment.status_message) == ("unset", "error", "boom")
    assert handshake.start <= segment.start <= segment.end <= handshake.end <= filled.at
    assert handshake.attributes == {
        "websocket.connection.id": CONNECTION,
        "text": "ünï ✓",
        "whole": 42,
        "real": 1.5,
        "truth": True,
        "list": ["a", "b"],
    }
    assert all(span.service == "peer" for span in timeline.spans)


def test_the_connections_events_are_its_account(filled):
    summary = asyncio.run(filled.backend.summary(since=filled.at - 3600, until=filled.at))
    assert (summary.opened, summary.closed, summary.lost, summary.failed) == (1, 1, 0, 0)
    assert (summary.messages_received, summary.messages_sent) == (7, 9)
    assert (summary.bytes_received, summary.bytes_sent) == (70, 90)
    assert (summary.unique_users, summary.unique_channels, summary.avg_duration) == (1, 1, 2.5)


def test_a_log_record_is_whole(filled):
    rows = filled.store.select("SELECT severity, severity_text, body FROM events WHERE severity >= 17")
    assert [(severity, text, readable(body)) for severity, text, body in rows] == [(17, "ERROR", "it broke ✓")]


def readable(body):
    try:
        return json.loads(body)
    except json.JSONDecodeError:
        return body
