"""OpenTelemetry's own switches hold for us too: programs under `opentelemetry-instrument`, whose exporter prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from socketscope.instrumentation.options import from_environment
from socketscope.telemetry.sdk_present import is_placeholder

PROGRAM = """
import asyncio
import uvicorn
from socketscope.telemetry.process import process_telemetry
from socketscope.testing import AsgiClient

async def app(scope, receive, send):
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})

async def talk(app):
    for path in ("/ws", "/health/ws"):
        async with AsgiClient(app, path) as client:
            await client.accepted()
            await client.send_text("x")

config = uvicorn.Config(app, log_config=None)
config.load()
asyncio.run(talk(config.loaded_app))
print("handshakes:", sum(process_telemetry().accumulators.connections.handshakes().values()))
"""

CONFIGURATION = """
file_format: "1.0"
meter_provider:
  readers:
    - periodic:
        exporter:
          console: {}
"""


def ran(tmp_path: Path, **environment: str) -> str:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    instrument = Path(sys.executable).with_name("opentelemetry-instrument")
    names = {"OTEL_METRICS_EXPORTER": "console", "OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SOCKETSCOPE_"))}
    done = subprocess.run(
        [instrument, sys.executable, program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**kept, **names, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_with_none_of_them_every_connection_is_exported(tmp_path: Path) -> None:
    told = ran(tmp_path)
    assert "handshakes: 2" in told
    assert "websocket.server.handshake.duration" in told


def test_a_configuration_file_says_where_all_of_it_goes(tmp_path: Path) -> None:
    file = tmp_path / "otel.yaml"
    file.write_text(CONFIGURATION)
    told = ran(tmp_path, OTEL_CONFIG_FILE=str(file), OTEL_METRICS_EXPORTER="none")
    assert "handshakes: 2" in told
    assert '"aggregation_temporality": 2' in told
    assert "websocket.server.handshake.duration" in told


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis,socketscope"}],
    ids=["the SDK", "this instrumentation"],
)
def test_what_is_switched_off_measures_nothing(tmp_path: Path, variables: dict[str, str]) -> None:
    told = ran(tmp_path, **variables)
    assert "handshakes: 0" in told
    assert "websocket." not in told


@pytest.mark.parametrize(
    "name", ["OTEL_PYTHON_EXCLUDED_URLS", "OTEL_PYTHON_SOCKETSCOPE_EXCLUDED_URLS", "SOCKETSCOPE_EXCLUDED_URLS"]
)
def test_excluded_urls_are_not_watched(tmp_path: Path, name: str) -> None:
    assert "handshakes: 1" in ran(tmp_path, **{name: "health"})


def test_the_nearest_variable_stands() -> None:
    names = {"OTEL_PYTHON_EXCLUDED_URLS": "all", "OTEL_PYTHON_SOCKETSCOPE_EXCLUDED_URLS": "ours"}
    pattern = from_environment(names).excluded_urls
    assert pattern is not None
    assert (pattern.search("/ours") is None, pattern.search("/all")) == (False, None)


def test_a_provider_of_a_disabled_sdk_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry.sdk.trace import TracerProvider

    assert not is_placeholder(TracerProvider(shutdown_on_exit=False))
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert is_placeholder(TracerProvider(shutdown_on_exit=False))
