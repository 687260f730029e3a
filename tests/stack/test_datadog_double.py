"""The shipped configuration for Datadog in the real Collector, sending to a double of Datadog."""

import os
import time

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub

import otlp_requests
from collector_process import collector_with, listens
from doubles.datadog_double import API_KEY, DatadogDouble
from otlp_requests import buckets, counter, gauge, histogram, metrics_request, number
from socketscope.demo.stack import programs
from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Process


def wait(condition, process):
    end = time.monotonic() + 60
    while not condition():
        assert process.code is None, process.failure("ended")
        assert time.monotonic() < end, process.failure("was waited for in vain")
        time.sleep(0.05)


@pytest.fixture
def now(monkeypatch):
    """Times of requests count from the present: the processor has no use for what began before it."""
    monkeypatch.setattr(otlp_requests, "T0", int(time.time()) + 1)


@pytest.fixture
def double():
    with DatadogDouble() as double:
        yield double


@pytest.fixture
def collector(otelcol, double, tmp_path):
    options = Options(otlp_grpc_port=free_port(), otlp_http_port=free_port(), collector=otelcol)
    program = collector_with("datadog", options, tmp_path, SOCKETSCOPE_DATADOG_ENDPOINT=double.url, DD_API_KEY=API_KEY)
    process = Process(program, directory=tmp_path, environment=programs.surroundings(os.environ))
    wait(lambda: listens(options.otlp_grpc_port), process)
    with grpc.insecure_channel(f"{HOST}:{options.otlp_grpc_port}") as channel:
        yield MetricsServiceStub(channel), process
    process.stop(grace=15)


def total(double, metric):
    held = double.intake.metrics.get(metric)
    if held is None:
        return 0
    points = [point for series in held.series.values() for point in series.values()]
    return sum(sum(point.values()) if held.kind == "distribution" else point for point in points)


def test_totals_become_counts_in_its_pipeline_and_are_taken(collector, double, now):
    stub, process = collector
    for time_, count in ((1, 5), (2, 9), (3, 2)):  # the last one was begun anew
        start = 0 if time_ < 3 else 2.5
        stub.Export(
            metrics_request(
                counter("messages", number(time_, count, start=start)),
                counter("active", number(time_, count, start=start), monotonic=False),
                histogram("size", buckets(time_, [1.0, 2.0], [count, 0, count], start=start)),
                gauge("idle", number(time_, 0.5)),
            ),
            timeout=10,
        )
    wait(lambda: total(double, "messages") == 9 + 2 and total(double, "size") == 2 * (9 + 2), process)
    kinds = {name: held.kind for name, held in double.intake.metrics.items()}
    assert kinds == {"messages": "count", "active": "gauge", "size": "distribution", "idle": "gauge"}
    [tags] = double.intake.metrics["messages"].series
    assert dict(tags) == {"service": "chat", "service.instance.id": "one"}
    assert double.asked[0].headers["dd-otel-metric-config"].startswith('{"resource_attributes_as_tags": true')
