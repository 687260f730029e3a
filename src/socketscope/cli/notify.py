"""`socketscope notify`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from socketscope.config import Settings
    from socketscope.notify.base import Notification, Receipt

NOT_DELIVERED: Final = 1
"""Exit code where the receiver did not take the notification."""

notify = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Try out the receivers of alerts: mail, Slack, SMS, pager, webhook.",
)

_Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration file.", show_default="socketscope.yaml, if there is one")
]


@notify.command("test")
def send_test(name: Annotated[str, typer.Argument(help="Name of the notifier.")], *, config: _Config = None) -> None:
    """Send a test notification, and print what became of it."""
    from socketscope.errors import ConfigurationError
    from socketscope.notify.registry import build

    settings = _load(config)
    if name not in settings.notifiers:
        known = ", ".join(sorted(settings.notifiers)) or "none is configured: add it to the section 'notifiers'"
        raise ConfigurationError("NAME", name, f"one of the notifiers ({known})")
    receipt = asyncio.run(build(name, settings.notifiers[name]).send(example(time.time())))
    typer.echo(tell(name, receipt))
    if not receipt.delivered:
        raise typer.Exit(NOT_DELIVERED)


@notify.command("list")
def list_(*, config: _Config = None) -> None:
    """List the notifiers of the configuration."""
    notifiers = _load(config).notifiers
    width = max(map(len, notifiers), default=0)
    for name, options in sorted(notifiers.items()):
        typer.echo(f"{name:<{width}}  {options.type}")
    if not notifiers:
        typer.echo("No notifier is configured: add one to the section 'notifiers' of the configuration.", err=True)


def tell(name: str, receipt: Receipt) -> str:
    """Return a receipt in one line."""
    if receipt.delivered:
        return f"{name}: delivered ({receipt.detail})"
    wait = "" if receipt.retry_after is None else f" in {receipt.retry_after:g} s"
    what = f"try again{wait}" if receipt.again else "trying again will not help"
    return f"{name}: not delivered, {what} ({receipt.detail})"


def example(now: float) -> Notification:
    """Return a notification that says it is a test; each has a key of its own."""
    from socketscope.notify.base import Notification

    return Notification(
        fingerprint=f"test-{now:.3f}",
        key=f"test-{now:.3f}:test:0",
        rule="Test",
        status="test",
        severity="info",
        summary="socketscope reaches this receiver",
        labels={},
        value=None,
        threshold=None,
        started_at=now,
        at=now,
        metrics={"current_connections": None, "cpu_usage": None, "memory_usage": None, "errors": None, "uptime": None},
    )


def _load(config: Path | None) -> Settings:
    from socketscope.config import load

    return load(config)
