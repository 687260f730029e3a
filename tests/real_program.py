"""A real program as a process of its own, on free ports of the loopback interface, for as long as a test needs it."""

import os
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from socketscope.demo.stack import collector
from socketscope.demo.stack.destinations import find
from socketscope.demo.stack.http import Unreachable, get
from socketscope.errors import ConfigurationError


def lacking(reason):
    """Skip where a program can't be had; a failure where everything has to be there."""
    assert os.environ.get("CI") != "true", reason
    pytest.skip(reason)


def required(name):
    """`prometheus` or `jaeger`: the program; skips the test where it can't be had, and fails in CI."""
    try:
        return find(name, os.environ)
    except ConfigurationError as error:
        lacking(str(error))


def required_collector():
    """The Collector; skips the test where it can't be had, and fails in CI."""
    return collector.find(os.environ) or lacking("no Collector: set SOCKETSCOPE_OTELCOL or run scripts/tools otelcol")


class RealProgram(ABC):
    """Runs while it is entered. Subclasses say its `command` and, where `/-/ready` does not, when it is `ready`."""

    def __init__(self, directory, url):
        self.directory = Path(directory)
        self.url = url
        self.log = self.directory / f"{type(self).__name__}.log"
        self.process = None
        self.directory.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def command(self):
        """The command line, as a list."""

    def ready(self):
        try:
            get(f"{self.url}/-/ready")
        except Unreachable:
            return False
        return True

    def start(self, **environment):
        """Start it; `wait_ready` says when it answers."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment}
            )
        return self

    def wait_until(self, condition, seconds=60):
        """Give the answer of `condition` once it is true."""
        end = time.monotonic() + seconds
        while not (answer := condition()):
            assert self.process.poll() is None, f"it ended: {self.log.read_text()[-2000:]}"
            assert time.monotonic() < end, "waited too long"
            time.sleep(0.05)
        return answer

    def wait_ready(self, seconds=60):
        self.wait_until(self.ready, seconds)
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
