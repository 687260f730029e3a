import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

from real_program import required_collector
from socketscope.demo.stack.options import free_port

PORTS = ("port", "otlp-grpc-port", "otlp-http-port", "store-grpc-port", "store-http-port", "chat-port")


@pytest.fixture(scope="session")
def otelcol():
    return required_collector()


@pytest.fixture
def small():
    """Options of a demo that is just long enough for everything to happen once."""
    return ("--duration", "6", "--users", "20", "--messages", "200")


@dataclass(frozen=True)
class Ended:
    code: int
    output: str
    summary: dict


@pytest.fixture
def ports():
    return {name: free_port() for name in PORTS}


@pytest.fixture
def demo(tmp_path, ports):
    """Runs `socketscope demo` as a user does, on free ports."""
    started = []

    def run(*arguments, interrupt_at=None, **environment):
        path = tmp_path / "summary.json"
        options = [argument for name, port in ports.items() for argument in (f"--{name}", str(port))]
        process = subprocess.Popen(
            [sys.executable, "-m", "socketscope", "demo", "--no-open", "--summary", path, *options, *arguments],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        until = ""
        if interrupt_at:
            for line in process.stdout:
                until += line
                if re.search(interrupt_at, line):
                    process.send_signal(signal.SIGINT)
                    break
        output, _ = process.communicate(timeout=120)
        return Ended(process.returncode, until + output, json.loads(path.read_text("utf-8")) if path.exists() else {})

    yield run
    for process in started:
        process.kill()
        process.wait()
