"""A message on its way to the clients of this process: whatever form of it is needed is made once."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from typing import Any, Final

from socketscope.errors import InvalidValueError
from socketscope.hub.closing import INVALID_DATA
from socketscope.hub.message import Delivery, Kind, Position
from socketscope.instrumentation.direct import sent_on
from socketscope.telemetry.histogram import size_cell
from socketscope.telemetry.record import ConnectionRecord

_TEXT: Final = 0x81
_BINARY: Final = 0x82
"""First byte of an unfragmented, uncompressed frame (RFC 6455, 5.2): FIN and the opcode."""


class Outgoing:
    """One message. `size` is that of its payload in bytes, `cell` the cell of that size in telemetry."""

    __slots__ = ("_frame", "_text", "binary", "cell", "data", "key", "position", "size")

    def __init__(
        self, data: bytes, *, binary: bool = False, key: str | None = None, position: Position | None = None
    ) -> None:
        self.data = data
        self.binary = binary
        self.key = key
        self.position = position
        self.size = len(data)
        self.cell = size_cell(self.size)
        self._frame: bytes | None = None
        self._text: str | None = None

    @property
    def frame(self) -> bytes:
        """The frame that a server sends."""
        if self._frame is None:
            self._frame = frame(_BINARY if self.binary else _TEXT, self.data)
        return self._frame

    def count(self, records: Iterable[ConnectionRecord | None], now: int) -> None:
        """Count it as sent on connections at a moment of the monotonic clock."""
        sent_on(records, self.size, self.cell, now, binary=self.binary)

    def asgi(self) -> dict[str, Any]:
        """Give the ASGI message; a new one each time, since a middleware may write into it."""
        if self.binary:
            return {"type": "websocket.send", "bytes": self.data}
        if self._text is None:
            self._text = self.data.decode()
        return {"type": "websocket.send", "text": self._text}


def frame(head: int, data: bytes) -> bytes:
    """Give an unmasked frame whose first byte is `head` (RFC 6455, 5.2)."""
    size = len(data)
    if size < 126:
        return struct.pack("!BB", head, size) + data
    if size < 65536:
        return struct.pack("!BBH", head, 126, size) + data
    return struct.pack("!BBQ", head, 127, size) + data


def payload(message: Any) -> tuple[bytes, Kind]:
    """Give the bytes and kind of what an application publishes.

    `str` is text, `bytes` binary, everything else JSON. Raises TypeError for what JSON does not know, and
    `InvalidValueError` for what a client may well have said, and no message can have: text that is not valid Unicode
    (a lone surrogate, which JSON can write), numbers that JSON does not have (NaN, infinity), nesting without end.
    """
    if isinstance(message, bytes | bytearray | memoryview):
        return bytes(message), "binary"
    try:
        if isinstance(message, str):
            return message.encode(), "text"
        return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(), "json"
    except UnicodeEncodeError as error:
        raise InvalidValueError(message, INVALID_DATA, "a message must be valid Unicode") from error
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(message, INVALID_DATA, f"JSON can't write it: {error}") from error


def outgoing(delivery: Delivery, *, positions: bool, channel: str) -> Outgoing:
    """Give what is sent for a delivery; with `positions` as JSON that says where it stands in its channel."""
    envelope, position, _ = delivery
    if not positions:
        return Outgoing(envelope.payload, binary=envelope.kind == "binary", key=envelope.key, position=position)
    if envelope.kind == "json":
        inner = envelope.payload
    else:
        inner = json.dumps(envelope.payload.decode("utf-8", "replace"), ensure_ascii=False).encode()
    head = json.dumps({"channel": channel, "epoch": position.epoch, "offset": position.offset}, ensure_ascii=False)
    return Outgoing(b'%b,"data":%b}' % (head[:-1].encode(), inner), key=envelope.key, position=position)
