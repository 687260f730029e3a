"""What the demo may be told."""

from __future__ import annotations

import os
import socket
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from socketscope.errors import ConfigurationError, PortInUseError

HOST: Final = "127.0.0.1"
"""Everything listens on the loopback interface alone."""
_chosen: Final = deque[int](maxlen=1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Ports, size and length of a demo. Raises `ConfigurationError` for a value that can't be used.

    * `duration` is in seconds; None goes on until the demo is stopped.
    * `collector` is the Collector's program, None where none was found; `prometheus` and `jaeger` are those of further
      destinations, None where they are not wanted.
    * `otlp_endpoint` is where the chat sends its telemetry (OTLP over gRPC) in place of the Collector,
      `metrics_exporter` its `OTEL_METRICS_EXPORTER`, `fastapi_telemetry` whether FastAPI's own telemetry stays on.
    * `hub` says that the chat is the one on the hub, `replicas` of how many processes it is, and `redis` is the program
      of the broker between them, None where there is none.
    * `chat_python` is the Python of an environment in which the chat runs, None for this one.
    """

    duration: float | None = None
    port: int = 8300
    otlp_grpc_port: int = 4317
    otlp_http_port: int = 4318
    store_grpc_port: int = 14317
    store_http_port: int = 14318
    chat_port: int = 8000
    prometheus_port: int = 9090
    jaeger_port: int = 16686
    users: int = 100
    messages: int = 2500
    seed: int = 1
    collector: Path | None = None
    prometheus: Path | None = None
    jaeger: Path | None = None
    hub: bool = False
    replicas: int = 1
    redis: Path | None = None
    otlp_endpoint: str | None = None
    fastapi_telemetry: bool = True
    chat_python: Path | None = None
    metrics_exporter: str = "socketscope"

    def __post_init__(self) -> None:
        if self.duration is not None and not self.duration > 0:
            raise ConfigurationError("--duration", self.duration, "seconds greater than 0")
        if self.users < 3:
            raise ConfigurationError("--users", self.users, "3 or more, so that one sees the other leave")
        if self.messages < 1:
            raise ConfigurationError("--messages", self.messages, "1 or more")
        self._check_hub()
        if (self.prometheus or self.jaeger) and not self.collector:
            raise ConfigurationError(
                "SOCKETSCOPE_OTELCOL", None, "the Collector, which Prometheus and Jaeger get their data from"
            )
        if self.otlp_endpoint is not None and not is_endpoint(self.otlp_endpoint):
            raise ConfigurationError("--otlp-endpoint", self.otlp_endpoint, "http://HOST:PORT or https://HOST:PORT")
        if self.chat_python is not None and not (self.chat_python.is_file() and os.access(self.chat_python, os.X_OK)):
            raise ConfigurationError("--chat-python", str(self.chat_python), "the Python program of an environment")
        options: dict[int, str] = {}
        for option, port in self.ports().items():
            if not 0 < port < 65536:
                raise ConfigurationError(option, port, "a port between 1 and 65535")
            if port in options:
                raise ConfigurationError(option, port, f"a port of its own ({options[port]} has this one)")
            options[port] = option

    def _check_hub(self) -> None:
        if not 1 <= self.replicas <= 16:
            raise ConfigurationError("--replicas", self.replicas, "1 to 16")
        if self.redis and not self.hub:
            raise ConfigurationError("--broker", "redis", "--hub with it: the plain chat has no broker")
        if self.replicas > 1 and not self.redis:
            raise ConfigurationError(
                "--replicas", self.replicas, "--hub --broker redis with it: else each process has rooms of its own"
            )
        if self.hub and not self.fastapi_telemetry:
            raise ConfigurationError("--fastapi-telemetry", self.fastapi_telemetry, "the plain chat, without --hub")

    def ports(self) -> dict[str, int]:
        """Each port that the demo's programs will listen on, by its option."""
        own = {
            "--port": self.port,
            "--store-grpc-port": self.store_grpc_port,
            "--store-http-port": self.store_http_port,
            "--chat-port": self.chat_port,
        }
        if self.collector:
            own |= {"--otlp-grpc-port": self.otlp_grpc_port, "--otlp-http-port": self.otlp_http_port}
        if self.prometheus:
            own["--prometheus-port"] = self.prometheus_port
        if self.jaeger:
            own["--jaeger-port"] = self.jaeger_port
        return own

    def require_free_ports(self) -> None:
        """Raise `PortInUseError` for the first port that another program listens on."""
        for option, port in self.ports().items():
            with socket.socket() as probe:
                # As servers do: what lingers of a connection that has ended is no listener.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError as error:
                    raise PortInUseError(HOST, port, option) from error


def is_endpoint(url: str) -> bool:
    """Whether `url` is the address of an OTLP receiver as the SDK takes it."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port is not None
    except ValueError:  # a port that is none
        return False


def free_port() -> int:
    """Let the system choose a port on the loopback interface; none of the last ones that it chose, which may wait."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in _chosen:
            _chosen.append(port)
            return port
