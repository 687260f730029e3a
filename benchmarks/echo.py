"""An echo as raw ASGI, Starlette and FastAPI run it, and the least that a server does around it."""

from __future__ import annotations

import time
from typing import Any, Final

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from socketscope.instrumentation.asgi import ASGIApp, Message, Receive, Scope, Send

TEXT: Final = "The quick brown fox jumps over the lazy dog, and then once more."
"""64 characters of ASCII."""


class Loopback:
    """One connection of a server that has so many messages for the application, and takes what it sends.

    `started` and `ended` are the CPU time of the process (nanoseconds) at the first message and after the last.
    """

    def __init__(self, messages: int, text: str = TEXT) -> None:
        self._script = iter((self._connect, self._first, self._disconnect))
        self._messages = messages
        self._left = 0
        self._text = text
        self.started = self.ended = self.sent = 0

    async def receive(self) -> Message:
        """Give the next message: connect, the text so many times, disconnect."""
        if self._left > 0:
            self._left -= 1
            return {"type": "websocket.receive", "text": self._text}
        return next(self._script)()

    def _connect(self) -> Message:
        return {"type": "websocket.connect"}

    def _first(self) -> Message:
        self._left = self._messages - 1
        self.started = time.process_time_ns()
        return {"type": "websocket.receive", "text": self._text}

    def _disconnect(self) -> Message:
        self.ended = time.process_time_ns()
        return {"type": "websocket.disconnect", "code": 1000, "reason": ""}

    async def send(self, message: Message) -> None:
        """Take a message as servers do: bytes, else text."""
        if message["type"] == "websocket.send":
            payload = message.get("bytes")
            if payload is None:
                payload = message.get("text")
            if payload is None:
                raise ValueError("neither bytes nor text")
            self.sent += 1


def scope() -> dict[str, Any]:
    """Give a browser's handshake, with a user and a room."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/ws/lobby",
        "raw_path": b"/ws/lobby",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1:8000"),
            (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) benchmark"),
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-version", b"13"),
            (b"x-user", b"ann"),
            (b"x-room", b"lobby"),
        ],
        "client": ("127.0.0.1", 50123),
        "server": ("127.0.0.1", 8000),
        "subprotocols": [],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }


def raw() -> ASGIApp:
    """Echo as plain ASGI."""

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            kind = message["type"]
            if kind == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})
            elif kind == "websocket.connect":
                await send({"type": "websocket.accept"})
            else:
                return

    return app


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


def starlette() -> ASGIApp:
    """Echo as Starlette has it."""
    return Starlette(routes=[WebSocketRoute("/ws/{room}", _echo)])


def fastapi() -> ASGIApp:
    """Echo as FastAPI has it, its own telemetry as it comes: off where no SDK is set up."""
    app = FastAPI()
    app.websocket("/ws/{room}")(_echo)
    return app


APPS: Final = {"raw ASGI": raw, "Starlette": starlette, "FastAPI": fastapi}
