"""The processes of `stalled.py`: what serves and publishes, and the clients, healthy and stuck."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import time
from array import array
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from brokers_parts import REQUEST
from fanout_servers import HOST, ROOM, room_of, uvicorn_server, with_telemetry
from programs import told

STAMP: Final = 20
"""Characters of the time at the beginning of each message."""


async def serve() -> None:
    """Serve one room; told on standard input.

    `members N` -> once there are so many; `publish COUNT SIZE RATE` -> the most bytes that waited for one client;
    `descriptors` -> how many are open; `account` -> what came of it all, as JSON.
    """
    from socketscope import Hub

    reporter = with_telemetry()
    async with Hub() as hub:
        protocol = "socketscope.hub.uvicorn:Protocol"
        async with uvicorn_server(room_of(hub, reporter), protocol, ws_ping_interval=None) as port:
            print(port, flush=True)
            async for what, *arguments in told():
                if what == "members":
                    while hub.subscribers(ROOM) != int(arguments[0]):  # noqa: ASYNC110 - hubs have no event for it
                        await asyncio.sleep(0.05)
                    print("there", flush=True)
                elif what == "publish":
                    gc.collect()  # what the garbage collector owes to the opening of the connections
                    print(await publish(hub, int(arguments[0]), int(arguments[1]), float(arguments[2])), flush=True)
                elif what == "descriptors":
                    print(open_descriptors(), flush=True)
                else:
                    hub.check()
                    totals = hub.telemetry.accumulators.ledgers.totals()
                    unbalanced = sum(abs(counts.balance) + counts.pending for counts in totals.values())
                    print(json.dumps({"members": hub.subscribers(ROOM), "unbalanced": unbalanced}), flush=True)


def open_descriptors() -> int:
    """Count them."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def publish(hub: Any, count: int, size: int, rate: float) -> int:
    """Publish at a rate; gives the most bytes that waited for one client, in the hub's queue and the transport's."""
    began = time.monotonic()
    most = 0
    for number in range(count):
        await asyncio.sleep(began + number / rate - time.monotonic())
        await hub.publish(ROOM, f"{time.monotonic():<{STAMP}.9f}".ljust(size, "x"))
        for client in hub.clients.values():
            if client.link.behind:
                most = max(most, client.link.outbox.bytes + client.link.transport.get_write_buffer_size())
    return most


class Taker(asyncio.Protocol):
    """A healthy client: takes the time from the publishing of a message to its last byte."""

    def __init__(self, takers: Takers, host: str) -> None:
        self._takers = takers
        self._host = host
        self._head = b""
        self._left = 0
        self._made = 0.0
        self._open = False

    def connection_made(self, transport: Any) -> None:
        """Ask for a WebSocket."""
        transport.write(REQUEST.format(room=ROOM, host=self._host).encode())

    def data_received(self, data: bytes) -> None:
        """Take what came; messages are longer than 125 bytes and shorter than 64 KiB."""
        if not self._open:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            self._open, self._head = True, b""
        at, size = 0, len(data)
        while at < size:
            if not self._left:
                wanted = 4 + STAMP - len(self._head)
                self._head += data[at : at + wanted]
                at += wanted
                if len(self._head) < 4 + STAMP:
                    return
                self._left = int.from_bytes(self._head[2:4], "big") - STAMP
                self._made = float(self._head[4:])
                self._head = b""
            taken = min(self._left, size - at)
            at += taken
            self._left -= taken
            if not self._left:
                self._takers.took(time.monotonic() - self._made)


class Takers:
    """All clients."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._host = f"{HOST}:{port}"
        self._expected = 0
        self._all = asyncio.Event()
        self._stuck: list[socket.socket] = []
        self.times = array("d")

    def took(self, seconds: float) -> None:
        """Count a message."""
        self.times.append(seconds)
        if len(self.times) == self._expected:
            self._all.set()

    async def connect(self, number: int) -> None:
        """Add healthy ones."""
        loop = asyncio.get_running_loop()
        for _ in range(number):
            await loop.create_connection(lambda: Taker(self, self._host), HOST, self._port)

    async def connect_stuck(self, number: int) -> None:
        """Add some that shake hands, and never read again."""
        loop = asyncio.get_running_loop()
        for _ in range(number):
            stuck = socket.socket()
            stuck.settimeout(0)
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # as a phone on a bad network
            await loop.sock_connect(stuck, (HOST, self._port))
            await loop.sock_sendall(stuck, REQUEST.format(room=ROOM, host=self._host).encode())
            self._stuck.append(stuck)

    async def wait(self, expected: int) -> dict[str, Any]:
        """Wait for so many messages, for 20 seconds at most."""
        self._expected = expected
        if len(self.times) < expected:
            with suppress(TimeoutError):  # what is missing is reported
                await asyncio.wait_for(self._all.wait(), 20)
        times = sorted(self.times)
        return {"received": len(times), "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)]}


async def take(port: int) -> None:
    """Be the clients; told on standard input: `connect N`, `stuck N`, `wait COUNT` -> what came, as JSON."""
    takers = Takers(port)
    async for what, number in told():
        if what == "wait":
            print(json.dumps(await takers.wait(int(number))), flush=True)
        else:
            await (takers.connect if what == "connect" else takers.connect_stuck)(int(number))
            print("connected", flush=True)
