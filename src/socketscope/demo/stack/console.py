"""What the console says, over HTTP: the numbers that the ledger is compared with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from socketscope.demo.ledger import KEYS
from socketscope.demo.stack.http import Unreachable, get

Column = dict[str, int | None]
"""A number by key of the ledger; None where the source does not know it."""

EVENT_KEYS: Final = {
    "connections_accepted": "total_connections",
    "connections_lost": "connections_lost",
    "connections_failed": "connections_failed",
    "messages_received": "messages_received",
    "messages_sent": "messages_sent",
    "bytes_received": "bytes_received",
    "bytes_sent": "bytes_sent",
    "unique_users": "unique_users",
    "channels": "unique_channels",
}
"""Keys of the ledger that the connections' events know, and their names in the answer of `/stats`."""


class Console:
    """The REST API of a console at `url`. Its reads raise `Unreachable` when it does not answer."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ready(self) -> bool:
        """Its store is open and its receivers listen."""
        try:
            get(f"{self.url}/readyz")
        except Unreachable:
            return False
        return True

    def metrics(self) -> dict[str, Any]:
        """Answer of `/monitoring/websocket/metrics`, as it is polled."""
        return self._json("metrics")

    def measured(self) -> Column:
        """Read what the metrics say of the whole run, computed at this moment."""
        # An answer to a plain request may be as old as half a second; one for a moment is made for it.
        now = datetime.now(UTC).timestamp()
        answer = self._json(f"metrics?at={now}")
        return {key: answer.get(key) for key in KEYS}

    def events(self, hours: int) -> Column:
        """Read what the connections' events say: an account that shares nothing with the metrics but the wire."""
        answer = self._json(f"stats/{hours}")
        return {key: answer.get(name) for key, name in EVENT_KEYS.items()}

    def alerts(self) -> dict[str, Any]:
        """Answer of `/alerts`."""
        answer: dict[str, Any] = json.loads(get(f"{self.url}/alerts"))
        return answer

    def _json(self, path: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(get(f"{self.url}/monitoring/websocket/{path}", timeout=15))
        return answer
