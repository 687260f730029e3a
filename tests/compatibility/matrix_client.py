"""Clients of the scenarios: `websockets` where it can do it, and bytes by hand where it is too well-behaved."""

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus


class Refused(Exception):
    """The server did not accept the handshake."""


@dataclass
class Client:
    """What a scenario's client is given: where, as whom, and what tells that the application has come to a point."""

    url: str
    agent: str
    tape: object
    seen: dict = field(default_factory=dict)
    """What it saw: messages, close code and reason, or the status of a refusal."""

    @contextlib.asynccontextmanager
    async def connected(self, path="/echo/7", **options):
        """A well-behaved client; whatever ends the connection is noted."""
        connecting = connect(
            self.url + path,
            user_agent_header=self.agent,
            compression=None,
            ping_interval=None,
            open_timeout=30,
            close_timeout=10,
            proxy=None,
            **options,
        )
        try:
            async with connecting as client:
                self.seen["subprotocol"] = client.subprotocol
                with contextlib.suppress(ConnectionClosed):
                    yield client
                with contextlib.suppress(ConnectionClosed):
                    await client.close()
                self.seen["close"] = [client.close_code, client.close_reason]
        except InvalidStatus as refused:
            self.seen["status"] = refused.response.status_code
            raise Refused from refused

    async def says(self, client, said):
        """Send, and note what comes back."""
        await client.send(said)
        answer = await client.recv()
        self.seen.setdefault("messages", []).append(answer if isinstance(answer, str) else answer.hex())
        return answer

    async def by_hand(self, path):
        """Do the handshake byte by byte; gives reader, writer and the status."""
        where = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port, limit=4096)
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {where.netloc}",
            f"User-Agent: {self.agent}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        )
        writer.write("\r\n".join((*lines, "", "")).encode())
        return reader, writer

    async def opened_by_hand(self, path="/echo/7"):
        reader, writer = await self.by_hand(path)
        assert b" 101 " in await reader.readline()
        while await reader.readline() != b"\r\n":
            pass
        return reader, writer

    async def on_tape(self, *whats):
        """Wait until the application has come to one of them."""
        await until(lambda: any(agent == self.agent and what in whats for agent, what, _ in self.tape()))


async def until(condition, seconds=20):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def frame(opcode, payload):
    """A masked frame of a client; the mask is zero."""
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


def text_of(client):
    return client.transport.get_extra_info("socket")


# What the clients do --------------------------------


async def leave(client, code, reason=""):
    async with client.connected() as ws:
        await client.says(ws, "x")
        await ws.close(code, reason)


async def leave_without_a_code(client):
    reader, writer = await client.opened_by_hand()
    writer.write(frame(8, b""))
    await reader.read()
    writer.close()


async def reset(client):
    async with client.connected() as ws:
        await client.says(ws, "x")
        text_of(ws).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ws.transport.abort()


async def fin(client):
    async with client.connected() as ws:
        await client.says(ws, "x")
        ws.transport.abort()


async def ignore_pings(client):
    reader, writer = await client.opened_by_hand()
    with contextlib.suppress(ConnectionError):
        while await reader.read(4096):
            pass
    writer.close()


async def told(client, said):
    """Tell the handler to do something that ends the connection."""
    async with client.connected() as ws:
        await client.says(ws, "x")
        await ws.send(said)
        await ws.wait_closed()


async def not_text(client):
    reader, writer = await client.opened_by_hand()
    writer.write(frame(1, b"\xff\xfe"))
    with contextlib.suppress(ConnectionError):
        await reader.read()
    writer.close()


async def ask(client, path):
    with contextlib.suppress(Refused):
        async with client.connected(path) as ws:
            await ws.wait_closed()


async def abandon(client):
    _, writer = await client.by_hand("/hesitate")
    await client.on_tape("receive")
    writer.close()


async def gone_while(client, said):
    """Have the handler do something, and leave meanwhile."""
    async with client.connected() as ws:
        await client.says(ws, "x")
        await ws.send(said)
        await until(lambda: [client.agent, "receive", said] in heard(client))
        await ws.close(1000)


def heard(client):
    return [[agent, what, message.get("text")] for agent, what, message in client.tape()]


async def race(client):
    async with client.connected() as ws:
        await client.says(ws, "race")
        await client.says(ws, "x")
        await ws.close(1000)


async def binary(client):
    async with client.connected() as ws:
        await client.says(ws, b"\x00\xff")
        await client.says(ws, "é")
        await ws.close(1000)


async def choose(client):
    async with client.connected("/choose", subprotocols=["chat.v1", "chat.v2"]) as ws:
        await client.says(ws, "x")
        await ws.close(1000)


async def mounted(client, path="/mounted/7/echo/9"):
    async with client.connected(path) as ws:
        await client.says(ws, "x")
        await ws.close(1000)


async def stop_reading(client):
    reader, writer = await client.opened_by_hand()
    writer.write(frame(1, b"flood"))
    await client.on_tape("returned", "raised")
    writer.close()
    del reader


SOCKETIO = "/socket.io/?EIO=4&transport=websocket"


async def socketio_opened(client, ws):
    assert (await ws.recv()).startswith("0{")  # engine.io's open packet
    await ws.send("40")
    assert (await ws.recv()).startswith("40{")


async def packets(client, *, lost=False):
    """Two messages each way, and a ping of engine.io between them."""
    async with client.connected(SOCKETIO) as ws:
        await socketio_opened(client, ws)
        for text in ("x", "y"):
            await ws.send(f'42["say","{text}"]')
            await answer_of(client, ws)
        assert await ws.recv() == "2"
        await ws.send("3")
        if lost:
            ws.transport.abort()
        else:
            await ws.close(1000)


async def answer_of(client, ws):
    while not (answer := await ws.recv()).startswith("42"):
        await ws.send("3")  # a ping
    client.seen.setdefault("messages", []).append(json.loads(answer[2:])[1])


async def refused_packets(client):
    async with client.connected(SOCKETIO + "&refuse=1") as ws:
        assert (await ws.recv()).startswith("0{")
        await ws.send("40")
        client.seen["messages"] = [(await ws.recv())[:2]]
        await ws.close(1000)


async def failing_packet(client):
    async with client.connected(SOCKETIO) as ws:
        await socketio_opened(client, ws)
        await ws.send('42["say","raise"]')
        await ws.send('42["say","x"]')
        await answer_of(client, ws)
        await ws.close(1000)


async def subscribe(client, query):
    async with client.connected("/graphql", subprotocols=["graphql-transport-ws"]) as ws:
        await ws.send('{"type":"connection_init"}')
        await ws.recv()
        await ws.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query}}))
        while True:
            kind = json.loads(await ws.recv())["type"]
            client.seen.setdefault("messages", []).append(kind)
            if kind in {"complete", "error"}:
                break
        await ws.close(1000)


async def not_graphql(client):
    async with client.connected("/graphql", subprotocols=["graphql-transport-ws"]) as ws:
        await ws.send("no JSON")
        await ws.wait_closed()


async def stay(client):
    """Be there when the server stops."""
    async with client.connected() as ws:
        await client.says(ws, "x")
        await ws.wait_closed()
