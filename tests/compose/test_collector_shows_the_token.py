"""The Collector of the composition and a console with tokens, natively: what is configured there is what works."""

import os
import subprocess
import time

import httpx
import pytest
from compose_file import SECRETS

from otlp_source import Source
from service_process import ServiceProcess
from socketscope.demo.stack import collector
from socketscope.demo.stack.options import HOST, free_port

METRICS = "/monitoring/websocket/metrics"
SHOWN = {"authorization": f"Bearer {SECRETS['SOCKETSCOPE_CONSOLE_TOKEN']}"}


@pytest.fixture
def console():
    with ServiceProcess("--memory", "--host=0.0.0.0", "--otlp-host=0.0.0.0", environment=SECRETS) as console:
        yield console


@pytest.fixture
def start_collector(tmp_path, console):
    """Start the Collector with a token for the backend; gives where to send to and where its log is."""
    otelcol = collector.find(os.environ)
    if otelcol is None:
        reason = "no Collector: set SOCKETSCOPE_OTELCOL or run scripts/tools otelcol"
        assert os.environ.get("CI") != "true", reason
        pytest.skip(reason)
    started = []

    def start(token):
        port, log = free_port(), tmp_path / "collector.log"
        environment = {
            "SOCKETSCOPE_COLLECTOR_GRPC": f"{HOST}:{port}",
            "SOCKETSCOPE_COLLECTOR_HTTP": f"{HOST}:{free_port()}",
            "SOCKETSCOPE_COLLECTOR_HEALTH": f"{HOST}:{free_port()}",
            "SOCKETSCOPE_COLLECTOR_METRICS_PORT": str(free_port()),
            "SOCKETSCOPE_COLLECTOR_QUEUE": str(tmp_path / "queue"),
            "SOCKETSCOPE_COLLECTOR_STORE": f"{HOST}:{console.grpc_port}",
            **({"SOCKETSCOPE_OTLP_TOKEN": token} if token else {}),
        }
        arguments = [f"--config={path}" for path in collector.configurations()]
        with log.open("wb") as output:
            started.append(subprocess.Popen([otelcol, *arguments], env=environment, stdout=output, stderr=output))
        return f"{HOST}:{port}", log

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=30)


def eventually(condition, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def send(endpoint):
    source = Source(endpoint, "a", interval=0.5)
    source.connect("0123456789abcdef")
    source.talk(received=3)
    return source


def received(console):
    return httpx.get(f"http://{HOST}:{console.port}{METRICS}", headers=SHOWN).json()["messages_received"]


def test_what_the_collector_sends_with_the_token_arrives(console, start_collector):
    endpoint, _ = start_collector(SECRETS["SOCKETSCOPE_OTLP_TOKEN"])
    source = send(endpoint)
    try:
        assert eventually(lambda: received(console)) == 3
    finally:
        source.close()


@pytest.mark.parametrize("token", [None, "another-token-of-someone"])
def test_without_it_nothing_arrives_and_the_collector_says_why_without_telling_the_token(
    console, start_collector, token
):
    endpoint, log = start_collector(token)
    source = send(endpoint)
    try:
        eventually(lambda: "Unauthenticated" in log.read_text())
        assert received(console) is None
        assert token is None or token not in log.read_text()
    finally:
        source.close()
