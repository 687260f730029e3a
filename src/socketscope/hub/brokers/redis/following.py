"""What one process has seen of a topic, and what it is owed: arrivals in, deliveries and counts out. No I/O.

While a topic is `behind`, what arrives on its channel is only noted, and its history is read until it has what was
noted: nothing has to be held in the meantime, and the order is the history's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from socketscope.hub.brokers.redis.wire import Entry, Frame, Page, Standing
from socketscope.hub.message import Position

PUBLISHERS: Final = 1000
"""So many publishers of a topic are remembered without being among those that the server knows."""


class Step(NamedTuple):
    """What follows from an arrival: so many are lost; then the message, if there is one, is to be handed over."""

    lost: int
    message: bytes | None
    position: Position
    recovered: bool
    duplicate: bool


class Following:
    """One topic at one subscriber, from `open` on."""

    def __init__(self) -> None:
        self.position = Position("", 0)
        """The last message that is accounted for."""
        self.behind = True
        self.opened = False
        self._noted = Position("", 0)
        self._missed: Position | None = None
        self._audited: Position | None = None
        self._seen: dict[str, int] = {}
        self._since = ""

    def open(self, page: Page) -> None:
        """Begin where the topic stands now: what came before is not owed."""
        self.opened = True
        self.position = Position(page.epoch, page.top)
        self._since = page.epoch
        self._seen = {name: publisher.last for name, publisher in page.publishers.items()}
        self.behind = not self._has_noted()

    def fall_behind(self) -> None:
        """Take it that something is missing: the link was lost."""
        self.behind = True
        self._noted = Position("", 0)

    def take(self, frame: Frame) -> Step | None:
        """Take in what came on the channel. None: it was noted, and the history has to be read (`behind`)."""
        if self.behind:
            self._noted = frame.position
            return None
        epoch, offset = frame.position
        mine = self.position
        if frame.note:
            if frame.position == mine:
                return Step(self._told(frame), None, mine, recovered=False, duplicate=False)
        elif epoch == mine.epoch and offset <= mine.offset:
            return Step(0, None, mine, recovered=False, duplicate=True)
        elif epoch == mine.epoch and offset == mine.offset + 1:
            self.position = frame.position
            return self._account(frame.publisher, frame.number, frame.earlier, frame.message, recovered=False)
        self.behind = True
        self._noted = frame.position
        return None

    def audit(self, page: Page) -> None:
        """Compare where the topic stands with `position`: what has not come after a whole round is missing.

        In between it may be on its way, so once is not enough.
        """
        epoch, offset = self.position
        due = self._audited
        if due is not None and not self.behind and (due.epoch > epoch or (due.epoch == epoch and due.offset > offset)):
            self.behind = True
        self._audited = Position(page.epoch, page.top)

    def catch_up(self, page: Page) -> Iterator[Step]:
        """Take in a page that was read after `position`; `behind` says whether another one is needed."""
        if page.epoch:
            yield from self._read(page)
            if page.more:
                return
        # What is noted is in the history already, so a second look finds it, or it never was there.
        self.behind = bool(page.epoch) and not self._has_noted() and self._noted != self._missed
        self._missed = self._noted

    def _read(self, page: Page) -> Iterator[Step]:
        for name, publisher in page.publishers.items():
            if name not in self._seen:
                self._seen[name] = publisher.first - 1
                if lost := self._owed(publisher.earlier):
                    yield self._lost(lost)
        for entry in page.entries:
            self.position = Position(page.epoch, entry.offset)
            yield self._entry(entry)
        if page.more:
            return
        # A server that came back without its latest messages begins an epoch with the next one: see publish.lua.
        if page.epoch != self.position.epoch or page.top > self.position.offset:
            self.position = Position(page.epoch, page.top)
        for name, publisher in page.publishers.items():
            # Nothing more of it is in the history: what is missing up to here has been cut off.
            lost = publisher.last - self._seen[name]
            if lost > 0:
                self._seen[name] = publisher.last
                if publisher.epoch >= self._since:
                    yield self._lost(lost)
        self._forget(page)

    def _entry(self, entry: Entry) -> Step:
        return self._account(entry.publisher, entry.number, None, entry.message, recovered=True)

    def _account(
        self, publisher: str, number: int, earlier: Standing | None, message: bytes, *, recovered: bool
    ) -> Step:
        seen = self._seen.get(publisher)
        if seen is None:
            lost = self._owed(earlier)
        elif number <= seen:
            return Step(0, None, self.position, recovered, duplicate=True)
        else:
            lost = number - seen - 1
        self._seen[publisher] = number
        return Step(lost, message, self.position, recovered, duplicate=False)

    def _told(self, note: Frame) -> int:
        seen = self._seen.get(note.publisher)
        self._seen[note.publisher] = max(note.number, seen or 0)
        owed = self._owed(note.earlier)
        return owed if seen is None or not owed else max(0, note.number - seen)

    def _owed(self, earlier: Standing | None) -> int:
        """Count what a publisher that was never seen here had published in other epochs since the opening."""
        return earlier.since(self._since) if earlier else 0

    def _lost(self, count: int) -> Step:
        return Step(count, None, self.position, recovered=True, duplicate=False)

    def _has_noted(self) -> bool:
        """Whether what was noted has been read: of an epoch that is gone nothing is to come."""
        noted = self._noted
        return noted.epoch <= self.position.epoch and (
            noted.epoch != self.position.epoch or noted.offset <= self.position.offset
        )

    def _forget(self, page: Page) -> None:
        if len(self._seen) > PUBLISHERS + len(page.publishers):
            self._seen = {name: self._seen[name] for name in page.publishers}
