"""Where the Collector sends to besides the embedded backend: Prometheus and Jaeger, each as a program of the demo."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from typing_extensions import override

from socketscope.demo.stack.collector import configuration, tools
from socketscope.demo.stack.http import Unreachable, get
from socketscope.demo.stack.options import HOST, Options, free_port
from socketscope.demo.stack.process import Program
from socketscope.errors import ConfigurationError

VERSIONS: Final = {"prometheus": "0.316.0", "jaeger": "1.62.0"}
"""Versions that `scripts/tools` builds."""
JAEGER_LISTENERS: Final = (
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
"""Whatever Jaeger listens on, on all addresses, unless it is told otherwise."""


def find(name: str, environment: Mapping[str, str]) -> Path:
    """Find `prometheus` or `jaeger`: the variable `SOCKETSCOPE_NAME`, the PATH, or what `scripts/tools` built.

    Raises `ConfigurationError` where it is nowhere.
    """
    variable = f"SOCKETSCOPE_{name.upper()}"
    chosen = environment.get(variable)
    built = tools(environment) / f"{name}-{VERSIONS[name]}" / name
    found = shutil.which(chosen or name, path=environment.get("PATH"))
    if found:
        return Path(found).absolute()
    if not chosen and built.is_file():
        return built
    raise ConfigurationError(variable, chosen, f"the path of {name}'s program; scripts/tools {name} builds it")


class Destination(Protocol):
    """A program that the Collector sends to. `name` is also that of its file in collector-config/."""

    name: str
    url: str

    def program(self, directory: Path) -> Program:
        """Say what to start; its data is kept below `directory`."""
        ...

    def ready(self) -> bool:
        """Tell whether it answers."""
        ...

    def variables(self) -> Mapping[str, str]:
        """Give the Collector's variables that say where it is."""
        ...


class Prometheus(Destination):
    """Prometheus, configured as collector-config/prometheus-server.yaml says."""

    name = "prometheus"

    def __init__(self, program: Path, options: Options) -> None:
        self._program = program
        self._address = f"{HOST}:{options.prometheus_port}"
        self.url = f"http://{self._address}"

    @override
    def program(self, directory: Path) -> Program:
        """Say what to start; its data is kept below `directory`."""
        return Program(
            self.name,
            [
                str(self._program),
                f"--config.file={configuration('prometheus-server')}",
                f"--storage.tsdb.path={directory / 'prometheus'}",
                f"--web.listen-address={self._address}",
                "--web.enable-otlp-receiver",
                "--log.level=warn",
            ],
        )

    @override
    def ready(self) -> bool:
        """Its data can be asked for."""
        return _answers(f"{self.url}/-/ready")

    @override
    def variables(self) -> Mapping[str, str]:
        """Give the Collector's variables that say where it is."""
        return {"SOCKETSCOPE_PROMETHEUS_ENDPOINT": f"{self.url}/api/v1/otlp"}


class Jaeger(Destination):
    """Jaeger, with all its parts in one process and traces in memory. Only its page has a port that is chosen."""

    name = "jaeger"

    def __init__(self, program: Path, options: Options) -> None:
        self._program = program
        self._ports = {name: free_port() for name in JAEGER_LISTENERS}
        self._ports["query.http-server.host-port"] = options.jaeger_port
        self.url = f"http://{HOST}:{options.jaeger_port}"

    @override
    def program(self, directory: Path) -> Program:
        """Say what to start."""
        listen = [f"--{name}={HOST}:{port}" for name, port in self._ports.items()]
        # It would find its own queries among the traces.
        return Program(self.name, [str(self._program), *listen], {"OTEL_TRACES_SAMPLER": "always_off"})

    @override
    def ready(self) -> bool:
        """Traces are taken and can be asked for."""
        return _answers(f"http://{HOST}:{self._ports['admin.http.host-port']}/") and _answers(f"{self.url}/")

    @override
    def variables(self) -> Mapping[str, str]:
        """Give the Collector's variables that say where it is."""
        return {"SOCKETSCOPE_JAEGER_ENDPOINT": f"{HOST}:{self._ports['collector.otlp.grpc.host-port']}"}


def chosen(options: Options) -> tuple[Destination, ...]:
    """Make the destinations that the options name."""
    found: list[Destination] = []
    if options.prometheus:
        found.append(Prometheus(options.prometheus, options))
    if options.jaeger:
        found.append(Jaeger(options.jaeger, options))
    return tuple(found)


def _answers(url: str) -> bool:
    try:
        get(url)
    except Unreachable:
        return False
    return True
