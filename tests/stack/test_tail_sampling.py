"""The shipped tail sampling in the real Collector: which connections' spans come through, and which of their spans.

The services' clock is a test's own; the Collector's is the real one, with a `decision_wait` of two seconds.
"""

import os
import re
import time
from collections import Counter
from concurrent import futures

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from collector_process import collector_with, listens
from socketscope.demo.stack import programs
from socketscope.demo.stack.collector import configuration
from socketscope.demo.stack.http import get
from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Process
from socketscope.instrumentation.middleware import WebSocketMiddleware
from socketscope.instrumentation.options import Options as Watching
from socketscope.instrumentation.reporter import Reporter
from socketscope.telemetry.process import Telemetry
from socketscope.testing import AsgiClient, FakeClock

pytestmark = pytest.mark.anyio

SAMPLING = "yaml:service::pipelines::traces/jaeger::processors: [memory_limiter, tail_sampling]"
_DROPPED = re.compile(
    r'^otelcol_processor_tail_sampling_global_count_traces_sampled\S*\{[^}]*decision="not_sampled"[^}]*\} (\S+)',
    re.MULTILINE,
)


class Destination:
    """Takes what the Collector sends on, where Jaeger would."""

    def __init__(self):
        self.spans = []
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        export = grpc.unary_unary_rpc_method_handler(
            self._take, ExportTraceServiceRequest.FromString, ExportTraceServiceResponse.SerializeToString
        )
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"Export": export})])
        self.port = self._server.add_insecure_port(f"{HOST}:0")

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()

    def _take(self, request, _context):
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return ExportTraceServiceResponse()

    def names(self):
        """How many spans of each name came."""
        return Counter(tuple(span.name.split(" ")[1:]) for span in self.spans)


@pytest.fixture
def destination():
    with Destination() as destination:
        yield destination


class Collector:
    """The Collector, until `stop`."""

    def __init__(self, otelcol, destination, directory):
        options = Options(otlp_grpc_port=free_port(), otlp_http_port=free_port(), collector=otelcol)
        program = collector_with(
            "jaeger",
            options,
            directory,
            configs=(str(configuration("tail-sampling")), SAMPLING),
            SOCKETSCOPE_JAEGER_ENDPOINT=f"{HOST}:{destination.port}",
            SOCKETSCOPE_COLLECTOR_DECISION_WAIT="2s",
            SOCKETSCOPE_COLLECTOR_SAMPLED_PERCENT="0",
        )
        self.endpoint = f"{HOST}:{options.otlp_grpc_port}"
        self._metrics = f"http://{HOST}:{program.environment['SOCKETSCOPE_COLLECTOR_METRICS_PORT']}/metrics"
        self._process = Process(program, directory=directory, environment=programs.surroundings(os.environ))
        self.wait(lambda: listens(options.otlp_grpc_port))

    def wait(self, condition):
        end = time.monotonic() + 60
        while not condition():
            assert self._process.code is None, self._process.failure("ended")
            assert time.monotonic() < end, self._process.failure("was waited for in vain")
            time.sleep(0.05)

    def dropped(self):
        """How often a trace was dropped because nothing had matched, by its own count."""
        return sum(int(float(count)) for count in _DROPPED.findall(get(self._metrics).decode()))

    def stop(self):
        self._process.stop(grace=15)


@pytest.fixture
def collector(otelcol, destination, tmp_path):
    collector = Collector(otelcol, destination, tmp_path)
    yield collector
    collector.stop()


class Service:
    """A service whose connections do as their messages say, and whose spans go to the Collector at once."""

    def __init__(self, endpoint):
        self.clock = FakeClock()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
        self.telemetry = Telemetry(clock=self.clock.clock)
        self.telemetry.switch_on()
        self.reporter = Reporter(self.telemetry, Watching(), providers={"tracer_provider": self.tracers})

    async def app(self, scope, receive, send):
        await receive()
        if scope["path"] == "/denied":
            await send({"type": "websocket.close", "code": 4003})
            return
        if scope["path"] == "/slow-handshake":
            self.clock.advance(2)
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            if message["text"] == "fail":
                raise ValueError
            if message["text"] == "slow":
                self.clock.advance(3)

    def connect(self, path):
        return AsgiClient(WebSocketMiddleware(self.app, reporter=self.reporter), path)

    def end_segments(self, *paths):
        self.clock.advance(10)
        for watched in self.telemetry.live.records():
            if watched.route in paths:
                self.reporter.segment(watched)


@pytest.fixture
def service(collector):
    service = Service(collector.endpoint)
    yield service
    service.tracers.shutdown()


async def test_what_failed_was_denied_lost_or_slow_comes_through_and_the_last_segment_does_though_the_others_are_gone(
    collector, destination, service
):
    clients = {path: service.connect(f"/{path}") for path in ("fine", "failed", "lost", "slow")}
    for client in clients.values():
        await client.__aenter__()
        await client.accepted()
        await client.send_text("hello")
    service.end_segments("/fine", "/failed", "/lost", "/slow")
    collector.wait(lambda: collector.dropped() == 4)  # their handshakes and first segments
    assert not destination.spans

    for path in ("denied", "slow-handshake"):
        async with service.connect(f"/{path}"):
            pass
    await clients["failed"].send_text("fail")
    await clients["slow"].send_text("slow")
    await clients["slow"].send_text("and fast")
    service.end_segments("/slow")
    clients["lost"].disconnect(1005, reason=None)
    clients["fine"].disconnect(1000)
    for path in ("failed", "lost", "fine"):
        await clients[path].finished()
    collector.wait(lambda: collector.dropped() == 5)  # the last segment of what was fine
    service.end_segments("/slow")
    clients["slow"].disconnect(1000)
    await clients["slow"].finished()

    collector.wait(lambda: destination.names()["/slow", "segment"] == 3)
    assert destination.names() == {
        ("/failed", "receive"): 1,
        ("/failed", "segment"): 1,
        ("/lost", "segment"): 1,
        ("/slow", "receive"): 1,
        ("/slow", "segment"): 3,  # the slow one, and those after it
        ("_unknown",): 1,  # what was denied: no route had been told
        ("/slow-handshake",): 1,
        ("/slow-handshake", "segment"): 1,
    }
    [failed] = [span for span in destination.spans if span.name == "WS /failed segment"]
    stands_alone = {attribute.key for attribute in failed.attributes}
    assert {"websocket.connection.id", "websocket.connection.messages.received", "error.type"} <= stands_alone
