"""What is in force in this process: versions, settings, the SDK and where it sends, how histograms leave.

It tells, and changes nothing. Run it as the service is run: `opentelemetry-instrument socketscope doctor`.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from opentelemetry import _logs, metrics, trace

from socketscope.errors import ConfigurationError
from socketscope.instrumentation import options
from socketscope.instrumentation.instrumentor import SocketscopeInstrumentor
from socketscope.telemetry.destinations import NONE, OTLP, Destination, by_destination, decided_elsewhere
from socketscope.telemetry.sdk_present import is_placeholder

PACKAGES: Final = (
    "socketscope",
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-instrumentation",
    "uvicorn",
    "hypercorn",
    "granian",
    "daphne",
    "starlette",
    "fastapi",
    "litestar",
    "quart",
    "channels",
    "python-socketio",
)
REACH: Final = 2.0
"""Seconds that a collector has to take a connection."""

AS_THE_SERVICE: Final = "run it as the service runs: opentelemetry-instrument socketscope doctor"

WHY_FAILED: Final = (
    'put right what stands above on standard error ("Failed to auto initialize OpenTelemetry"), '
    "and the destination if it can't be used"
)


class State(Enum):
    """How good what was found is."""

    GOOD = "good"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `advice` says what to do, where something is to be done."""

    subject: str
    found: str
    state: State = State.GOOD
    advice: str = ""


def examine(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Yield what is found, in the order in which one thing rests on another."""
    yield Finding("versions", _versions())
    settings = list(_settings(environment))
    yield from settings
    yield _instrumented(environment, usable=all(finding.state is State.GOOD for finding in settings[:1]))
    yield from _providers(environment)
    yield from _histograms()
    yield from _destinations(environment)


def _versions() -> str:
    found = [f"Python {sys.version.split()[0]}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _settings(environment: Mapping[str, str]) -> Iterator[Finding]:
    ours = sorted(name for name in environment if name in options.VARIABLES)
    try:
        options.from_environment(environment)
    except ConfigurationError as error:
        yield Finding("settings", str(error), State.BAD, "put it right")
    else:
        yield Finding("settings", ", ".join(ours) or "none: all defaults")
    for name in sorted(environment):
        near = get_close_matches(name, options.VARIABLES, n=1, cutoff=0.85)
        if near and name not in options.VARIABLES and name.startswith("SOCKETSCOPE_"):
            yield Finding("settings", f"{name} is read by nobody", State.BAD, f"is {near[0]} meant?")


def _instrumented(environment: Mapping[str, str], *, usable: bool) -> Finding:
    disabled = environment.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "")
    if {"socketscope", "*"} & {name.strip() for name in disabled.split(",")}:
        return Finding(
            "instrumentation", f"off: OTEL_PYTHON_DISABLED_INSTRUMENTATIONS={disabled}", State.BAD, "take it out there"
        )
    if not usable:
        return Finding("instrumentation", "off: a setting can't be used", State.BAD, "it stands above")
    if SocketscopeInstrumentor().is_instrumented_by_opentelemetry:
        return Finding("instrumentation", "on: every application that this process serves is watched")
    if _set_up_by_opentelemetry():
        return Finding(
            "instrumentation", "off: OpenTelemetry's set-up failed before it came to it", State.BAD, WHY_FAILED
        )
    return Finding(
        "instrumentation",
        "not switched on in this process",
        State.NOTE,
        f"{AS_THE_SERVICE}; socketscope.instrument(app) and the middleware switch themselves on",
    )


def _providers(environment: Mapping[str, str]) -> Iterator[Finding]:
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding("SDK", "off: OTEL_SDK_DISABLED=true", State.BAD, "nothing is sent while it is set")
        return
    providers = {
        "metrics": metrics.get_meter_provider(),
        "traces": trace.get_tracer_provider(),
        "logs": _logs.get_logger_provider(),
    }
    missing = [signal for signal, provider in providers.items() if is_placeholder(provider)]
    for signal, provider in providers.items():
        if signal not in missing:
            yield Finding(f"SDK, {signal}", f"{type(provider).__module__}.{type(provider).__qualname__}")
    if missing and _set_up_by_opentelemetry():
        yield Finding(f"SDK, {', '.join(missing)}", "its set-up failed: nothing is sent", State.BAD, WHY_FAILED)
    elif missing:
        yield Finding(f"SDK, {', '.join(missing)}", "none is set up in this process", State.NOTE, AS_THE_SERVICE)


def _set_up_by_opentelemetry() -> bool:
    """Whether this process was begun by `opentelemetry-instrument`, which logs what fails and lets the service run."""
    return "opentelemetry.instrumentation.auto_instrumentation" in sys.modules


def _histograms() -> Iterator[Finding]:
    provider = metrics.get_meter_provider()
    if is_placeholder(provider):
        return
    from socketscope.telemetry.in_place import ways_out

    ways = ways_out(provider)
    for way in ways:
        if way.with_histograms:
            yield Finding("histograms", f"leave through {way.name}")
        elif way.will_have:
            yield Finding("histograms", f"will leave through {way.name}, from the first connection on")
        else:
            yield Finding(
                "histograms",
                f"do not leave through {way.name}: counts and sums do",
                State.NOTE,
                "export by OTLP, or set OTEL_METRICS_EXPORTER=socketscope",
            )
    if not ways:
        yield Finding(
            "histograms",
            "have no way out that we know: counts and sums have",
            State.NOTE,
            "set OTEL_METRICS_EXPORTER=socketscope",
        )


def _destinations(environment: Mapping[str, str]) -> Iterator[Finding]:
    if elsewhere := decided_elsewhere(environment):
        yield Finding("destination", f"{elsewhere}; not checked", State.NOTE)
        return
    try:
        going = by_destination(environment)
    except ConfigurationError as error:
        yield Finding("destination", str(error), State.BAD, "put it right: until then the SDK sends nothing")
        return
    for destination, signals in going.items():
        subject = "destination" if len(going) == 1 else f"destination, {', '.join(signals)}"
        told = destination.told(signals)
        if destination.exporter == OTLP:
            yield _reached(subject, told, destination)
        else:
            yield Finding(subject, told if destination.exporter == NONE else f"{told}: not checked", State.NOTE)


def _reached(subject: str, told: str, destination: Destination) -> Finding:
    try:
        address = destination.address()
        if address is None:
            return Finding(subject, f"{told}: not checked, gRPC resolves it", State.NOTE)
        _connect(address)
    except (OSError, ValueError) as error:
        return Finding(
            subject, f"{told}: {error}", State.BAD, f"start a collector there, or set {destination.variable}"
        )
    if destination.hides_tls:
        return Finding(
            subject,
            f"{told}: takes connections",
            State.NOTE,
            "if there is no TLS there: put http:// before the address, or set OTEL_EXPORTER_OTLP_INSECURE=true",
        )
    return Finding(subject, f"{told}: takes connections")


def _connect(address: tuple[str, int] | str) -> None:
    """Connect and leave; raises OSError, or ValueError for a port that there is not."""
    if not isinstance(address, str):
        socket.create_connection(address, REACH).close()
        return
    with socket.socket(socket.AF_UNIX) as local:
        local.settimeout(REACH)
        local.connect(address)
