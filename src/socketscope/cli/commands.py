"""The list of commands, and the group that imports the one that is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typing_extensions import override

from socketscope import __version__
from socketscope.errors import MissingExtraError

EXTRAS: Final = {
    "otlp": ("opentelemetry.sdk", "opentelemetry.exporter.otlp", "uvicorn"),
    "server": (
        "aiosmtpd",
        "aiosmtplib",
        "apprise",
        "babel",
        "cronsim",
        "duckdb",
        "fastapi",
        "grpc",
        "httpx2",
        "jinja2",
        "matplotlib",
        "opentelemetry.proto",
        "pydantic_settings",
        "rich",
        "uvicorn",
        "yaml",
    ),
}
"""Extra -> modules that it brings."""

ANY_ARGUMENTS: Final = {"allow_extra_args": True, "ignore_unknown_options": True}


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the extra that it needs, and how its arguments are read. Its function, or group, has its name."""

    extra: str
    context_settings: Mapping[str, Any] = field(default_factory=dict)


COMMANDS: Final = {
    "run": Entry("otlp", ANY_ARGUMENTS),
    "serve": Entry("server"),
    "demo": Entry("server"),
    "trace": Entry("server"),
    "report": Entry("server"),
    "rules": Entry("server"),
    "notify": Entry("server"),
    "doctor": Entry("otlp"),
}
"""All commands, in the order of the help. `socketscope.cli.NAME` has the function, or the group of commands, `NAME`."""


class Commands(TyperGroup):
    """Imports a command when it is asked for."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, whether or not their extra is installed."""
        return list(COMMANDS)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command, or one that says which extra is missing; None for an unknown name."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        if not has_extra(entry.extra):
            return _missing(cmd_name, entry.extra)
        function = getattr(import_module(f"socketscope.cli.{cmd_name}"), cmd_name)
        if isinstance(function, typer.Typer):  # a group of commands
            return typer.main.get_command(function)
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(cmd_name, context_settings=dict(entry.context_settings))(function)
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=Commands,
    help="See every WebSocket connection of a Python service.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def has_extra(extra: str) -> bool:
    """Whether all modules of `extra` are installed; none is imported."""
    return all(_is_installed(module) for module in EXTRAS[extra])


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"socketscope {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """See every WebSocket connection of a Python service."""


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is missing
        return False


def _missing(name: str, extra: str) -> TyperCommand:
    def refuse(*_: Any, **__: Any) -> None:
        raise MissingExtraError(f"socketscope {name}", extra)

    return TyperCommand(
        name, callback=refuse, help=f"Needs the extra '{extra}', not installed.", context_settings=dict(ANY_ARGUMENTS)
    )
