"""The cells of messages: what the event loop adds to, and nothing else.

A set has one `Traffic` per thread, so that every cell has one writer.
"""

from __future__ import annotations

from socketscope.telemetry.histogram import CELLS, Durations


class Flow:
    """Messages in one direction: sizes of text and of binary ones in powers of two (sums are the counts), bytes."""

    __slots__ = ("binary", "bytes", "text")

    def __init__(self) -> None:
        self.text = [0] * CELLS
        self.binary = [0] * CELLS
        self.bytes = 0

    def add(self, messages: int, size: int, cell: int, *, binary: bool) -> None:
        """Count messages of `size` bytes each; `cell` is that of the size."""
        (self.binary if binary else self.text)[cell] += messages
        self.bytes += messages * size

    def sizes(self) -> list[int]:
        """Give the cells of both types together."""
        return [text + binary for text, binary in zip(self.text, self.binary, strict=True)]


class Traffic:
    """The messages of all connections of one attribute set, in one thread."""

    __slots__ = ("first_message", "handling", "receive", "send_wait", "transmit")

    def __init__(self) -> None:
        self.receive = Flow()
        self.transmit = Flow()
        self.handling = Durations()
        self.send_wait = Durations()
        self.first_message = Durations()


class ChannelTraffic:
    """Messages and bytes of connections while they are in one channel, in one thread: `[receive, transmit]`.

    `name` is the bounded one.
    """

    __slots__ = ("bytes", "messages", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages = [0, 0]
        self.bytes = [0, 0]
