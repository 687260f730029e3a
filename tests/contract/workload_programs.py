"""The programs of the contract's workload: replicas of the chat, the Collector, and everything that it sends to."""

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import one_chat
from prometheus_process import PrometheusProcess, required_prometheus
from service_process import ServiceProcess
from socketscope.demo.stack import programs
from socketscope.demo.stack.collector import configurations, find
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Process, Program
from socketscope.query.naming import STRATEGIES

CONFIG = Path(__file__).parents[2] / "collector-config"
SERVERS = {
    f"{strategy}, {'native' if native else 'classic'} histograms": (strategy, native)
    for strategy in STRATEGIES
    if strategy != "UnderscoreEscapingWithoutSuffixes"
    for native in (False, True)
}
"""The Prometheus servers, by the name of the backend in the answers."""

_QUEUED = re.compile(r'^otelcol_exporter_queue_size\{[^}]*exporter="([^"]+)"[^}]*\} (\S+)$', re.MULTILINE)
_SENT = re.compile(
    r'^otelcol_exporter_sent_metric_points(?:_total)?\{[^}]*exporter="([^"]+)"[^}]*\} (\S+)$', re.MULTILINE
)
_ACCEPTED = re.compile(r"^otelcol_receiver_accepted_metric_points(?:_total)?\{[^}]*\} (\S+)$", re.MULTILINE)


class Pipeline:
    """Everything but the replicas, which come and go. Everything is stopped at the end of its context."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.environment = programs.surroundings(os.environ)
        self.options = Options(
            collector=find(os.environ), **{name: free_port() for name in ("otlp_grpc_port", "otlp_http_port")}
        )
        self.servers = {}
        self._running = []
        self._health, self._metrics = free_port(), free_port()

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._running):
            process.kill()
        for server in self.servers.values():
            server.stop()
        self.service.__exit__()

    def _start(self):
        self.service = ServiceProcess("--data", self.directory / "data")
        for number, (name, (strategy, native)) in enumerate(SERVERS.items()):
            server = PrometheusProcess(
                required_prometheus(), self.directory / f"prometheus-{number}", strategy=strategy, native=native
            )
            self.servers[name] = server.start()
        self.collector = self.start(self._collector())
        for server in self.servers.values():
            server.wait_ready()
        self.wait(lambda: _answers(f"http://{HOST}:{self._health}/"), "the Collector to be ready")

    def _collector(self):
        # One destination is shipped; the other servers get copies of it under names of their own.
        destination = (CONFIG / "prometheus.yaml").read_text("utf-8")
        files = [*configurations()]
        for number, server in enumerate(self.servers.values()):
            text = destination.replace("/prometheus:", f"/prometheus-{number}:").replace(
                "/prometheus]", f"/prometheus-{number}]"
            )
            text = re.sub(r"\$\{env:SOCKETSCOPE_PROMETHEUS_ENDPOINT[^}]*\}", server.otlp, text)
            files.append(self.directory / f"destination-{number}.yaml")
            files[-1].write_text(text, encoding="utf-8")
        return Program(
            "collector",
            [str(self.options.collector), *(part for file in files for part in ("--config", str(file)))],
            {
                "SOCKETSCOPE_COLLECTOR_GRPC": f"{HOST}:{self.options.otlp_grpc_port}",
                "SOCKETSCOPE_COLLECTOR_HTTP": f"{HOST}:{self.options.otlp_http_port}",
                "SOCKETSCOPE_COLLECTOR_HEALTH": f"{HOST}:{self._health}",
                "SOCKETSCOPE_COLLECTOR_METRICS_PORT": str(self._metrics),
                "SOCKETSCOPE_COLLECTOR_QUEUE": str(self.directory / "queue"),
                "SOCKETSCOPE_COLLECTOR_STORE": self.service.grpc.removeprefix("http://"),
            },
        )

    def start(self, program):
        """Start a program; it ends with the pipeline at the latest."""
        process = Process(program, directory=self.directory, environment=self.environment)
        self._running.append(process)
        return process

    def replica(self, instance, port):
        """Start a replica of the chat that calls itself `instance`; returns once it answers."""
        chat = one_chat.chat(replace(self.options, chat_port=port))
        chat.environment["OTEL_RESOURCE_ATTRIBUTES"] = f"service.instance.id={instance}"
        process = self.start(replace(chat, name=instance))
        self.wait(lambda: _answers(f"http://{HOST}:{port}/"), f"{instance} to be ready", process)
        return process

    def drain(self):
        """Wait until the Collector has passed on everything to everybody, and say what each got."""

        def drained():
            text = get(f"http://{HOST}:{self._metrics}/metrics").decode()
            accepted = sum(map(float, _ACCEPTED.findall(text)))
            sent = {name: float(points) for name, points in _SENT.findall(text)}
            waiting = sum(float(batches) for _, batches in _QUEUED.findall(text))
            everybody = len(sent) == 1 + len(self.servers)
            return sent if everybody and not waiting and set(sent.values()) == {accepted} else None

        return self.wait(drained, "the Collector to pass on everything")

    def wait(self, condition, what, process=None, *, seconds=60):
        """Wait until `condition` gives something, and return it."""
        end = time.monotonic() + seconds
        while not (answer := condition()):
            if process is not None and process.code is not None:
                raise process.failure("ended")
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s for {what}")
            time.sleep(0.05)
        return answer


def _answers(url):
    try:
        get(url)
    except Unreachable:
        return False
    return True
