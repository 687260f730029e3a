"""When the segments of connections' traces end: one timer for all connections of an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Protocol
from weakref import WeakKeyDictionary

FIRST_SEGMENT = 10
"""Seconds of a connection's first segment. Each next one is twice as long, up to `options.segment`: what a young
connection does is to be seen soon, and an old one costs little."""

MOST_DOUBLINGS = 16
"""Ten seconds doubled so often are a week."""

EVERY = 0.5
"""Seconds between two looks at what is due, and so about the most that a segment is late. A timer of each connection's
own would be exact, and a tenth of what connecting costs."""

AT_ONCE = 32
"""Segments that are ended before the event loop goes round again: those of thousands of connections that came together
are due together."""


class Segmented(Protocol):
    """What has segments."""

    due: float
    """When the running one is to end, on the clock of its event loop (seconds)."""

    def end_segment(self) -> None:
        """End the running segment, and set when the next one is due."""


class Segments:
    """The connections of one event loop; called in it."""

    def __init__(self) -> None:
        self._open: set[Segmented] = set()
        self.looks = False
        """Whether it will look again: until it finds no connection."""

    def add(self, one: Segmented) -> None:
        """Look after a connection."""
        self._open.add(one)
        if not self.looks:
            self.looks = True
            asyncio.get_running_loop().call_later(EVERY, self._look)

    def discard(self, one: Segmented) -> None:
        """Let go of a connection, if it is known."""
        self._open.discard(one)

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        self._end_some(iter([one for one in self._open if one.due <= now]))

    def _end_some(self, due: Iterator[Segmented]) -> None:
        loop = asyncio.get_running_loop()
        some = list(islice(due, AT_ONCE))
        for one in some:
            if one in self._open:
                one.end_segment()
        if len(some) == AT_ONCE:
            loop.call_soon(self._end_some, due)
            return
        self.looks = bool(self._open)
        if self.looks:
            loop.call_later(EVERY, self._look)


def segment_seconds(index: int) -> int:
    """Give how long the segment of this number is, where the option does not end it before."""
    return FIRST_SEGMENT << min(index, MOST_DOUBLINGS)


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Segments] = WeakKeyDictionary()


def segments_of(loop: asyncio.AbstractEventLoop) -> Segments:
    """Give those of a loop."""
    return _by_loop.get(loop) or _by_loop.setdefault(loop, Segments())
