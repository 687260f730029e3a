"""The ledger of a broker: by topic, and over all topics that there ever were."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from socketscope.telemetry.broker import Counters

PUBLISHED_TOPICS: Final = 1000
"""So many topics that are only published to have counts of their own, those of late."""


class TopicLedger:
    """Counts for a topic go to the topic's counters, while it has any, and to `total`.

    Written by the thread of the event loop.
    """

    def __init__(self, total: Counters) -> None:
        self._total = total
        self._open: dict[str, Counters] = {}
        self._published = OrderedDict[str, Counters]()

    def open(self, topic: str) -> None:
        """Begin to count what is received of a topic, and anew what is published to it."""
        if topic in self._published:
            del self._published[topic]
        self._open[topic] = Counters()

    def close(self, topic: str) -> None:
        """Forget what was received of a topic."""
        self._open.pop(topic, None)

    def published(self, topic: str) -> None:
        """Count a message that the broker took."""
        self._total.published += 1
        counters = self._open.get(topic)
        if counters is None:
            counters = self._published.setdefault(topic, Counters())
            self._published.move_to_end(topic)
            if len(self._published) > PUBLISHED_TOPICS:
                self._published.popitem(last=False)
        counters.published += 1

    def received(self, topic: str, *, recovered: bool = False) -> None:
        """Count a message that was handed over; `recovered`: out of the history."""
        for counters in self._of(topic):
            if recovered:
                counters.recovered += 1
            else:
                counters.received += 1

    def lost(self, topic: str, count: int, *, unreadable: int = 0) -> None:
        """Count messages that are gone; `unreadable` of them arrived."""
        for counters in self._of(topic):
            counters.lost += count
            counters.unreadable += unreadable

    def duplicate(self, topic: str, count: int = 1) -> None:
        """Count messages that arrived again."""
        for counters in self._of(topic):
            counters.duplicate += count

    def topics(self) -> Mapping[str, Counters]:
        """Give a copy of the counts by topic."""
        return {topic: replace(counters) for topic, counters in (*self._published.items(), *self._open.items())}

    def _of(self, topic: str) -> tuple[Counters, ...]:
        own = self._open.get(topic)
        return (self._total,) if own is None else (self._total, own)
