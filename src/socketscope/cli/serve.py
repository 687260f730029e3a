"""`socketscope serve`."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from socketscope.alerting import AlertsService
    from socketscope.config import Settings
    from socketscope.service import Service


class Only(StrEnum):
    """Parts of the service that can run alone."""

    ALERTS = "alerts"


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address of page and API.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port of page and API; 0: a free one.", show_default="8300")] = None,
    otlp_host: Annotated[str | None, typer.Option(help="Address to receive OTLP on.", show_default="127.0.0.1")] = None,
    otlp_grpc_port: Annotated[
        int | None, typer.Option(help="Port for OTLP over gRPC; 0: a free one.", show_default="4317")
    ] = None,
    otlp_http_port: Annotated[
        int | None, typer.Option(help="Port for OTLP over HTTP; 0: a free one.", show_default="4318")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Directory of the store.", show_default="the user's data directory")
    ] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Keep everything in memory, and nothing after.")] = False,
    config: Annotated[
        Path | None, typer.Option(help="Configuration file.", show_default="socketscope.yaml, if there is one")
    ] = None,
    only: Annotated[
        Only | None,
        typer.Option(
            help="Run alerts and reports alone, over the backend of the configuration.", show_default="everything"
        ),
    ] = None,
) -> None:
    """Receive OTLP, keep it, show it, tell of what is wrong, and report on each day."""
    from socketscope.config import load
    from socketscope.errors import ConfigurationError

    if memory and data is not None:
        raise ConfigurationError("--data", str(data), "either --data or --memory")
    options = {
        "console": given(host=host, port=port),
        "otlp": given(host=otlp_host, grpc_port=otlp_grpc_port, http_port=otlp_http_port),
        # A directory that is given on the command line also wins over `memory` of the file.
        "store": given(data=data, memory=True if memory else False if data else None),
    }
    settings = load(config, options)
    asyncio.run(_serve_alerts(settings) if only else _serve(settings))


def given(**options: Any) -> dict[str, Any]:
    """Return the options that were given: those that are not None."""
    return {name: value for name, value in options.items() if value is not None}


async def _serve(settings: Settings) -> None:
    from socketscope.service import Service
    from socketscope.serving import stop_at_signal

    with stop_at_signal() as stop:
        async with Service(settings) as service:
            announce(service)
            await service.run_until(stop)


async def _serve_alerts(settings: Settings) -> None:
    from socketscope.alerting import AlertsService
    from socketscope.serving import stop_at_signal

    with stop_at_signal() as stop:
        async with AlertsService(settings) as service:
            announce_alerts(service)
            await service.run_until(stop)


def announce(service: Service) -> None:
    """Print where everything listens. The last line begins with `ready`."""
    _announce(
        service.console_url,
        ("console", service.console_url),
        ("OTLP gRPC", service.otlp_grpc),
        ("OTLP HTTP", service.otlp_http),
        ("store", str(service.store_file or "in memory")),
        ("alerts", service.alerting),
        ("reports", service.reporting),
    )


def announce_alerts(service: AlertsService) -> None:
    """Print what runs, as `announce` does."""
    backend = service.settings.backend
    _announce(
        service.url,
        ("routes", f"{service.url}/alerts"),
        ("backend", f"{backend.kind} {backend.url or ''}".rstrip()),
        ("alerts", service.alerting),
        ("reports", service.reporting),
    )


def _announce(ready: str, *lines: tuple[str, str]) -> None:
    from rich.console import Console

    console = Console(soft_wrap=True, highlight=False, markup=False)
    for what, where in lines:
        console.print(f"{what:<10} {where}")
    console.print(f"{'ready':<10} {ready}", style="bold green")
