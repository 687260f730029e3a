"""The processes of `brokers.py`: what serves and publishes, and what reads."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from collections import defaultdict
from dataclasses import asdict
from itertools import count
from typing import Any, Final

REQUEST: Final = (
    "GET /{room} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TICK: Final = 0.002


class Reader(asyncio.Protocol):
    """A client: shakes hands, then reads every message."""

    def __init__(self, readers: Readers, room: str, host: str) -> None:
        self._readers = readers
        self._request = REQUEST.format(room=room, host=host).encode()
        self._buffer = b""
        self._open = False
        self._last: defaultdict[bytes, int] = defaultdict(int)

    def connection_made(self, transport: Any) -> None:
        """Ask for a WebSocket."""
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take complete frames."""
        data = self._buffer + data if self._buffer else data
        if not self._open:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise ConnectionError(head.split(b"\r\n", 1)[0])
            self._open = True
        at, size = 0, len(data)
        while size - at >= 2:
            length, start = data[at + 1], at + 2
            if length == 126:
                if size - at < 4:
                    break
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            if size < start + length:
                break
            if data[at] == 0x81:
                self._take(data[start : start + length])
            at = start + length
        self._buffer = data[at:]

    def _take(self, payload: bytes) -> None:
        publisher, number, made = payload.split(b" ", 3)[:3]
        readers = self._readers
        readers.received += 1
        if int(number) != self._last[publisher] + 1:
            readers.out_of_order += 1
        self._last[publisher] = int(number)
        at = float(made)
        if at >= readers.measure_from:
            readers.times.append(time.monotonic() - at)


class Readers:
    """All clients."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.received = 0
        self.out_of_order = 0
        self.measure_from = float("inf")
        self.times = array("d")

    async def connect(self, port: int, channel: int) -> None:
        """Add a client of a channel."""
        loop = asyncio.get_running_loop()
        host = f"127.0.0.1:{port}"
        await loop.create_connection(lambda: Reader(self, f"room{channel}", host), "127.0.0.1", port)


class Publishing:
    """Publishes at a rate, to one channel after the other."""

    def __init__(self, hub: Any, name: str, channels: int, rate: float, size: int) -> None:
        self._hub = hub
        self._name = name
        self._rooms = [f"room{number}" for number in range(channels)]
        self._numbers = {room: count(1) for room in self._rooms}
        self._rate = rate
        self._size = size
        self._tasks: set[asyncio.Task[Any]] = set()
        self.published = 0

    async def run(self, seconds: float) -> None:
        """Publish for so long; returns when all is published."""
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            while self.published < passed * self._rate:
                room = self._rooms[self.published % len(self._rooms)]
                text = f"{self._name} {next(self._numbers[room])} {time.monotonic()} ".ljust(self._size, "x")
                task = asyncio.create_task(self._hub.publish(room, text))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                self.published += 1
            await asyncio.sleep(TICK)
        await asyncio.gather(*self._tasks)


async def serve(name: str, url: str, channels: str, rate: str, size: str) -> None:
    """Serve; told what to do on standard input, answers on standard output, both a line at a time.

    `members` -> their number; `publish SECONDS` -> at once; `account` -> counts as JSON, once all is published.
    """
    from fanout_servers import uvicorn_server, with_telemetry

    from socketscope import Hub
    from socketscope.hub.brokers.redis import RedisBroker
    from socketscope.instrumentation.middleware import WebSocketMiddleware

    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    reporter = with_telemetry()
    async with Hub(RedisBroker(url)) as hub:

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "websocket":
                return
            async with hub.connect((scope, receive, send)) as client:
                await client.subscribe(scope["path"].strip("/"))
                async for _ in client:
                    pass

        publishing = Publishing(hub, name, int(channels), float(rate), int(size))
        watched = WebSocketMiddleware(app, reporter=reporter)
        async with uvicorn_server(watched, "socketscope.hub.uvicorn:Protocol") as port:
            print(port, flush=True)
            running: asyncio.Task[None] | None = None
            cpu = 0.0
            while words := (await lines.readline()).split():
                if words[0] == b"members":
                    print(sum(hub.subscribers(f"room{number}") for number in range(int(channels))), flush=True)
                elif words[0] == b"publish":
                    cpu = time.process_time()
                    running = asyncio.create_task(publishing.run(float(words[1])))
                    print("publishing", flush=True)
                elif running is not None:
                    await running
                    account = {
                        "published": publishing.published,
                        "counters": asdict(hub.broker.telemetry.counters),
                        "cpu": round(time.process_time() - cpu, 2),
                    }
                    print(json.dumps(account), flush=True)
