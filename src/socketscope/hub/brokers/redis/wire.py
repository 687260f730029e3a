"""What the scripts send and answer, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from socketscope.hub.message import Position

EPOCHS: Final = 4
"""So many epochs in which it has published a publisher remembers."""


class Standing(NamedTuple):
    """The messages of a publisher in a topic: up to number `last`, of each epoch from number `first` on."""

    last: int
    epochs: tuple[tuple[str, int], ...]
    """`(epoch, first)`, the latest epoch first."""

    def after(self, epoch: str, number: int) -> Standing:
        """Give the standing after one more message."""
        if self.epochs and self.epochs[0][0] == epoch:
            return Standing(number, self.epochs)
        return Standing(number, ((epoch, number), *self.epochs)[:EPOCHS])

    def since(self, epoch: str) -> int:
        """Count the messages of an epoch and of those after it."""
        first = next((first for began, first in reversed(self.epochs) if began >= epoch), self.last + 1)
        return self.last - first + 1

    def __str__(self) -> str:
        return f"{self.last} " + ",".join(f"{epoch}:{first}" for epoch, first in self.epochs)


class Frame(NamedTuple):
    """What is published on a topic's channel: a message, or a note that only says where its publisher stands.

    `position` is the message's own, or for a note the last one of the topic; `earlier` is where the publisher stood
    before: told in notes, and with its first message in an epoch.
    """

    note: bool
    position: Position
    publisher: str
    number: int
    earlier: Standing | None
    message: bytes


class Entry(NamedTuple):
    """A message of the history."""

    offset: int
    publisher: str
    number: int
    message: bytes


class Publisher(NamedTuple):
    """Where a publisher stands in the history, and stood when it came there; `last` was published in `epoch`."""

    first: int
    last: int
    epoch: str
    earlier: Standing | None


class Page(NamedTuple):
    """A piece of a topic's history, and whether there is more of it; `epoch` is empty where there is no such topic."""

    epoch: str
    top: int
    publishers: Mapping[str, Publisher]
    entries: Sequence[Entry]
    more: bool


def parse_frame(data: bytes) -> Frame:
    """Read what came on a channel; raises ValueError for what no script of ours has sent."""
    head, _, message = data.partition(b"\n")
    kind, epoch, offset, publisher, number, *earlier = head.decode("ascii").split(" ")
    if kind not in {"m", "n"}:
        raise ValueError(f"{kind!r} is no kind of frame")
    position = Position(epoch, int(offset))
    return Frame(kind == "n", position, publisher, int(number), _standing(earlier), message)


def parse_page(answer: Sequence[Any]) -> Page:
    """Read the answer of `read.lua`."""
    flat, raw, more = answer
    facts = {flat[index].decode(): flat[index + 1].decode("ascii") for index in range(0, len(flat), 2)}
    publishers = {}
    for field, value in facts.items():
        if field.startswith("p:"):
            first, last, epoch, *earlier = value.split(" ")
            publishers[field[2:]] = Publisher(int(first), int(last), epoch, _standing(earlier))
    entries = [
        Entry(int(identifier.partition(b"-")[2]), fields[1].decode("ascii"), int(fields[3]), fields[5])
        for identifier, fields in raw
    ]
    return Page(facts.get("epoch", ""), int(facts.get("top", 0)), publishers, entries, bool(more))


def _standing(words: Sequence[str]) -> Standing | None:
    if not words:
        return None
    last, text = words
    pairs = (pair.split(":") for pair in text.split(","))
    return Standing(int(last), tuple((epoch, int(first)) for epoch, first in pairs))
