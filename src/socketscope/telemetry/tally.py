"""Messages that go to many connections at once, counted once for all of them.

Counting them on each connection costs a tenth of sending them, most of it waiting for memory: so whoever sends counts
in a tally, and each connection remembers where the tally stood when it came to it. What a connection was sent is what
it was sent alone, and what its tallies have grown by since.
"""

from __future__ import annotations

from socketscope.telemetry.traffic import Flow


class Tally(Flow):
    """What was sent to all of a group; `at`: when, on the monotonic clock. Written by one thread, read by any."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        super().__init__()
        self.at = 0

    def count(self, size: int, cell: int, now: int, *, binary: bool) -> None:
        """Count one message of `size` bytes."""
        self.count_one(size, cell, binary=binary)
        self.at = now


class Share:
    """One connection's part in a tally, from now on."""

    __slots__ = ("base", "since", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.base = tally.copy()
        self.since = tally.at

    @property
    def at(self) -> int:
        """When the connection was sent something; 0 for never."""
        return self.tally.at if self.tally.at != self.since else 0
