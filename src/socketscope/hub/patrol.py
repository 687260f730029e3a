"""What a hub looks after all the time: clients that take nothing are cut off, and the ledger is compared."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from socketscope.hub.closing import POLICY_VIOLATION

_logger = logging.getLogger(__name__)

MOST_SECONDS: Final = 1.0
"""Longest pause between two looks."""


class Slow(Protocol):
    """A client that is behind."""

    def stalled(self) -> bool:
        """Whether it has taken nothing for too long."""

    def cut(self, code: int, reason: str) -> None:
        """Cut it off."""


async def patrol(
    behind: Callable[[], Iterable[Slow]], check: Callable[[], None], *, stalled_seconds: float, audit_seconds: float
) -> None:
    """Go round until cancelled. 0 seconds: never."""
    wanted = [seconds for seconds in (stalled_seconds / 4, audit_seconds) if seconds]
    if not wanted:
        return
    loop = asyncio.get_running_loop()
    audited = loop.time()
    while True:
        await asyncio.sleep(min(MOST_SECONDS, *wanted))
        if stalled_seconds:
            for client in [client for client in behind() if client.stalled()]:
                client.cut(POLICY_VIOLATION, "takes nothing")
        if audit_seconds and loop.time() - audited >= audit_seconds:
            audited = loop.time()
            try:
                check()
            except AssertionError:
                _logger.exception("the ledger of the hub does not close: a mistake in socketscope, please report it")
