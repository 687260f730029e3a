"""The real Prometheus."""

import urllib.request
from pathlib import Path

import yaml

from real_program import RealProgram, required
from socketscope.demo.stack.options import HOST, free_port

CONFIGURATION = Path(__file__).parents[1] / "collector-config" / "prometheus-server.yaml"
"""What is shipped; a test changes of it what it is about."""

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def required_prometheus():
    """The program, with promtool beside it."""
    return required("prometheus")


class PrometheusProcess(RealProgram):
    """`url` to ask, `otlp` to send to. Its files are below `directory`."""

    def __init__(self, program, directory, *, strategy="UnderscoreEscapingWithSuffixes", native=False):
        self.program = program
        self.port = free_port()
        super().__init__(directory, f"http://{HOST}:{self.port}")
        self.otlp = f"{self.url}/api/v1/otlp"
        configuration = yaml.safe_load(CONFIGURATION.read_text("utf-8"))
        # Explicit buckets as a native histogram with custom ones: the same counts, none of them moved.
        configuration["otlp"] |= {"translation_strategy": strategy, "convert_histograms_to_nhcb": native}
        (self.directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")

    def command(self):
        return [
            self.program,
            f"--config.file={self.directory / 'prometheus.yaml'}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={HOST}:{self.port}",
            "--web.enable-otlp-receiver",
            "--log.level=warn",
        ]

    def take(self, *requests):
        """Send ExportMetricsServiceRequests; what was taken can be asked for."""
        for request in requests:
            sent = urllib.request.Request(
                f"{self.otlp}/v1/metrics",
                data=request.SerializeToString(),
                headers={"Content-Type": "application/x-protobuf"},
            )
            with _direct.open(sent, timeout=10) as answer:
                assert answer.status == 200
