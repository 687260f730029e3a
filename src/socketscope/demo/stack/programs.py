"""The command lines of the demo's own programs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from socketscope.demo.stack import alerts
from socketscope.demo.stack.options import HOST, Options
from socketscope.demo.stack.process import Program
from socketscope.demo.stack.replicas import Replica
from socketscope.demo.stack.report import Files

_DEMO = Path(__file__).resolve().parents[1]
_BESIDE_PYTHON = Path(sys.executable).parent


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """Make the environment of all programs: the given one, without telemetry's settings and proxies for loopback."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("OTEL_", "SOCKETSCOPE_"))}
    kept["PATH"] = os.pathsep.join([str(_BESIDE_PYTHON), environment.get("PATH", os.defpath)])
    direct = ",".join(filter(None, [environment.get("no_proxy") or environment.get("NO_PROXY"), HOST, "localhost"]))
    return kept | {"no_proxy": direct, "NO_PROXY": direct, "PYTHONUNBUFFERED": "1"}


def console(options: Options, directory: Path) -> Program:
    """Say how to start the console with the embedded backend."""
    return Program(
        "console",
        [
            *(sys.executable, "-m", "socketscope", "serve"),
            *("--port", str(options.port)),
            *("--otlp-grpc-port", str(options.store_grpc_port)),
            *("--otlp-http-port", str(options.store_http_port)),
            *("--data", str(directory / "data")),
            *("--config", str(directory / alerts.CONFIGURATION)),
        ],
    )


def mail(mailbox: alerts.Mailbox) -> Program:
    """Say how to start the server that takes the mails about alerts."""
    return Program(
        "mail",
        [sys.executable, "-m", "socketscope.demo.stack.smtp_sink", str(mailbox.port), str(mailbox.file)],
    )


def report(directory: Path, files: Files, *, since: float) -> Program:
    """Say how to make the report of everything since then, and send it by mail; no console may run."""
    return Program(
        "report",
        [
            *(sys.executable, "-m", "socketscope", "report", "--since", f"{since:.3f}"),
            *("--data", str(directory / "data"), "--config", str(directory / alerts.CONFIGURATION)),
            *("--output", str(files.html), "--output", str(files.json), "--send", alerts.NOTIFIER),
        ],
    )


def chat(options: Options, replica: Replica) -> Program:
    """Say how to start a process of the chat, made visible from outside: by `opentelemetry-instrument` and variables.

    On the hub it knows its users and channels by itself.
    """
    if options.hub:
        app = ["socketscope.demo.chat_hub:app", "--ws", "socketscope.hub.uvicorn:Protocol"]
        known = {"REDIS_URL": replica.broker_url} if replica.broker_url else {}
    else:
        app = ["chat:app", "--app-dir", str(_DEMO)]
        known = {"SOCKETSCOPE_CHANNEL_FROM": "path:room", "SOCKETSCOPE_USER_FROM": "query:user"}
        if not options.fastapi_telemetry:
            app = ["socketscope.demo.chat_untraced:app"]
    python = options.chat_python or Path(sys.executable)
    port = options.otlp_grpc_port if options.collector else options.store_grpc_port
    return Program(
        replica.name,
        [
            *(_installed("opentelemetry-instrument", python), _installed("uvicorn", python), *app),
            *("--host", HOST, "--port", str(replica.port), "--log-level", "warning"),
        ],
        {
            "OTEL_SERVICE_NAME": "chat",
            "OTEL_EXPORTER_OTLP_ENDPOINT": options.otlp_endpoint or f"http://{HOST}:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
            # Where the instrumentor of FastAPI is installed, too, it would stand in for FastAPI's own telemetry.
            "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "fastapi",
            "OTEL_METRICS_EXPORTER": options.metrics_exporter,
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_BSP_SCHEDULE_DELAY": "1000",
            "OTEL_BLRP_SCHEDULE_DELAY": "1000",
            "SOCKETSCOPE_USER_KEY": replica.user_key,
            **known,
        },
    )


def users(options: Options, replicas: Sequence[Replica], ledger: Path) -> Program:
    """Say how to start the simulated users."""
    urls = [word for replica in replicas for word in ("--url", replica.url)]
    duration = [] if options.duration is None else ["--duration", str(options.duration)]
    return Program(
        "users",
        [
            *(sys.executable, str(_DEMO / "users.py"), *urls),
            *("--seed", str(options.seed), "--users", str(options.users)),
            *("--messages", str(options.messages), "--ledger", str(ledger), *duration),
        ],
    )


def _installed(script: str, python: Path) -> str:
    """Find the script of a Python's environment, or the one on the PATH."""
    beside = python.parent / script
    return str(beside) if beside.is_file() else shutil.which(script) or script
