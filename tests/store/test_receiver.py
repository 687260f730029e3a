import asyncio
import gzip
import socket
import threading

import grpc
import httpx
import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from starlette.testclient import TestClient

from otlp_requests import gauge, metrics_request, number
from socketscope.errors import ConfigurationError, PortInUseError, StoreError, StoreFullError
from socketscope.store import ingest, receive_http
from socketscope.store.receive_http import http_app
from socketscope.store.receiver import Receiver
from socketscope.store.store import Store

PROTOBUF = {"content-type": "application/x-protobuf"}
REQUEST = metrics_request(gauge("m", number(1, 2)))


@pytest.fixture
def receiver(store):
    """A receiver on free ports, on a loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    receiver = Receiver(store, grpc_port=0, http_port=0)
    asyncio.run_coroutine_threadsafe(receiver.start(), loop).result()
    yield receiver
    asyncio.run_coroutine_threadsafe(receiver.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def http(store):
    with TestClient(http_app(store)) as client:
        yield client


def count(store, table):
    return store.select(f"SELECT count(*) FROM {table}")[0][0]


def grpc_export(receiver, request=REQUEST, **options):
    with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as channel:
        return MetricsServiceStub(channel).Export(request, timeout=10, **options)


def fails_with(error):
    def submit(self, batch):
        raise error

    return submit


# the SDK's own exporters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["grpc", "http", "http with gzip"])
def test_the_sdk_s_exporters_deliver_all_three_signals(store, receiver, protocol):
    if protocol == "grpc":
        options = {"endpoint": f"http://127.0.0.1:{receiver.grpc_port}", "insecure": True}
        exporters = [kind(**options) for kind in (GrpcMetricExporter, GrpcSpanExporter, GrpcLogExporter)]
    else:
        compression = Compression.Gzip if "gzip" in protocol else Compression.NoCompression
        base = f"http://127.0.0.1:{receiver.http_port}"
        exporters = [
            HttpMetricExporter(endpoint=f"{base}/v1/metrics", compression=compression),
            HttpSpanExporter(endpoint=f"{base}/v1/traces", compression=compression),
            HttpLogExporter(endpoint=f"{base}/v1/logs", compression=compression),
        ]
    metric_exporter, span_exporter, log_exporter = exporters
    resource = Resource({"service.name": "chat", "service.instance.id": "one"})
    reader = PeriodicExportingMetricReader(metric_exporter, export_interval_millis=3_600_000)
    meters = MeterProvider([reader], resource=resource)
    meter = meters.get_meter("test")
    messages, took = meter.create_counter("messages"), meter.create_histogram("took")
    tracers = TracerProvider(resource=resource)
    tracers.add_span_processor(SimpleSpanProcessor(span_exporter))
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(SimpleLogRecordProcessor(log_exporter))

    messages.add(3, {"room": "a"})
    took.record(0.25)
    with tracers.get_tracer("test").start_as_current_span("WS /ws") as span:
        loggers.get_logger("test").emit(
            event_name="websocket.connection.opened",
            severity_number=SeverityNumber.INFO,
            attributes={"websocket.connection.id": "c1", "websocket.channels": ["a", "b"]},
        )
    for provider in (meters, tracers, loggers):
        provider.shutdown()

    assert store.select(
        "SELECT value, attributes->>'$.room' FROM number_points JOIN series ON id = series_id WHERE metric = 'messages'"
    ) == [(3.0, "a")]
    assert store.select(
        "SELECT count, sum, len(counts) - len(bounds) FROM histogram_points JOIN series ON id = series_id"
        " WHERE metric = 'took'"
    ) == [(1, 0.25, 1)]
    ids = trace.format_trace_id(span.get_span_context().trace_id), trace.format_span_id(span.get_span_context().span_id)
    assert store.select("SELECT name, trace_id, span_id, end_ns >= start_ns FROM spans") == [("WS /ws", *ids, True)]
    assert store.select("SELECT event_name, connection_id, channels, trace_id, span_id FROM events") == [
        ("websocket.connection.opened", "c1", ["a", "b"], *ids)
    ]
    assert store.select("SELECT DISTINCT service_name, instance_id FROM resources") == [("chat", "one")]


# gRPC ---------------------------------------------------------------------------------------------------------------


def test_grpc_acknowledges_after_the_commit(store, receiver):
    assert grpc_export(receiver) == ExportMetricsServiceResponse()
    assert count(store, "number_points") == 1


def test_grpc_takes_gzip(store, receiver):
    grpc_export(receiver, compression=grpc.Compression.Gzip)
    assert count(store, "number_points") == 1


def test_grpc_says_what_was_not_taken(store, receiver):
    answer = grpc_export(receiver, metrics_request(gauge("m", number(1, float("nan")), number(2, 1))))
    assert answer.partial_success.rejected_data_points == 1
    assert "not finite" in answer.partial_success.error_message
    assert count(store, "number_points") == 1


@pytest.mark.parametrize(
    ("error", "code", "retry_seconds"),
    [
        (StoreFullError(7), grpc.StatusCode.RESOURCE_EXHAUSTED, 1),
        (StoreError("disk full"), grpc.StatusCode.UNAVAILABLE, 5),
    ],
)
def test_grpc_tells_the_sender_that_and_when_to_try_again(receiver, monkeypatch, error, code, retry_seconds):
    monkeypatch.setattr(Store, "submit", fails_with(error))
    with pytest.raises(grpc.RpcError) as refused:
        grpc_export(receiver)
    assert refused.value.code() == code
    [details] = [value for key, value in refused.value.trailing_metadata() if key == "grpc-status-details-bin"]
    status = status_pb2.Status.FromString(details)
    assert (status.code, status.message) == (code.value[0], str(error))
    retry = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == retry_seconds


def test_grpc_refuses_what_is_no_otlp_and_goes_on(store, receiver):
    with grpc.insecure_channel(f"127.0.0.1:{receiver.grpc_port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")
        with pytest.raises(grpc.RpcError) as refused:
            export(b"\xff\xff no protobuf", timeout=10)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "metrics" in refused.value.details()
    grpc_export(receiver)
    assert count(store, "number_points") == 1


# HTTP ---------------------------------------------------------------------------------------------------------------


def refusal(response):
    assert response.headers["content-type"] == "application/x-protobuf"
    return status_pb2.Status.FromString(response.content)


def test_http_acknowledges_after_the_commit(store, http):
    response = http.post("/v1/metrics", content=REQUEST.SerializeToString(), headers=PROTOBUF)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-protobuf"
    assert ExportMetricsServiceResponse.FromString(response.content) == ExportMetricsServiceResponse()
    assert count(store, "number_points") == 1


def test_http_takes_gzip(store, http):
    headers = {**PROTOBUF, "content-encoding": "gzip"}
    response = http.post("/v1/metrics", content=gzip.compress(REQUEST.SerializeToString()), headers=headers)
    assert response.status_code == 200
    assert count(store, "number_points") == 1


def test_http_takes_gzip_of_several_members(store, http):
    requests = [metrics_request(gauge("m", number(time, 1))).SerializeToString() for time in (1, 2)]
    content = b"".join(map(gzip.compress, requests))  # messages one after another are one message
    headers = {**PROTOBUF, "content-encoding": "gzip"}
    assert http.post("/v1/metrics", content=content, headers=headers).status_code == 200
    assert count(store, "number_points") == 2


def test_an_empty_request_is_taken(http):
    assert http.post("/v1/metrics", content=b"", headers=PROTOBUF).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "refused"),
    [
        (b"\xff\xff no protobuf", PROTOBUF, (400, "metrics")),
        (b"no gzip", {**PROTOBUF, "content-encoding": "gzip"}, (400, "not gzip")),
        (gzip.compress(b"", mtime=0) + b"more", {**PROTOBUF, "content-encoding": "gzip"}, (400, "not gzip")),
        (gzip.compress(b"x" * 99, mtime=0)[:-9], {**PROTOBUF, "content-encoding": "gzip"}, (400, "ends too early")),
        (b"", {**PROTOBUF, "content-encoding": "br"}, (415, "'br'")),
        (b"{}", {"content-type": "text/plain; charset=utf-8"}, (415, "'text/plain'")),
        (b"{}", {}, (415, "Content-Type ''")),
    ],
)
def test_http_names_what_is_wrong_with_a_request(store, http, body, headers, refused):
    http_status, message = refused
    response = http.post("/v1/metrics", content=body, headers=headers)
    assert response.status_code == http_status
    status = refusal(response)
    assert status.code == 3
    assert message in status.message
    assert count(store, "number_points") == 0


def test_http_bounds_the_body_on_the_wire_and_inflated(http, monkeypatch):
    monkeypatch.setattr(receive_http, "MAX_REQUEST_BYTES", 2_000)
    monkeypatch.setattr(receive_http, "MAX_INFLATED_BYTES", 10_000)
    too_big = http.post("/v1/metrics", content=b"x" * 2_001, headers=PROTOBUF)
    bomb = gzip.compress(b"\0" * 1_000_000)
    assert len(bomb) < 2_000
    inflates = http.post("/v1/metrics", content=bomb, headers={**PROTOBUF, "content-encoding": "gzip"})
    assert [too_big.status_code, inflates.status_code] == [413, 413]
    assert "2000 bytes" in refusal(too_big).message
    assert "inflates to more than 10000" in refusal(inflates).message


@pytest.mark.parametrize(
    ("error", "http_status", "retry_after"), [(StoreFullError(7), 429, "1"), (StoreError("disk full"), 503, "5")]
)
def test_http_tells_the_sender_that_and_when_to_try_again(http, monkeypatch, error, http_status, retry_after):
    monkeypatch.setattr(Store, "submit", fails_with(error))
    response = http.post("/v1/metrics", content=REQUEST.SerializeToString(), headers=PROTOBUF)
    assert (response.status_code, response.headers["retry-after"]) == (http_status, retry_after)
    assert refusal(response).message == str(error)


def test_only_posts_to_the_three_paths_are_known(http):
    assert http.get("/v1/metrics").status_code == 405
    assert http.post("/v1/profiles").status_code == 404


# start and stop -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "option"), [("grpc_port", "--otlp-grpc-port"), ("http_port", "--otlp-http-port")]
)
def test_a_taken_port_is_named_with_its_option_and_nothing_listens(store, parameter, option):
    async def start():
        with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
            ports = {"grpc_port": 0, "http_port": 0, parameter: taken.getsockname()[1]}
            free = other.getsockname()[1]
            other.close()
            ports[next(name for name in ("grpc_port", "http_port") if name != parameter)] = free
            receiver = Receiver(store, **ports)
            with pytest.raises(PortInUseError, match=option) as refused:
                await receiver.start()
            assert refused.value.port == taken.getsockname()[1]
            socket.create_server(("127.0.0.1", free)).close()
            await receiver.stop()

    asyncio.run(start())


def test_two_receivers_never_share_a_port(store):
    async def start():
        first = Receiver(store, grpc_port=0, http_port=0)
        await first.start()
        with pytest.raises(PortInUseError):
            await Receiver(store, grpc_port=first.grpc_port, http_port=0).start()
        with pytest.raises(PortInUseError):
            await Receiver(store, grpc_port=0, http_port=first.http_port).start()
        await first.stop()

    asyncio.run(start())


def test_an_address_that_is_not_ours_is_named(store):
    with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1"):
        asyncio.run(Receiver(store, host="192.0.2.1", grpc_port=0, http_port=0).start())


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_stop_finishes_requests_under_way_and_frees_the_ports(store, monkeypatch, protocol):
    entered, go_on = threading.Event(), threading.Event()
    submit = ingest.submit

    def held(*arguments):
        entered.set()
        go_on.wait(30)
        return submit(*arguments)

    monkeypatch.setattr("socketscope.store.receive_grpc.submit", held)
    monkeypatch.setattr("socketscope.store.receive_http.submit", held)

    def export(receiver):
        if protocol == "grpc":
            return grpc_export(receiver)
        url = f"http://127.0.0.1:{receiver.http_port}/v1/metrics"
        answer = httpx.post(url, content=REQUEST.SerializeToString(), headers=PROTOBUF, timeout=30)
        return ExportMetricsServiceResponse.FromString(answer.raise_for_status().content)

    async def run():
        receiver = Receiver(store, grpc_port=0, http_port=0)
        await receiver.start()
        http_task = receiver._http_task
        exporting = asyncio.create_task(asyncio.to_thread(export, receiver))
        await asyncio.to_thread(entered.wait, 30)
        stopping = asyncio.create_task(receiver.stop())
        if protocol == "grpc":
            await asyncio.wait([http_task])
        for _ in range(10):  # as far as stop() gets without the request's end
            await asyncio.sleep(0)
        assert not stopping.done()
        go_on.set()
        await stopping
        assert count(store, "number_points") == 1
        assert await exporting == ExportMetricsServiceResponse()
        for port in (receiver.grpc_port, receiver.http_port):
            socket.create_server(("127.0.0.1", port)).close()

    asyncio.run(run())
