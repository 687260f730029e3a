"""What `socketscope serve` runs: store, OTLP receivers, backend and console, started in order, stopped in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Final, Self

import uvicorn

from socketscope.access import Token
from socketscope.backends.embedded import EmbeddedBackend
from socketscope.backends.embedded_traces import EmbeddedTraces
from socketscope.console.app import create_app
from socketscope.errors import ConfigurationError, PortInUseError
from socketscope.store.receiver import Receiver
from socketscope.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi import FastAPI

    from socketscope.backends.links import LinkOptions
    from socketscope.config import Settings
    from socketscope.console.options import ConsoleOptions

GRACE_SECONDS: Final = 3
"""How long answers of the console that are under way may take when the service stops."""

_BIGGEST_MESSAGE: Final = 16 * 1024  # clients of the live socket have nothing to say


class Service:
    """The service as an async context: inside it everything listens, after it everything is stored and closed.

    Entering raises `ConfigurationError`, `PortInUseError` or `StoreError`; nothing runs then.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store_file: Path | None = settings.store.file
        self.console_url = ""
        self.otlp_grpc = ""
        self.otlp_http = ""
        self._running = contextlib.AsyncExitStack()
        self._console_ended: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start: the console's port first, as it fails soonest, then store, receivers, console."""
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop: console, receivers, store. What the receivers acknowledged is in the store's file then."""
        await self._running.aclose()

    async def run_until(self, stop: asyncio.Event) -> None:
        """Wait for `stop`; should the console end by itself, return too, or raise what ended it."""
        assert self._console_ended is not None  # noqa: S101 - entered
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([stopping, self._console_ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if self._console_ended.done():
            await self._console_ended

    async def _start(self) -> None:
        console, otlp = self.settings.console, self.settings.otlp
        listener = self._running.enter_context(contextlib.closing(listen(console.host, console.port)))
        self.console_url = f"http://{_authority(console.host, listener.getsockname()[1])}"
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
        self.otlp_grpc = _authority(otlp.host, receiver.grpc_port)
        self.otlp_http = f"http://{_authority(otlp.host, receiver.http_port)}"
        app = console_app(store, console, self.settings.links)
        self._console_ended = await self._running.enter_async_context(serving(app, listener))


def console_app(store: Store, options: ConsoleOptions, links: LinkOptions) -> FastAPI:
    """Return the console over an open store."""
    backend = EmbeddedBackend(store)

    def cannot_store() -> str | None:
        return None if store.writable else f"The store can't be written: {store.problem or 'it is closed'}."

    return create_app(
        backend,
        backend,
        options,
        traces=EmbeddedTraces(store, links=links),
        health_checks=[cannot_store],
        ready_checks=[cannot_store],
    )


@contextlib.asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serve `app` on `listener` inside the context; yields the task that ends when the server does."""
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            access_log=False,
            ws_max_size=_BIGGEST_MESSAGE,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    ended = asyncio.create_task(server.serve(sockets=[listener]), name="socketscope-console")
    started = asyncio.create_task(server.listening.wait())
    try:
        await asyncio.wait([ended, started], return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            await ended
        yield ended
    finally:
        started.cancel()
        server.should_exit = True
        await asyncio.wait([ended])


@contextlib.contextmanager
def stop_at_signal() -> Iterator[asyncio.Event]:
    """Return an event that SIGTERM and SIGINT set inside the context. A second one acts as it does by default."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, before[signal.Signals(number)])
        loop.call_soon_threadsafe(stop.set)

    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """Bind the console's socket. Raises `PortInUseError`, or `ConfigurationError` for an address not to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError("console.host", host, f"an address of this machine ({error})") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(host, port, "--port") from error
        raise ConfigurationError("console", f"{host}:{port}", f"an address to listen on ({error})") from error
    return listener


class _Server(uvicorn.Server):
    """Tells when it listens; signals are the service's affair."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError("--data", str(directory), f"a directory that can be written ({error})") from error


def _authority(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
