"""An application on a port of this process, and the signals that end it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from types import FrameType
from typing import TYPE_CHECKING, Final, Self

import uvicorn

if TYPE_CHECKING:
    from fastapi import FastAPI

GRACE_SECONDS: Final = 3
"""How long answers that are under way may take when the service stops."""

_BIGGEST_MESSAGE: Final = 16 * 1024  # clients of the live socket have nothing to say


class Served(ABC):
    """A service as an async context: what `_start` enters into `_running` is left in reverse at the end.

    Entering raises what `_start` does; nothing runs then.
    """

    def __init__(self) -> None:
        self._running = contextlib.AsyncExitStack()
        self._ended: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()

    async def run_until(self, stop: asyncio.Event) -> None:
        """Wait for `stop`; should the server end by itself, return too, or raise what ended it."""
        if self._ended is None:
            raise RuntimeError(f"{type(self).__name__} runs only inside its context: `async with`")
        await first_of(stop, self._ended)

    @abstractmethod
    async def _start(self) -> None:
        """Start everything, `_serve` last."""

    async def _serve(self, app: FastAPI, listener: socket.socket) -> None:
        self._ended = await self._running.enter_async_context(serving(app, listener))


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


async def first_of(stop: asyncio.Event, server: asyncio.Task[None]) -> None:
    """Wait for `stop`; should the server end by itself, return too, or raise what ended it."""
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([stopping, server], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if server.done():
        await server


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
