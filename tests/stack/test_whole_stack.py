"""What `make stack` starts: all destinations at once, natively."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaeger_process import required_jaeger
from prometheus_process import required_prometheus
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import free_port

SCRIPT = Path(__file__).parents[2] / "scripts" / "stack"


@pytest.fixture
def stack(otelcol, ports):
    """`socketscope demo` with the options that the script gives, on free ports."""
    required_prometheus()
    required_jaeger()
    given = re.search(r"socketscope\" demo (.*) \"\$@\"", SCRIPT.read_text("utf-8"))[1].split()
    all_ports = ports | {"prometheus-port": free_port(), "jaeger-port": free_port()}
    options = [f"--{name}={port}" for name, port in all_ports.items()]
    process = subprocess.Popen(
        [sys.executable, "-m", "socketscope", "demo", "--no-open", *given, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"SOCKETSCOPE_OTELCOL": str(otelcol)},
    )
    yield process, all_ports
    process.kill()
    process.communicate()


def eventually(condition, process, seconds=90):
    end = time.monotonic() + seconds
    while True:
        try:
            if found := condition():
                return found
        except Unreachable:
            pass
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_the_same_traffic_is_in_prometheus_jaeger_and_the_console_and_ctrl_c_ends_all(stack):
    process, ports = stack
    prometheus, jaeger, console = (
        f"http://127.0.0.1:{ports[name]}" for name in ("prometheus-port", "jaeger-port", "port")
    )

    def json_of(url):
        return json.loads(get(url))

    eventually(lambda: json_of(f"{console}/monitoring/websocket/metrics")["messages_received"], process)
    query = f"{prometheus}/api/v1/query?query=websocket_server_messages_total"
    eventually(lambda: json_of(query)["data"]["result"], process)
    eventually(lambda: json_of(f"{jaeger}/api/traces?service=chat")["data"], process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=90)
    assert process.returncode == 0, output
    for line in (f"Console: {console}", f"Prometheus: {prometheus}", f"Jaeger: {jaeger}", "Equal."):
        assert line in output
    for url in (prometheus, jaeger, console):
        with pytest.raises(Unreachable):
            get(url)
