"""Where each signal goes, told from OpenTelemetry's variables without importing an SDK.

The rules are those of the specification's "OpenTelemetry Protocol Exporter" (a signal's own endpoint is taken as it is;
over HTTP the one of all signals gets `/v1/SIGNAL` after it), and where it leaves something open, those of the SDK for
Python: what an empty list of exporters means, and when gRPC speaks TLS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Final
from urllib.parse import urlsplit

from socketscope.errors import ConfigurationError

SIGNALS: Final = ("metrics", "traces", "logs")

DEFAULT_ENDPOINTS: Final = {"grpc": "http://localhost:4317", "http/protobuf": "http://localhost:4318"}
"""By protocol; there are no others in the SDK for Python."""

NONE: Final = "none"
"""The exporter that is none."""
OTLP: Final = "otlp"
"""Any that sends OTLP, ours too."""

_PROTOCOL_OF: Final = {"otlp_proto_grpc": "grpc", "otlp_proto_http": "http/protobuf"}
_BY_VARIABLE: Final = {OTLP, "socketscope"}

_GRPC_RESOLVES: Final = {"dns", "ipv4", "ipv6", "unix-abstract", "vsock", "xds"}
"""Schemes of gRPC's names (its document "Name Resolution") that lead to no single host and port."""
_GRPC_PORT: Final = 443
"""Where gRPC goes when it is told no port, with TLS or without."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an exporter sends.

    * `exporter`: `otlp`, `none`, or another one's name; whither that one sends is its own affair.
    * `protocol`, `endpoint`: of OTLP; `endpoint` as it was set. `variable` is the one that sets it.
    * `by_signal`: each signal goes to a path of its own under `endpoint`.
    * `tls`: the connection is encrypted.
    """

    exporter: str
    protocol: str = ""
    endpoint: str = ""
    variable: str = ""
    by_signal: bool = False
    tls: bool = False

    def told(self, signals: Sequence[str]) -> str:
        """Say it of these signals: `by OTLP (grpc) to http://localhost:4317`."""
        if self.exporter == NONE:
            return "nowhere"
        if self.exporter != OTLP:
            return f"through the exporter {self.exporter!r}"
        path = ""
        if self.by_signal:
            path = "/v1/" + (signals[0] if len(signals) == 1 else f"{{{','.join(signals)}}}")
        over = " over TLS" if self.hides_tls else ""
        return f"by OTLP ({self.protocol}{over}) to {self.endpoint.removesuffix('/') if path else self.endpoint}{path}"

    @property
    def hides_tls(self) -> bool:
        """Whether the connection is encrypted though the address does not say so."""
        return self.tls and _scheme(self.endpoint) != "https"

    def address(self) -> tuple[str, int] | str | None:
        """Give what to connect to: host and port, or the path of a Unix socket; None: whatever gRPC resolves it to.

        Raises ValueError for what is no address.
        """
        if self.protocol != "grpc":
            parts = urlsplit(self.endpoint)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("it does not begin with http://HOST or https://HOST")
            return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        target = urlsplit(self.endpoint).netloc
        if not target:
            target = self.endpoint
            scheme, _, rest = target.partition(":")
            if scheme == "unix":
                return rest.removeprefix("//")
            if scheme in _GRPC_RESOLVES:
                return None
        parts = urlsplit(f"//{target}")
        if parts.path or not parts.hostname:
            raise ValueError("it is no HOST:PORT, with http:// or https:// before it or not, and no unix:PATH")
        return parts.hostname, parts.port or _GRPC_PORT


def decided_elsewhere(environment: Mapping[str, str]) -> str:
    """Say why no exporter's variable counts; empty where they do."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "nothing is sent: OTEL_SDK_DISABLED=true"
    if file := environment.get("OTEL_CONFIG_FILE"):
        return f"as OTEL_CONFIG_FILE={file} says"
    return ""


def by_destination(environment: Mapping[str, str]) -> dict[Destination, list[str]]:
    """Give the signals that go to each destination.

    Raises `ConfigurationError` for an exporter that is not installed and a protocol that there is not: the SDK's set-up
    fails with either, and then nothing is sent at all.
    """
    found: dict[Destination, list[str]] = {}
    for signal in SIGNALS:
        for destination in dict.fromkeys(_destinations(signal, environment)):
            found.setdefault(destination, []).append(signal)
    return found


def otlp_protocol(signal: str, environment: Mapping[str, str]) -> str:
    """Give the protocol of a signal; raises `ConfigurationError` for one that there is not."""
    variable, protocol = _first(
        environment, f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    protocol = protocol or "grpc"
    if protocol not in DEFAULT_ENDPOINTS:
        raise ConfigurationError(variable, protocol, "'grpc' or 'http/protobuf'")
    return protocol


def _destinations(signal: str, environment: Mapping[str, str]) -> list[Destination]:
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    # What `opentelemetry-instrument` does: unset is OTLP, but set to nothing is none.
    names = environment.get(variable, OTLP).strip()
    if not names or names.lower() == NONE:
        return [Destination(NONE)]
    return [_destination(name.strip(), variable, signal, environment) for name in names.split(",")]


def _destination(name: str, variable: str, signal: str, environment: Mapping[str, str]) -> Destination:
    group = f"opentelemetry_{signal}_exporter"
    if not entry_points(group=group, name=name):
        known = sorted({entry.name for entry in entry_points(group=group)})
        raise ConfigurationError(variable, environment.get(variable, OTLP), f"none, or names of {', '.join(known)}")
    if name in _BY_VARIABLE:
        protocol = otlp_protocol(signal, environment)
    elif name in _PROTOCOL_OF:
        protocol = _PROTOCOL_OF[name]
    else:
        return Destination(name)
    own, of_all = f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    variable, endpoint = _first(environment, own, of_all)
    if not endpoint and protocol == "grpc" and of_all in environment:
        raise ConfigurationError(
            of_all, "", "an address, or the variable not set: OpenTelemetry's gRPC takes it as it is"
        )
    endpoint = endpoint or DEFAULT_ENDPOINTS[protocol]
    return Destination(
        OTLP,
        protocol,
        endpoint,
        variable,
        by_signal=protocol != "grpc" and variable == of_all,
        tls=_scheme(endpoint) == "https" or (protocol == "grpc" and _grpc_encrypts(signal, endpoint, environment)),
    )


def _grpc_encrypts(signal: str, endpoint: str, environment: Mapping[str, str]) -> bool:
    _, plain = _first(environment, f"OTEL_EXPORTER_OTLP_{signal.upper()}_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE")
    return plain.lower() != "true" if plain else _scheme(endpoint) != "http"


def _first(environment: Mapping[str, str], *variables: str) -> tuple[str, str]:
    """Give the first variable that is set, and its value; else the last one, and nothing."""
    for variable in variables:
        if value := environment.get(variable, "").strip():
            return variable, value
    return variables[-1], ""


def _scheme(endpoint: str) -> str:
    return endpoint.partition("://")[0].lower()
