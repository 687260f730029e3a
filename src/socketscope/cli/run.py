"""`socketscope run`."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from click.exceptions import ClickException, Exit
from uvicorn.main import main as uvicorn_command

from socketscope.cli import MISUSE
from socketscope.errors import ConfigurationError, MissingExtraError
from socketscope.telemetry.destinations import NONE, by_destination, decided_elsewhere

DEFAULTS: Final = {
    # Histograms of messages leave through this exporter alone (docs/decisions).
    "OTEL_METRICS_EXPORTER": "socketscope",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_BSP_SCHEDULE_DELAY": "1000",
    "OTEL_BLRP_SCHEDULE_DELAY": "1000",
    # A dead collector must not hold up the end of the service: 30 s with OpenTelemetry's default.
    "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
    "SOCKETSCOPE_TCP_USER_TIMEOUT": "20",
}

PROTOCOL: Final = "socketscope.hub.uvicorn:Protocol"


def run(
    context: typer.Context,
    app: Annotated[str, typer.Argument(help="The application, as uvicorn takes it: module:attribute.")],
    *,
    service_name: Annotated[
        str | None,
        typer.Option(help="`service.name` of the telemetry.", show_default="OTEL_SERVICE_NAME, or the module"),
    ] = None,
) -> None:
    """Serve an application with uvicorn and watch its WebSockets; further options are uvicorn's."""
    arguments = with_protocol([app, *context.args], os.environ)
    environment = environment_for(application(arguments), service_name, os.environ)
    typer.echo(f"socketscope: {destination(environment)}")
    sys.stdout.flush()
    command = [_program("opentelemetry-instrument"), _program("uvicorn"), *arguments]
    os.execve(command[0], command, environment)  # noqa: S606  # uvicorn's own signals and exit status


def application(arguments: list[str]) -> str:
    """Find the application among the arguments, as uvicorn does: an option's value may have a colon too (`--host ::1`).

    Raises `ConfigurationError` where it is no application; ends the command where uvicorn would not start with them.
    """
    try:
        with uvicorn_command.make_context("uvicorn", [*arguments]) as read:
            app: str = read.params["app"]
    except ClickException as refused:
        typer.echo(f"uvicorn: {refused.format_message()}", err=True)
        raise typer.Exit(MISUSE) from refused
    except Exit as done:  # it has told its version
        raise typer.Exit(done.exit_code) from done
    if ":" not in app:
        raise ConfigurationError("APP", app, "module:attribute, such as app:app")
    return app


def with_protocol(arguments: list[str], environment: Mapping[str, str]) -> list[str]:
    """Add our uvicorn protocol, over which a hub sends a frame that it makes once, unless another one is asked for."""
    asked = any(argument == "--ws" or argument.startswith("--ws=") for argument in arguments)
    return arguments if asked or "UVICORN_WS" in environment else [*arguments, "--ws", PROTOCOL]


def destination(environment: Mapping[str, str]) -> str:
    """Say in one line where the telemetry goes, and how often.

    Raises `ConfigurationError` for what is no interval, and for what the SDK could not be set up with.
    """
    name = environment["OTEL_SERVICE_NAME"]
    if elsewhere := decided_elsewhere(environment):
        return f"{name}: {elsewhere}"
    going = by_destination(environment)
    interval = environment["OTEL_METRIC_EXPORT_INTERVAL"]
    try:
        every = f"every {float(interval) / 1000:g} s"
    except ValueError as error:
        raise ConfigurationError("OTEL_METRIC_EXPORT_INTERVAL", interval, "a number of milliseconds") from error
    return f"{name} sends " + "; ".join(
        f"{_and(signals)} {where.told(signals)}{f' {every}' if where.exporter != NONE else ''}"
        for where, signals in going.items()
    )


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def environment_for(app: str, service_name: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment in which the application runs: what is set already stays, the rest gets our defaults.

    OpenTelemetry's specification has an empty variable be as one that is not set; its SDK for Python does not always.
    """
    made = DEFAULTS | {name: value for name, value in environment.items() if value or not name.startswith("OTEL_")}
    made["OTEL_SERVICE_NAME"] = service_name or environment.get("OTEL_SERVICE_NAME") or app.partition(":")[0]
    # Every worker needs the same key, or the same user is another one in each.
    made.setdefault("SOCKETSCOPE_USER_KEY", secrets.token_hex(32))
    # uvicorn's own program puts the working directory there; under opentelemetry-instrument it must be said.
    made["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path.cwd()), environment.get("PYTHONPATH"))))
    return made


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise MissingExtraError("socketscope run", "otlp")
    return found
