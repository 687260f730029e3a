"""What `socketscope serve` runs: store, receivers, alerts, reports, console; started in order, stopped in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from typing_extensions import override

from socketscope.access import Token
from socketscope.addresses import authority, listen
from socketscope.alerting import Alerting, alerting_over, opened
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.embedded_traces import EmbeddedTraces
from socketscope.console.app import create_app
from socketscope.errors import ConfigurationError
from socketscope.reporting import Ask, Asked, asking, described, refuse_receivers, reporting_over
from socketscope.serving import Served
from socketscope.store.receiver import Receiver
from socketscope.store.store import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fastapi import FastAPI

    from socketscope.alerts.board import Board
    from socketscope.backends.links import LinkOptions
    from socketscope.config import Settings
    from socketscope.console.options import ConsoleOptions
    from socketscope.reports.archive import Archive


class Service(Served):
    """The service as an async context: inside it everything listens, after it everything is stored and closed.

    Entering raises `ConfigurationError`, `RuleError` (or an `ExceptionGroup` of these), `PortInUseError`, `StoreError`
    or `StateError`; nothing runs then.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.store_file: Path | None = settings.store.file
        self.console_url = ""
        self.otlp_grpc = ""
        self.otlp_http = ""
        self.alerting = ""
        self.reporting = ""

    @override
    async def _start(self) -> None:
        """Start the console's port first, as it fails soonest, then store, receivers, alerts, console."""
        console, otlp = self.settings.console, self.settings.otlp
        alerting = Alerting.of(self.settings)
        refuse_receivers(self.settings)
        listener = self._running.enter_context(
            contextlib.closing(listen(console.host, console.port, section="console", option="--port"))
        )
        self.console_url = f"http://{authority(console.host, listener.getsockname()[1])}"
        if self.store_file:
            _make_directory(self.store_file.parent)
        store = await asyncio.to_thread(Store.open, self.store_file, retention=self.settings.store.retention)
        self._running.push_async_callback(asyncio.to_thread, store.close)
        receiver = Receiver(
            store,
            host=otlp.host,
            grpc_port=otlp.grpc_port,
            http_port=otlp.http_port,
            token=Token.of(otlp.token),
        )
        await receiver.start()
        self._running.push_async_callback(receiver.stop)
        self.otlp_grpc = authority(otlp.host, receiver.grpc_port)
        self.otlp_http = f"http://{authority(otlp.host, receiver.http_port)}"
        state = await self._running.enter_async_context(opened(alerting.state_file))
        board = await self._running.enter_async_context(
            alerting_over(alerting, self.settings, state, own=EmbeddedBackend(store), link=self.console_url)
        )
        archive = await self._running.enter_async_context(
            reporting_over(self.settings, self._asking(store), state, link=self.console_url, wake=board.wake)
        )
        self.alerting, self.reporting = alerting.described, described(self.settings.reports)
        app = console_app(store, console, self.settings.links, board, archive)
        await self._serve(app, listener)

    def _asking(self, store: Store) -> Ask:
        """Return how reports ask: this store, or the backend of the settings."""
        settings = self.settings
        if settings.backend.kind == "embedded":
            return lambda: own(store, settings.links)
        return lambda: asking(settings.backend, settings.links)


@contextlib.asynccontextmanager
async def own(store: Store, links: LinkOptions) -> AsyncIterator[Asked]:
    """Let reports ask an open store."""
    backend = EmbeddedBackend(store)
    yield Asked(name="embedded", metrics=backend, connections=backend, trace=links.trace)


def console_app(
    store: Store,
    options: ConsoleOptions,
    links: LinkOptions,
    board: Board | None = None,
    archive: Archive | None = None,
) -> FastAPI:
    """Return the console over an open store, and over the alerting and the reports, where these are."""
    backend = EmbeddedBackend(store)

    def cannot_store() -> str | None:
        return None if store.writable else f"The store can't be written: {store.problem or 'it is closed'}."

    return create_app(
        backend,
        backend,
        options,
        traces=EmbeddedTraces(store, links=links),
        health_checks=[cannot_store, *([board.alive] if board else [])],
        ready_checks=[cannot_store],
        board=board,
        archive=archive,
    )


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError("--data", str(directory), f"a directory that can be written ({error})") from error
