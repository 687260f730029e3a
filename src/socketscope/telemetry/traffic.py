"""The cells of messages: what the event loop adds to, and nothing else."""

from __future__ import annotations

from itertools import zip_longest

from socketscope.telemetry.histogram import CELLS, Durations, size_cell

_NO_CELLS: list[int] = []


class Flow:
    """Messages in one direction: sizes of text and of binary ones in powers of two (sums are the counts), bytes.

    It begins with so many cells of each type and has more as they are needed: incrementing one that is missing is an
    IndexError, and `count_apart` puts it right.
    """

    __slots__ = ("binary", "bytes", "text")

    def __init__(self, cells: int = 0) -> None:
        self.text = self.binary = _NO_CELLS
        self.bytes = 0
        if cells:
            self.text, self.binary = [0] * cells, [0] * cells

    def clear(self) -> None:
        """Begin at zero, with no cells."""
        self.text = self.binary = _NO_CELLS
        self.bytes = 0

    @property
    def messages(self) -> int:
        """Messages of both types."""
        return sum(self.text) + sum(self.binary)

    def sizes(self) -> list[int]:
        """Give the cells of both types together."""
        return [text + binary for text, binary in zip_longest(self.text, self.binary, fillvalue=0)]

    def count_apart(self, payload: object) -> int:
        """Count a message of any size, but not its bytes, which are given back.

        What is neither text nor bytes is between the application and its server: it counts as a text of no bytes.
        """
        if isinstance(payload, bytes | bytearray | memoryview):
            size = len(payload)
            self.binary = _with_one_in(self.binary, size_cell(size))
        else:
            size = len(payload.encode("utf-8", "surrogatepass")) if isinstance(payload, str) else 0
            self.text = _with_one_in(self.text, size_cell(size))
        return size

    def count_cell(self, cell: int, *, binary: bool) -> None:
        """Count a message whose size has this cell, but not its bytes."""
        if binary:
            self.binary = _with_one_in(self.binary, cell)
        else:
            self.text = _with_one_in(self.text, cell)

    def count_one(self, size: int, cell: int, *, binary: bool) -> None:
        """Count a message of `size` bytes, whose cell this is."""
        try:
            (self.binary if binary else self.text)[cell] += 1
        except IndexError:
            self.count_cell(cell, binary=binary)
        self.bytes += size

    def grow(self, now: Flow, before: Flow) -> None:
        """Add what came between two copies of another flow, with as many cells as it takes."""
        # Most flows are of one type, and comparing costs a tenth of adding.
        if now.text != before.text:
            self.text = _sum(self.text, now.text, before.text)
        if now.binary != before.binary:
            self.binary = _sum(self.binary, now.binary, before.binary)
        self.bytes += now.bytes - before.bytes

    def same(self, other: Flow) -> bool:
        """Whether both have counted the same."""
        return self.bytes == other.bytes and self.text == other.text and self.binary == other.binary

    def copy(self) -> Flow:
        """Give the flow as it is now, while another thread may count on."""
        copy = Flow()
        copy.text, copy.binary = self.text and self.text.copy(), self.binary and self.binary.copy()
        copy.bytes = self.bytes
        return copy

    def add(self, now: Flow, before: Flow) -> None:
        """Add what came between two copies of a flow."""
        if now.text != before.text:
            _add(self.text, now.text, before.text)
        if now.binary != before.binary:
            _add(self.binary, now.binary, before.binary)
        self.bytes += now.bytes - before.bytes


NOTHING = (Flow(), Flow())
"""What a connection has received and sent that has done nothing. Nobody counts in these."""


def _with_one_in(cells: list[int], cell: int) -> list[int]:
    # A new list: `_NO_CELLS` belongs to everybody, and a reader may be at the old one.
    cells = cells + [0] * (cell + 1 - len(cells))
    cells[cell] += 1
    return cells


def _sum(own: list[int], now: list[int], before: list[int]) -> list[int]:
    return [cell + new - old for cell, new, old in zip_longest(own, now, before, fillvalue=0)]


def _add(totals: list[int], now: list[int], before: list[int]) -> None:
    for cell, (new, old) in enumerate(zip_longest(now, before, fillvalue=0)):
        if new != old:
            totals[cell] += new - old


class Traffic:
    """The messages of all connections of one attribute set, in one thread."""

    __slots__ = ("first_message", "handling", "receive", "send_wait", "transmit")

    def __init__(self) -> None:
        self.receive = Flow(CELLS)
        self.transmit = Flow(CELLS)
        self.handling = Durations()
        self.send_wait = Durations()
        self.first_message = Durations()


class ChannelTraffic:
    """Messages and bytes of one channel: `[receive, transmit]`. `name` is the bounded one."""

    __slots__ = ("bytes", "messages", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.messages = [0, 0]
        self.bytes = [0, 0]
