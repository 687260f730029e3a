"""Histograms and exemplars of a program under `opentelemetry-instrument`, as the real Collector is told them."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from collector_process import listens
from real_program import RealProgram, required_collector
from socketscope.demo.stack.options import HOST, free_port

PROGRAM = """
import asyncio
from opentelemetry import metrics
from opentelemetry.trace import SpanContext, TraceFlags
import socketscope
from socketscope import semconv
from socketscope.telemetry.process import process_telemetry
from socketscope.testing import AsgiClient

async def app(scope, receive, send):
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "websocket.send", "text": message["text"]})

async def talk():
    async with AsgiClient(socketscope.instrument(app), "/ws") as client:
        await client.accepted()
        for size in (1, 2, 3, 64, 65):
            await client.send_text("x" * size)
            await client.receive_text()

for turn in range(2):
    asyncio.run(talk())
    span = SpanContext(turn + 1, turn + 1, False, TraceFlags(1))
    process_telemetry().accumulators.exemplar(semconv.HANDLING_DURATION, ("/ws", 8000), 2_000_000_000, 7, span)
    metrics.get_meter_provider().force_flush()
"""


class Collector(RealProgram):
    """The Collector, which writes what it is told into a log, in every detail."""

    def __init__(self, directory):
        self.port = free_port()
        super().__init__(directory, f"http://{HOST}:{self.port}")

    def command(self):
        config = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{HOST}:{self.port}"}}}},
            "exporters": {"debug": {"verbosity": "detailed"}},
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {"metrics": {"receivers": ["otlp"], "exporters": ["debug"]}},
            },
        }
        path = self.directory / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        return [str(required_collector()), "--config", str(path)]

    def ready(self):
        return listens(self.port)

    def told(self, metric):
        """The log's lines about a metric, each time that it came."""
        parts = self.log.read_text().split("Metric #")
        return [part for part in parts if f"-> Name: {metric}\n" in part]


def run_program(collector, directory, **environment):
    program = directory / "program.py"
    program.write_text(PROGRAM)
    instrument = Path(sys.executable).with_name("opentelemetry-instrument")
    done = subprocess.run(
        [instrument, sys.executable, program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            "PATH": str(instrument.parent),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            "OTEL_METRIC_EXPORT_INTERVAL": "3600000",
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def collector(tmp_path):
    with Collector(tmp_path / "collector") as running:
        yield running


def received(parts):
    """Count and sum of the sizes that were received, each time."""
    of_received = [part.split("Data point attributes") for part in parts]
    points = [point for part in of_received for point in part if "network.io.direction: Str(receive)" in point]
    return [
        tuple(float(line.split(": ")[1]) for line in point.splitlines() if line.startswith(("Count: ", "Sum: ")))
        for point in points
    ]


@pytest.mark.parametrize(
    ("preference", "temporality", "expected"),
    [
        ("cumulative", "Cumulative", [(5, 135), (10, 270)]),
        ("delta", "Delta", [(5, 135), (5, 135)]),
        ("lowmemory", "Delta", [(5, 135), (5, 135)]),
    ],
)
@pytest.mark.parametrize(
    ("aggregation", "kind"),
    [("explicit_bucket_histogram", "Histogram"), ("base2_exponential_bucket_histogram", "ExponentialHistogram")],
)
def test_the_collector_is_told_what_the_environment_asks_for(
    collector, tmp_path, preference, temporality, expected, aggregation, kind
):
    run_program(
        collector,
        tmp_path,
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=preference,
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=aggregation,
    )
    sizes = collector.wait_until(lambda: collector.told("websocket.server.message.size"))
    assert all(f"DataType: {kind}\n" in part for part in sizes)
    assert all(f"AggregationTemporality: {temporality}\n" in part for part in sizes)
    assert received(sizes)[:2] == expected
    handling = collector.told("websocket.server.message.handling.duration")
    assert "Trace ID: 00000000000000000000000000000001" in handling[0]
    assert "Trace ID: 00000000000000000000000000000002" in handling[1]
    assert "Trace ID: 00000000000000000000000000000001" not in handling[1]
