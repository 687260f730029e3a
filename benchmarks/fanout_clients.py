"""The clients of `fanout.py`: many connections in one process, which count the bytes that they are sent."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

REQUEST: Final = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
JOIN: Final = b"\x81\x82\x00\x00\x00\x0040"
"""Socket.IO's request to join the default namespace, as a masked text frame."""


class Client(asyncio.Protocol):
    """Shakes hands, then counts the frames that contain `mark`, by their first bytes."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""
        self._open = False
        self.received = 0

    def connection_made(self, transport: Any) -> None:
        """Ask for a WebSocket."""
        self._transport = transport
        transport.write(REQUEST.format(path=self._load.path, host=self._load.host).encode())

    def data_received(self, data: bytes) -> None:
        """Count complete frames."""
        data = self._buffer + data if self._buffer else data
        if not self._open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(head.split(b"\r\n", 1)[0])
            self._open = True
            if self._load.socketio:
                self._transport.write(JOIN)
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if size < start + length:
                break
            # Greetings of Socket.IO and answers to pings are shorter than any message.
            if length >= self._load.least:
                self.received += 1
                self._load.count()
            at = start + length
        self._buffer = data[at:]

    def connection_lost(self, _error: Exception | None) -> None:
        """Note it."""
        self._load.lost += 1


class Load:
    """All clients; `expected` messages in all are awaited."""

    def __init__(self, port: int, clients: int, least: int, *, socketio: bool) -> None:
        self.host = f"127.0.0.1:{port}"
        self.path = "/socket.io/?EIO=4&transport=websocket" if socketio else "/"
        self.port = port
        self.least = least
        self.socketio = socketio
        self.clients = clients
        self.received = 0
        self.expected = 0
        self.lost = 0
        self._all = asyncio.Event()

    def count(self) -> None:
        """Count a message."""
        self.received += 1
        if self.received == self.expected:
            self._all.set()

    async def connect(self) -> None:
        """Open all connections, some at a time."""
        loop = asyncio.get_running_loop()
        limit = asyncio.Semaphore(50)

        async def one() -> None:
            async with limit:
                await loop.create_connection(lambda: Client(self), "127.0.0.1", self.port)

        await asyncio.gather(*(one() for _ in range(self.clients)))

    async def wait(self, expected: int) -> None:
        """Return once so many messages have come since the last time."""
        self.expected += expected
        if self.received < self.expected:
            self._all.clear()
            await asyncio.wait_for(self._all.wait(), 600)


async def load(port: int, clients: int, least: int, *, socketio: bool) -> None:
    """Connect; then each number on standard input is awaited, and answered with a line."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    all_of_them = Load(port, clients, least, socketio=socketio)
    await all_of_them.connect()
    print("connected", flush=True)
    while line := (await lines.readline()).strip():
        await all_of_them.wait(int(line))
        print(f"received {all_of_them.received} lost {all_of_them.lost}", flush=True)
