"""The real Jaeger."""

import grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from real_program import RealProgram, required
from socketscope.demo.stack.destinations import JAEGER_LISTENERS
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, free_port


def required_jaeger():
    return required("jaeger")


class JaegerProcess(RealProgram):
    """`url` of page and API, `otlp` (host:port) to send to."""

    def __init__(self, program, directory):
        self.program = program
        self.ports = {name: free_port() for name in JAEGER_LISTENERS}
        self.otlp = f"{HOST}:{self.ports['collector.otlp.grpc.host-port']}"
        super().__init__(directory, f"http://{HOST}:{self.ports['query.http-server.host-port']}")

    def command(self):
        return [self.program, *(f"--{name}={HOST}:{port}" for name, port in self.ports.items())]

    def start(self, **environment):
        return super().start(OTEL_TRACES_SAMPLER="always_off", **environment)  # it would find its own queries

    def ready(self):
        try:
            get(f"http://{HOST}:{self.ports['admin.http.host-port']}/")
            self.get("/api/services")
        except Unreachable:
            return False
        return True

    def take(self, *requests):
        """Send ExportTraceServiceRequests; what was taken can be asked for."""
        with grpc.insecure_channel(self.otlp) as channel:
            for request in requests:
                TraceServiceStub(channel).Export(request, timeout=10)

    def get(self, path):
        return get(f"{self.url}{path}")
