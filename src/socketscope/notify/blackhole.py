"""Takes everything and tells nobody: for tests and dry runs."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import override

from socketscope.notify.base import Notification, Notifier, Receipt
from socketscope.notify.options import Options

KEPT: Final = 10_000
"""Notifications that are kept, the newest."""


class BlackholeOptions(Options):
    """Nobody is told; what would have been sent is kept in memory, for tests and dry runs."""

    type: Literal["blackhole"] = "blackhole"


class Blackhole(Notifier):
    """Records what it is given: `sent` and, for each, the thread in `threads`."""

    def __init__(self, name: str = "blackhole", _options: BlackholeOptions | None = None) -> None:
        self.name = name
        self.sent: list[Notification] = []
        self.threads: list[str | None] = []

    @override
    async def send(self, notification: Notification, *, thread: str | None = None) -> Receipt:
        """Keep the notification and say that it was delivered."""
        self.sent.append(notification)
        self.threads.append(thread)
        del self.sent[:-KEPT], self.threads[:-KEPT]
        return Receipt(delivered=True, detail="kept in memory")
