"""The real Jaeger as a process of its own, on free ports of the loopback interface."""

import os
import subprocess
import time
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from socketscope.demo.stack.collector import tools
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, free_port

VERSION = "1.62.0"
LISTENERS = (
    "admin.http.host-port",
    "collector.grpc-server.host-port",
    "collector.http-server.host-port",
    "collector.otlp.grpc.host-port",
    "collector.otlp.http.host-port",
    "query.grpc-server.host-port",
    "query.http-server.host-port",
    "http-server.host-port",
    "processor.jaeger-binary.server-host-port",
    "processor.jaeger-compact.server-host-port",
    "processor.zipkin-compact.server-host-port",
)
"""Whatever Jaeger listens on unless it is told otherwise."""


def find_jaeger(environment=os.environ):
    """The program, or None: `SOCKETSCOPE_JAEGER`, or what scripts/tools built."""
    if chosen := environment.get("SOCKETSCOPE_JAEGER"):
        return Path(chosen)
    built = tools(environment) / f"jaeger-{VERSION}" / "jaeger"
    return built if built.is_file() else None


def required_jaeger():
    """The program; skips the test where it can't be had, and fails in CI."""
    found = find_jaeger()
    if not found:
        reason = "no Jaeger: set SOCKETSCOPE_JAEGER or run scripts/tools jaeger"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    return found


class JaegerProcess:
    """Runs while it is entered: `url` of page and API, `otlp` (host:port) to send to."""

    def __init__(self, program, directory):
        self.program = program
        self.log = Path(directory) / "jaeger.log"
        self.ports = {name: free_port() for name in LISTENERS}
        self.url = f"http://{HOST}:{self.ports['query.http-server.host-port']}"
        self.otlp = f"{HOST}:{self.ports['collector.otlp.grpc.host-port']}"

    def __enter__(self):
        listen = [f"--{name}={HOST}:{port}" for name, port in self.ports.items()]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [self.program, *listen],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OTEL_TRACES_SAMPLER": "always_off"},  # it would find its own queries
            )
        self.wait_until(self.ready)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

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

    def wait_until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not (answer := condition()):
            assert self.process.poll() is None, f"Jaeger ended: {self.log.read_text()[-2000:]}"
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.05)
        return answer
