"""A WebSocket client of plain sockets, so cheap that the server is what is measured (RFC 6455)."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

HANDSHAKE: Final = (
    b"GET /ws/lobby HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) benchmark\r\nX-User: ann\r\nX-Room: lobby\r\n\r\n"
)
CLOSE: Final = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
"""A close frame with 1000, masked with zeros, as all frames here are."""


def text_frame(text: str) -> bytes:
    """Give a frame of a text of at most 125 bytes."""
    payload = text.encode()
    if len(payload) > 125:
        raise ValueError(f"{len(payload)} bytes are too many for a short frame: at most 125")
    return bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload


class Connections:
    """Open connections to one server, used in step: all send, then all receive."""

    def __init__(self, port: int, count: int) -> None:
        self._sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.sendall(HANDSHAKE)
        for each in self._sockets:
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += _some(each)
            if b" 101 " not in answer.split(b"\r\n", 1)[0]:
                raise RuntimeError(f"no WebSocket: {answer[:200]!r}")

    def echo(self, text: str, times: int) -> None:
        """Let every connection send `text` so many times, each after the answer to the one before."""
        frame = text_frame(text)
        for _ in range(times):
            for each in self._sockets:
                each.sendall(frame)
            _answered(self._sockets, len(frame) - 4)

    def close(self) -> None:
        """Close all with 1000, and wait until the server has closed too."""
        for each in self._sockets:
            each.sendall(CLOSE)
        for each in self._sockets:
            while each.recv(65536):
                pass
            each.close()


def _answered(sockets: Sequence[socket.socket], octets: int) -> None:
    for each in sockets:
        missing = octets
        while missing > 0:
            missing -= len(_some(each))


def _some(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise RuntimeError("the server closed the connection")
    return received
