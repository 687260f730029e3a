"""How many wrong tokens an address may try."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST: Final = 10
"""Different wrong tokens of one address within `WINDOW`."""
WINDOW: Final = 60.0
"""Seconds for which a wrong token is remembered."""
MOST_ADDRESSES: Final = 1000


class Attempts:
    """Remembers wrong tokens by address, the newest addresses only.

    The same wrong token again counts once: a program with an old token guesses nothing, and locks nobody out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._salt = secrets.token_bytes(16)
        self._wrong: OrderedDict[str, dict[bytes, float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return the seconds until the address may try again; 0 when it may now."""
        tried = self._recent(address)
        if len(tried) < MOST:
            return 0.0
        return sorted(tried.values())[-MOST] + WINDOW - self._clock()

    def add(self, address: str, shown: str) -> None:
        """Remember that this was shown and was wrong."""
        tried = self._recent(address)
        tried[hashlib.sha256(self._salt + shown.encode("utf-8", "surrogateescape")).digest()] = self._clock()
        self._wrong[address] = tried
        self._wrong.move_to_end(address)
        while len(self._wrong) > MOST_ADDRESSES:
            self._wrong.popitem(last=False)

    def _recent(self, address: str) -> dict[bytes, float]:
        since = self._clock() - WINDOW
        return {shown: at for shown, at in self._wrong.get(address, {}).items() if at > since}
