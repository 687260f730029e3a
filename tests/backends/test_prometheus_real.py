"""What only Prometheus has to answer for, asked of the real one."""

import time

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogram, ExponentialHistogramDataPoint, Metric

import otlp_requests
from otlp_requests import CUMULATIVE, buckets, counter, histogram, metrics_request, ns, number, resource
from prometheus_process import PrometheusProcess, required_prometheus
from socketscope import semconv
from socketscope.backends.prometheus import PrometheusMetrics
from socketscope.query.model import Query

pytestmark = pytest.mark.anyio

SIZE, MESSAGES = semconv.MESSAGE_SIZE.name, semconv.MESSAGES.name


@pytest.fixture(autouse=True)
def t0(monkeypatch):
    monkeypatch.setattr(otlp_requests, "T0", int(time.time()) - 300)
    return otlp_requests.T0


@pytest.fixture
def prometheus(tmp_path):
    with PrometheusProcess(required_prometheus(), tmp_path) as running:
        yield running


@pytest.fixture
async def backend(prometheus):
    backend = PrometheusMetrics(prometheus.url)
    yield backend
    await backend.aclose()


async def value(backend, query, at):
    found = await backend.instant(query, at=at)
    return found[0].value if found else None


def exponential(at, counts, *, offset=0, zeros=0):
    """Buckets of scale 0: (1, 2], (2, 4], ... from `offset` on."""
    point = ExponentialHistogramDataPoint(
        time_unix_nano=ns(at), start_time_unix_nano=ns(0), count=sum(counts) + zeros, sum=1.0, scale=0, zero_count=zeros
    )
    point.positive.offset = offset
    point.positive.bucket_counts.extend(counts)
    data = ExponentialHistogram(data_points=[point], aggregation_temporality=CUMULATIVE)
    return metrics_request(Metric(name=SIZE, unit="By", exponential_histogram=data))


async def test_exponential_histograms_are_native_ones(prometheus, backend, t0):
    prometheus.take(exponential(10, [4, 0, 6]), exponential(20, [4, 0, 6, 30], zeros=1))
    assert "websocket.server.message.size: websocket_server_message_size_bytes (native histogram)" in (
        (await backend.probe()).report()
    )
    assert await value(backend, Query(SIZE, "increase", 100), t0 + 30) == 41
    assert await value(backend, Query(SIZE, "increase", 10), t0 + 20) == 31
    assert await value(backend, Query(SIZE, window=10), t0 + 20) == 41
    assert 8 < await value(backend, Query(SIZE, "p50", 10), t0 + 20) <= 16
    assert 4 < await value(backend, Query(SIZE, "p50", 15), t0 + 10) <= 8


async def test_quantiles_over_a_reset_are_prometheus_own(prometheus, backend, t0):
    size = [buckets(at, [1.0, 2.0, 4.0], counts) for at, counts in ((5, [0, 0, 9, 0]), (10, [0, 0, 90, 0]))]
    fallen = [buckets(at, [1.0, 2.0, 4.0], counts) for at, counts in ((15, [0, 1, 0, 0]), (20, [0, 2, 0, 0]))]
    metric = histogram(SIZE, *size, *fallen)
    metric.unit = "By"
    prometheus.take(metrics_request(metric))
    assert 2 < await value(backend, Query(SIZE, "p50", 60), t0 + 30) <= 4, "the plain difference would be negative"


async def test_points_that_the_queue_delivers_late_are_taken(prometheus, backend, t0):
    for at, count in ((10, 1), (250, 9), (100, 4), (50, 2)):
        prometheus.take(metrics_request(counter(MESSAGES, number(at, count))))
    assert await value(backend, Query(MESSAGES, "increase", 300), t0 + 260) == 9
    assert await value(backend, Query(MESSAGES, "increase", 60), t0 + 110) == 2


async def test_names_that_come_later_are_found(prometheus, backend, t0):
    assert await value(backend, Query(MESSAGES, "increase", 300), t0 + 30) is None
    prometheus.take(metrics_request(counter(MESSAGES, number(10, 3))))
    assert "websocket.server.messages: websocket_server_messages_total" in (await backend.probe()).report()
    assert await value(backend, Query(MESSAGES, "increase", 300), t0 + 30) == 3


async def test_without_promoted_attributes_instances_are_still_told_apart(tmp_path, t0):
    server = PrometheusProcess(required_prometheus(), tmp_path)
    configuration = tmp_path / "prometheus.yaml"
    text = configuration.read_text("utf-8")
    configuration.write_text(text.replace("service.instance.id", "something.else"), encoding="utf-8")
    with server:
        for instance, count in (("one", 3), ("two", 4)):
            server.take(metrics_request(counter(MESSAGES, number(10, count)), of=resource(instance)))
        backend = PrometheusMetrics(server.url)
        query = Query(MESSAGES, "increase", 300, by=("service.instance.id",))
        found = await backend.instant(query, at=t0 + 30)
        await backend.aclose()
    assert [(sample.labels, sample.value) for sample in found] == [
        ({"service.instance.id": "one"}, 3),
        ({"service.instance.id": "two"}, 4),
    ]
