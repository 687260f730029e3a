"""What travels between processes: one message with the facts that its delivery needs, as bytes of a known version.

The wire form is one byte of version, four bytes (big-endian) with the length of a JSON header, the header, and the
payload as it is. There is no pickle, and nothing of it is executed or trusted before it is checked.
"""

from __future__ import annotations

import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from socketscope.errors import EnvelopeError, InvalidValueError
from socketscope.hub.closing import POLICY_VIOLATION

VERSION: Final = 1
_HEAD = struct.Struct(">BI")

Kind = Literal["text", "binary", "json", "close"]
"""`json` goes out as text and may be put into another JSON document as it is; `close`, on the topic of a user, ends
the user's connections, its payload is JSON with `code` and `reason`."""

_KINDS: Final = frozenset({"text", "binary", "json", "close"})


class Position(NamedTuple):
    """A place in a channel's history. Offsets of one epoch count from 1 without gaps; epochs can't be compared."""

    epoch: str
    offset: int


NOWHERE: Final = Position("", 0)
"""In no channel's history."""
_LONGEST_EPOCH: Final = 64
"""Characters, all of them ASCII; ours are short hexadecimal numbers."""
_LAST_OFFSET: Final = 2**53 - 1
"""The largest integer that every JSON and every script of Redis holds exactly (RFC 8259, 6)."""


def position_of(said: object) -> Position:
    """Give the position that a client says it is at, a list or tuple of epoch and offset; `NOWHERE` if it is none."""
    if not isinstance(said, list | tuple) or len(said) != 2:
        return NOWHERE
    epoch, offset = said
    if not isinstance(epoch, str) or not epoch.isascii() or len(epoch) > _LONGEST_EPOCH:
        return NOWHERE
    if not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset <= _LAST_OFFSET:
        return NOWHERE
    return Position(epoch, offset)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One published message.

    * `topic`: where it goes, see `channel_topic` and `user_topic`.
    * `payload`: UTF-8 bytes for the kinds `text` and `json`.
    * `key`: messages of a channel with the same key replace one another where its policy is `coalesce`.
    * `publisher`: the hub that published it (one per process).
    * `id`: its own; a message that is published again after an unknown outcome keeps it.
    """

    topic: str
    payload: bytes
    kind: Kind = "text"
    key: str | None = None
    publisher: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def encode(self) -> bytes:
        """Give the wire form."""
        header: dict[str, Any] = {"id": self.id, "topic": self.topic, "kind": self.kind, "publisher": self.publisher}
        if self.key is not None:
            header["key"] = self.key
        text = json.dumps(header, separators=(",", ":")).encode()
        return b"".join((_HEAD.pack(VERSION, len(text)), text, self.payload))

    @classmethod
    def decode(cls, data: bytes) -> Envelope:
        """Read the wire form; raises `EnvelopeError` for anything else, and for a version that is not known."""
        if len(data) < _HEAD.size:
            raise EnvelopeError(f"{len(data)} bytes are too few")
        version, length = _HEAD.unpack_from(data)
        if version != VERSION:
            raise EnvelopeError(f"version {version} is not known here, {VERSION} is: do all processes run one release?")
        start = _HEAD.size + length
        if len(data) < start:
            raise EnvelopeError("the header is cut off")
        try:
            header = json.loads(data[_HEAD.size : start])
        except ValueError as error:
            raise EnvelopeError("the header is no JSON") from error
        if not isinstance(header, dict):
            raise EnvelopeError("the header is no object")
        kind, key = header.get("kind"), header.get("key")
        topic, publisher, own = (str(header.get(name, "")) for name in ("topic", "publisher", "id"))
        if not topic or not own or kind not in _KINDS or not isinstance(key, str | None):
            raise EnvelopeError("a field of the header is missing or of another type")
        return cls(topic, data[start:], kind, key, publisher, own)


class Delivery(NamedTuple):
    """A message as the broker hands it to a hub; `recovered`: out of the history, after a gap."""

    envelope: Envelope
    position: Position
    recovered: bool = False


LONGEST_NAME: Final = 256
"""Characters in the name of a channel or user, and in a key."""


def checked_name(what: str, name: str) -> str:
    """Give the name of a channel or user back; raises `InvalidValueError` where it can't be used."""
    return _checked(f"the name of a {what}", name)


def checked_key(key: str | None) -> str | None:
    """Give the key of a message back; raises `InvalidValueError` where it can't be used."""
    return None if key is None else _checked("a key", key)


def _checked(what: str, text: str) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_NAME:
        raise InvalidValueError(text, POLICY_VIOLATION, f"{what} is a str of 1 to {LONGEST_NAME} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidValueError(text, POLICY_VIOLATION, f"{what} must be valid Unicode") from error
    return text


def channel_topic(channel: str) -> str:
    """Give the topic of a channel."""
    return f"channel/{channel}"


def user_topic(user: str) -> str:
    """Give the topic that reaches every connection of a user."""
    return f"user/{user}"
