"""`socketscope trace`."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from socketscope.backends.base import Traces
    from socketscope.backends.http import Access
    from socketscope.config import Settings

UNKNOWN: Final = 1
"""Exit code for a connection of which nothing is known."""
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Backend(StrEnum):
    """Where traces are kept."""

    REMOTE = "remote"
    EMBEDDED = "embedded"
    JAEGER = "jaeger"
    TEMPO = "tempo"


@dataclass(frozen=True, slots=True)
class Place:
    """A backend that is asked, and how to say so."""

    traces: Traces
    name: str


def trace(
    connection_id: Annotated[str, typer.Argument(help="Value of websocket.connection.id: 16 hexadecimal digits.")],
    *,
    backend: Annotated[Backend, typer.Option(help="Where the traces are; remote is a running console.")] = (
        Backend.REMOTE
    ),
    url: Annotated[
        str | None,
        typer.Option(help="Address of the console, Jaeger or Tempo.", show_default="the console of the configuration"),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Directory of the store, for embedded; no `serve` may have it open.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="Search in this service only.")] = None,
    since: Annotated[str, typer.Option(help="How far back: a number and s, m, h or d.")] = "24h",
    as_json: Annotated[bool, typer.Option("--json", help="Print the spans as JSON.")] = False,
    token: Annotated[
        str | None, typer.Option(envvar="SOCKETSCOPE_TRACE_TOKEN", help="Bearer token for --url.", show_default=False)
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(envvar="SOCKETSCOPE_TRACE_USER", help="NAME:PASSWORD for --url.", show_default=False),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Tenant, sent as X-Scope-OrgID.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration file.", show_default="socketscope.yaml, if there is one")
    ] = None,
) -> None:
    """Show what happened on a connection: handshake, segments, the handler's own spans, close."""
    from socketscope.backends.http import Access, presentable
    from socketscope.cli.trace_view import as_text, print_timeline
    from socketscope.config import load
    from socketscope.errors import ConfigurationError

    if user is not None and ":" not in user:
        raise ConfigurationError("--user", "(hidden)", "NAME:PASSWORD")
    name, _, password = (user or "").partition(":")
    access = Access(bearer=token, basic=(name, password) if user else None, tenant=tenant)
    settings = load(config, {"store": {"data": data, "memory": False}} if data else None)
    until = time.time()
    start = until - _seconds(since)

    async def ask() -> None:
        async with _open(backend, url, access, settings) as place:
            timeline = await place.traces.timeline(connection_id, since=start, until=until, service=service)
            if timeline is None:
                where = f"{presentable(place.name)}{f', service {service}' if service else ''}"
                typer.echo(
                    f"No span of a connection {connection_id} was found in {where}, in the {since} until now. "
                    "Is the id whole, was the connection sampled, and is it longer ago (--since)?",
                    err=True,
                )
                raise typer.Exit(UNKNOWN)
            link = place.traces.link(timeline.spans[0].trace_id)
            if as_json:
                typer.echo(as_text(timeline, link=link))
            else:
                print_timeline(timeline, link=link, now=until)

    asyncio.run(ask())


@contextlib.asynccontextmanager
async def _open(backend: Backend, url: str | None, access: Access, settings: Settings) -> AsyncIterator[Place]:
    if backend is Backend.EMBEDDED:
        from socketscope.backends.embedded_traces import EmbeddedTraces
        from socketscope.cli.stored import opened_store

        async with opened_store(settings) as store:
            yield Place(EmbeddedTraces(store, links=settings.links), str(settings.store.file))
    elif backend is Backend.REMOTE:
        async with _remote(url, access, settings) as place:
            yield place
    elif backend is Backend.JAEGER:
        from socketscope.backends.jaeger import JaegerTraces

        async with JaegerTraces(_needed(url, backend), access=access, page_url=settings.links.jaeger_url) as jaeger:
            yield Place(jaeger, f"Jaeger at {url}")
    else:
        from socketscope.backends.tempo import TempoTraces

        async with TempoTraces(_needed(url, backend), access=access, links=settings.links) as tempo:
            yield Place(tempo, f"Tempo at {url}")


@contextlib.asynccontextmanager
async def _remote(url: str | None, access: Access, settings: Settings) -> AsyncIterator[Place]:
    from socketscope.backends.remote import RemoteBackend
    from socketscope.cli.asked import console

    url, token = console(settings, url, access.bearer)
    async with await RemoteBackend.connect(url, token=token) as remote:
        yield Place(remote, f"the console at {url}")


def _needed(url: str | None, backend: Backend) -> str:
    from socketscope.errors import ConfigurationError

    if url is None:
        raise ConfigurationError("--url", None, f"the address of {backend.value.capitalize()}")
    return url


def _seconds(text: str) -> float:
    from socketscope.errors import ConfigurationError

    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not found or not float(found[1]):
        raise ConfigurationError("--since", text, "a number and s, m, h or d, as 90m or 7d")
    return float(found[1]) * _UNITS[found[2]]
