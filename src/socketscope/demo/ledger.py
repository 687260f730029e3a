"""What the simulated users know to have happened on the server: counts from the server's point of view."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

KEYS: Final = (
    "connections_accepted",
    "connections_denied",
    "connections_lost",
    "connections_failed",
    "messages_received",
    "messages_sent",
    "bytes_received",
    "bytes_sent",
    "errors",
    "unique_users",
    "channels",
    "peak_connections",
)
"""Keys of a written ledger, in the order in which they are shown."""


def payload_bytes(payload: str | bytes) -> int:
    """Payload size of a message as it travels: text is UTF-8."""
    return len(payload.encode()) if isinstance(payload, str) else len(payload)


@dataclass(slots=True)
class Ledger:
    """Counts of one run; `received` and `sent` are the server's: it receives what a client sends.

    `peak_connections` stays None until a number of connections was held long enough to be seen by a gauge that is
    read once a second.
    """

    connections_accepted: int = 0
    connections_denied: int = 0
    connections_lost: int = 0
    connections_failed: int = 0
    messages_received: int = 0
    messages_sent: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    errors: int = 0
    peak_connections: int | None = None
    open_connections: int = 0
    users: set[str] = field(default_factory=set)
    rooms: set[str] = field(default_factory=set)

    def accepted(self, user: str, room: str) -> None:
        """Count a handshake that the server accepted."""
        self.connections_accepted += 1
        self.open_connections += 1
        self.users.add(user)
        self.rooms.add(room)

    def denied(self) -> None:
        """Count a handshake that the server answered with a refusal."""
        self.connections_denied += 1

    def left(self) -> None:
        """Count a connection that ended with a close handshake."""
        self.open_connections -= 1

    def lost(self) -> None:
        """Count a connection whose client vanished without a close frame."""
        self.open_connections -= 1
        self.connections_lost += 1

    def failed(self) -> None:
        """Count a connection that ended because its handler raised."""
        self.open_connections -= 1
        self.connections_failed += 1
        self.errors += 1

    def received(self, payload: str | bytes) -> None:
        """Count a message that a client sent."""
        self.messages_received += 1
        self.bytes_received += payload_bytes(payload)

    def sent(self, payload: str | bytes) -> None:
        """Count a message that a client got."""
        self.messages_sent += 1
        self.bytes_sent += payload_bytes(payload)

    def held(self, connections: int) -> None:
        """Note that `connections` were open for the whole of a hold."""
        self.peak_connections = max(self.peak_connections or 0, connections)

    def as_dict(self) -> dict[str, int | None]:
        """All of `KEYS`; `peak_connections` is None where nothing was held."""
        counts = {"unique_users": len(self.users), "channels": len(self.rooms)}
        return {key: counts[key] if key in counts else getattr(self, key) for key in KEYS}

    def write(self, path: Path) -> None:
        """Write `as_dict()` as JSON; a reader sees the whole file or none."""
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)
