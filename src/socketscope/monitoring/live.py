"""The live socket: one ticker for all clients, and for each client a mailbox that holds only the newest message."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.websockets import WebSocketDisconnect

from socketscope.errors import SocketscopeError
from socketscope.monitoring.schemas import LiveMessage

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

    from socketscope.monitoring.schemas import Metrics

_logger = logging.getLogger(__name__)

TRY_AGAIN_LATER = 1013
INTERNAL_ERROR = 1011


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Take leave of a client with this close code and reason."""

    code: int
    reason: str


class Mailbox:
    """Holds the newest message for one client; what it had no time to read is replaced."""

    def __init__(self) -> None:
        self._newest: str | Goodbye = ""
        self._filled = asyncio.Event()

    def put(self, message: str | Goodbye) -> None:
        """Replace what is in the mailbox."""
        self._newest = message
        self._filled.set()

    async def take(self) -> str | Goodbye:
        """Wait for something new."""
        await self._filled.wait()
        self._filled.clear()
        return self._newest


class Live:
    """Pushes what `read` returns to all clients, once in `period` seconds, and reads nothing while there is none.

    A client that does not take a message within `patience` seconds is closed with 1013.
    """

    def __init__(self, read: Callable[[], Awaitable[Metrics]], *, period: float = 1.0, patience: float = 10.0) -> None:
        self._read = read
        self._period = period
        self._patience = patience
        self._mailboxes: set[Mailbox] = set()
        self._wanted = asyncio.Event()

    @property
    def clients(self) -> int:
        """How many sockets are served."""
        return len(self._mailboxes)

    @contextlib.asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Tick as long as the context lasts."""
        ticker = asyncio.create_task(self._tick_for_ever(), name="socketscope-live-ticker")
        try:
            yield
        finally:
            ticker.cancel()
            await asyncio.wait([ticker])

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one client until it leaves or is too slow. The first message is sent at once."""
        await websocket.accept()
        mailbox = Mailbox()
        mailbox.put(await self._message())
        self._mailboxes.add(mailbox)
        self._wanted.set()
        sending = asyncio.create_task(self._send_for_ever(websocket, mailbox))
        leaving = asyncio.create_task(_until_disconnect(websocket))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._mailboxes.discard(mailbox)
            sending.cancel()
            leaving.cancel()
            await asyncio.wait([sending, leaving])

    async def _tick_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if not self._mailboxes:
                self._wanted.clear()
                await self._wanted.wait()
            next_tick = loop.time() + self._period
            message = await self._message()
            for mailbox in self._mailboxes:
                mailbox.put(message)
            await asyncio.sleep(max(0.0, next_tick - loop.time()))

    async def _message(self) -> str | Goodbye:
        try:
            return LiveMessage(data=await self._read()).model_dump_json()
        except SocketscopeError as error:
            _logger.warning("The live socket has no numbers: %s", error)
        except Exception:  # the ticker must outlive any failure
            _logger.exception("The live socket has no numbers")
        return Goodbye(INTERNAL_ERROR, "no numbers: GET /monitoring/websocket/metrics tells why")

    async def _send_for_ever(self, websocket: WebSocket, mailbox: Mailbox) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                message = await mailbox.take()
                if isinstance(message, Goodbye):
                    await websocket.close(message.code, message.reason)
                    return
                try:
                    async with asyncio.timeout(self._patience):
                        await websocket.send_text(message)
                except TimeoutError:
                    # The close frame waits behind what the client does not read; then the transport is closed.
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await websocket.close(TRY_AGAIN_LATER, "read faster")
                    return


async def _until_disconnect(websocket: WebSocket) -> None:
    # What a client sends is read and dropped: only so is its leaving seen.
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
