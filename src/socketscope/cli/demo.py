"""`socketscope demo`: a chat, its simulated users, the Collector and the console, in a browser."""

from __future__ import annotations

import os
import signal
import tempfile
import webbrowser
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console as Terminal

from socketscope.demo.stack import collector, destinations
from socketscope.demo.stack.display import Display
from socketscope.demo.stack.options import Options
from socketscope.demo.stack.replicas import Broker, find_redis
from socketscope.demo.stack.report import Files
from socketscope.demo.stack.run import Demo, StoppedEarlyError
from socketscope.errors import ConfigurationError, MissingExtraError, PortInUseError, SocketscopeError

FAILED = 1
WRONG_OPTION = 2
DIFFERENT = 3
INTERRUPTED = 130


def demo(
    *,
    duration: Annotated[
        float | None,
        typer.Option(help="Seconds for which the users talk.", show_default="until Ctrl-C"),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the console in a browser.")] = True,
    summary: Annotated[
        Path | None, typer.Option(help="Write the comparison to this file, as JSON, and the report beside it.")
    ] = None,
    port: Annotated[int, typer.Option(help="The console's port.")] = 8300,
    otlp_grpc_port: Annotated[int, typer.Option(help="The Collector's port for OTLP over gRPC.")] = 4317,
    otlp_http_port: Annotated[int, typer.Option(help="The Collector's port for OTLP over HTTP.")] = 4318,
    store_grpc_port: Annotated[int, typer.Option(help="The embedded backend's port for OTLP over gRPC.")] = 14317,
    store_http_port: Annotated[int, typer.Option(help="The embedded backend's port for OTLP over HTTP.")] = 14318,
    chat_port: Annotated[int, typer.Option(help="The chat's port.")] = 8000,
    prometheus: Annotated[bool, typer.Option("--prometheus", help="Send to a Prometheus too.")] = False,
    prometheus_port: Annotated[int, typer.Option(help="Prometheus' port.")] = 9090,
    jaeger: Annotated[bool, typer.Option("--jaeger", help="Send to a Jaeger too.")] = False,
    jaeger_port: Annotated[int, typer.Option(help="The port of Jaeger's page.")] = 16686,
    hub: Annotated[bool, typer.Option("--hub", help="Run the chat that is built on the hub.")] = False,
    replicas: Annotated[int, typer.Option(help="Processes of the chat; more than one need a broker.")] = 1,
    broker: Annotated[
        Broker, typer.Option(help="What joins the processes; `redis` is started for it, if it is installed.")
    ] = "memory",
    users: Annotated[int, typer.Option(help="Users connected at the same time.")] = 100,
    messages: Annotated[int, typer.Option(help="Messages that they say (each goes to a whole room).")] = 2500,
    seed: Annotated[int, typer.Option(help="The same seed gives the same users and messages.")] = 1,
    otlp_endpoint: Annotated[
        str | None,
        typer.Option(
            help="Where the chat sends its telemetry (http://HOST:PORT, OTLP over gRPC).", show_default="Collector"
        ),
    ] = None,
    fastapi_telemetry: Annotated[
        bool, typer.Option(help="Leave FastAPI's own telemetry on in the chat, as it comes.")
    ] = True,
    chat_python: Annotated[
        Path | None,
        typer.Option(help="Run the chat with the Python of another environment.", show_default="this one"),
    ] = None,
    metrics_exporter: Annotated[
        str, typer.Option(help="The chat's OTEL_METRICS_EXPORTER; with `otlp` it sends no histograms of ours.")
    ] = "socketscope",
) -> None:
    """Run a chat with simulated users, watch it in the console, and compare what came back with what they did.

    It ends with a report of the run.

    Exit codes: 0 all numbers are equal, 1 a program failed, 2 a wrong option or a port in use, 3 a number differs, the
    alert did not fire or resolve, or a mail of it or with the report did not arrive, 130 stopped before the users had
    begun.
    """
    terminal = Terminal()
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        _require_writable(summary)
        options = Options(
            duration=duration,
            port=port,
            otlp_grpc_port=otlp_grpc_port,
            otlp_http_port=otlp_http_port,
            store_grpc_port=store_grpc_port,
            store_http_port=store_http_port,
            chat_port=chat_port,
            prometheus_port=prometheus_port,
            jaeger_port=jaeger_port,
            users=users,
            messages=messages,
            seed=seed,
            collector=collector.find(os.environ),
            prometheus=destinations.find("prometheus", os.environ) if prometheus else None,
            jaeger=destinations.find("jaeger", os.environ) if jaeger else None,
            hub=hub,
            replicas=replicas,
            redis=find_redis(os.environ) if broker == "redis" else None,
            otlp_endpoint=otlp_endpoint,
            fastapi_telemetry=fastapi_telemetry,
            chat_python=chat_python,
            metrics_exporter=metrics_exporter,
        )
        with tempfile.TemporaryDirectory(prefix="socketscope-demo-") as folder, Display(terminal) as display:

            def ready(url: str) -> None:
                display.say(f"Console: {url}" + ("" if duration else "    (Ctrl-C ends the demo)"))
                if open_browser and not _open(url):
                    display.say("No graphical browser found: open it yourself.")

            found = Demo(
                options,
                directory=Path(folder),
                environment=os.environ,
                display=display,
                stop=stop,
                report=Files.beside(summary or Path(tempfile.mkdtemp(prefix="socketscope-report-"), "demo")),
                on_ready=ready,
            ).run()
        found.show(terminal)
        if summary:
            found.write(summary)
    except StoppedEarlyError:
        raise typer.Exit(INTERRUPTED) from None
    except SocketscopeError as error:
        typer.echo(f"socketscope demo: {error}", err=True)
        wrong = isinstance(error, ConfigurationError | MissingExtraError | PortInUseError)
        raise typer.Exit(WRONG_OPTION if wrong else FAILED) from None
    if not found.equal or found.missing:
        raise typer.Exit(DIFFERENT)


def _open(url: str) -> bool:
    """Open `url` in a browser with windows; one in the terminal would take it away from the demo."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    return type(browser) is not webbrowser.GenericBrowser and browser.open(url)


def _require_writable(summary: Path | None) -> None:
    # Before the run, not after it: a wrong path must not cost the result.
    if summary is not None and (summary.is_dir() or not os.access(summary.absolute().parent, os.W_OK)):
        raise ConfigurationError("--summary", str(summary), "a file in a folder that exists and can be written")
