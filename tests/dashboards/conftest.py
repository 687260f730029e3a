"""The demo's traffic in three real Prometheus servers, one for each way of naming; through the real Collector."""

import json
import os
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest
import yaml
from websockets.sync.client import connect

import one_chat
from dashboards.generate import STRATEGIES
from prometheus_process import PrometheusProcess, required_prometheus
from real_program import required_collector
from socketscope.demo.stack import programs
from socketscope.demo.stack.collector import configuration
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Process, Program
from socketscope.demo.stack.replicas import make_replicas


@dataclass(frozen=True)
class Filled:
    """A Prometheus, and when the traffic began and ended."""

    url: str
    start: float
    end: float


def fan_out(servers):
    """The shipped destination, once for each server."""
    shipped = yaml.safe_load(configuration("prometheus").read_text("utf-8"))
    [exporter] = shipped["exporters"].values()
    [pipeline] = shipped["service"]["pipelines"].values()
    names = {strategy: f"otlp_http/{strategy}" for strategy in servers}
    return {
        "exporters": {names[strategy]: exporter | {"endpoint": server.otlp} for strategy, server in servers.items()},
        "service": {
            "pipelines": {f"metrics/{strategy}": pipeline | {"exporters": [name]} for strategy, name in names.items()}
        },
    }


def wait_for(condition, process, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if process.code is not None:
            raise process.failure("ended")
        assert time.monotonic() < end, f"{process.name} did not get ready"
        time.sleep(0.05)


def answers(url):
    try:
        get(url)
    except Unreachable:
        return False
    return True


def drained(metrics_url):
    """Whether all that came into the Collector has left it, by its own metrics."""
    lines = [line.rpartition(" ") for line in get(metrics_url).decode().splitlines() if not line.startswith("#")]
    return [float(value) for name, _, value in lines if "exporter_queue_size" in name] == [0.0] * len(STRATEGIES)


def slow(chat):
    """Another service, so that what the ledger does not know has a name of its own."""
    return Program("slow", chat.command, {**chat.environment, "OTEL_SERVICE_NAME": "slow"})


def make_sends_wait(url):
    """Say more in a room than the kernel keeps for somebody in it who does not read, and then read it."""
    attachment = bytes(65_536)
    with (
        connect(f"{url}/ws/slow?user=listener", max_queue=1) as listener,
        connect(f"{url}/ws/slow?user=talker", max_queue=None) as talker,
    ):
        talking = threading.Thread(target=lambda: [talker.send(attachment) for _ in range(200)])
        talking.start()
        talking.join(1)  # long enough to be stuck; it is not waited for, which would be in vain
        heard = 0
        while heard < 200:
            heard += listener.recv(timeout=30) == attachment
        talking.join()


@pytest.fixture(scope="session")
def filled(tmp_path_factory):
    """Strategy -> `Filled`, and `ledger`, once the chat has ended and everything has arrived."""
    program, otelcol = required_prometheus(), required_collector()
    directory = tmp_path_factory.mktemp("traffic")
    otlp, health, own, chat_port, slow_port = (free_port() for _ in range(5))
    options = Options(chat_port=chat_port, otlp_endpoint=f"http://{HOST}:{otlp}", duration=8)
    environment = programs.surroundings(os.environ)
    with ExitStack() as running:

        def start(program_):
            process = Process(program_, directory=directory, environment=environment)
            running.callback(process.stop, grace=20)
            return process

        servers = {
            strategy: running.enter_context(PrometheusProcess(program, directory / strategy, strategy=strategy))
            for strategy in STRATEGIES
        }
        (directory / "fan-out.yaml").write_text(yaml.safe_dump(fan_out(servers)), encoding="utf-8")
        collector = start(
            Program(
                "collector",
                [str(otelcol), "--config", str(configuration("base")), "--config", str(directory / "fan-out.yaml")],
                {
                    "SOCKETSCOPE_COLLECTOR_GRPC": f"{HOST}:{otlp}",
                    "SOCKETSCOPE_COLLECTOR_HTTP": f"{HOST}:{free_port()}",
                    "SOCKETSCOPE_COLLECTOR_HEALTH": f"{HOST}:{health}",
                    "SOCKETSCOPE_COLLECTOR_METRICS_PORT": str(own),
                    "SOCKETSCOPE_COLLECTOR_QUEUE": str(directory / "queue"),
                },
            )
        )
        wait_for(lambda: answers(f"http://{HOST}:{health}/"), collector)
        chat = start(one_chat.chat(options))
        slow_chat = start(slow(one_chat.chat(replace(options, chat_port=slow_port))))
        wait_for(lambda: answers(f"http://{HOST}:{chat_port}/"), chat)
        wait_for(lambda: answers(f"http://{HOST}:{slow_port}/"), slow_chat)
        began = time.time()
        users = start(programs.users(options, make_replicas(options, None), directory / "ledger.json"))
        make_sends_wait(f"ws://{HOST}:{slow_port}")
        assert users.wait(120), "the users did not come to an end"
        assert users.code == 0, users.failure("failed")
        chat.stop(grace=20)
        slow_chat.stop(grace=20)
        wait_for(lambda: drained(f"http://{HOST}:{own}/metrics"), collector)
        traffic = {strategy: Filled(server.url, began, time.time()) for strategy, server in servers.items()}
        yield traffic | {"ledger": json.loads((directory / "ledger.json").read_text("utf-8"))}
