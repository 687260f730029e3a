"""The real Prometheus as a process of its own, on a free port of the loopback interface."""

import os
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from socketscope.demo.stack.collector import tools
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, free_port

VERSION = "0.316.0"
CONFIGURATION = Path(__file__).parents[1] / "collector-config" / "prometheus-server.yaml"
"""What is shipped; a test changes of it what it is about."""

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def find_prometheus(environment=os.environ):
    """The program, or None: `SOCKETSCOPE_PROMETHEUS`, or what scripts/tools built (with promtool beside it)."""
    if chosen := environment.get("SOCKETSCOPE_PROMETHEUS"):
        return Path(chosen)
    built = tools(environment) / f"prometheus-{VERSION}" / "prometheus"
    return built if built.is_file() else None


def required_prometheus():
    """The program; skips the test where it can't be had, and fails in CI."""
    found = find_prometheus()
    if not found:
        reason = "no Prometheus: set SOCKETSCOPE_PROMETHEUS or run scripts/tools prometheus"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    return found


class PrometheusProcess:
    """Runs while it is entered: `url` to ask, `otlp` to send to. Its files are below `directory`."""

    def __init__(self, program, directory, *, strategy="UnderscoreEscapingWithSuffixes", native=False):
        self.program = program
        self.directory = Path(directory)
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.otlp = f"{self.url}/api/v1/otlp"
        self.log = self.directory / "prometheus.log"
        self.process = None
        self.directory.mkdir(parents=True, exist_ok=True)
        configuration = yaml.safe_load(CONFIGURATION.read_text("utf-8"))
        # Explicit buckets as a native histogram with custom ones: the same counts, none of them moved.
        configuration["otlp"] |= {"translation_strategy": strategy, "convert_histograms_to_nhcb": native}
        (self.directory / "prometheus.yaml").write_text(yaml.safe_dump(configuration), encoding="utf-8")

    def start(self):
        """Start it; `wait_ready` says when it answers."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    self.program,
                    f"--config.file={self.directory / 'prometheus.yaml'}",
                    f"--storage.tsdb.path={self.directory / 'data'}",
                    f"--web.listen-address={HOST}:{self.port}",
                    "--web.enable-otlp-receiver",
                    "--log.level=warn",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while True:
            try:
                get(f"{self.url}/-/ready")
            except Unreachable:
                assert self.process.poll() is None, f"Prometheus ended: {self.log.read_text()[-2000:]}"
                assert time.monotonic() < end, "Prometheus did not get ready"
                time.sleep(0.05)
            else:
                return self

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self.start().wait_ready()

    def __exit__(self, *_):
        self.stop()

    def take(self, *requests):
        """Send ExportMetricsServiceRequests; what was taken can be asked for."""
        for request in requests:
            sent = urllib.request.Request(  # noqa: S310 - of the loopback interface
                f"{self.otlp}/v1/metrics",
                data=request.SerializeToString(),
                headers={"Content-Type": "application/x-protobuf"},
            )
            with _direct.open(sent, timeout=10) as answer:
                assert answer.status == 200
