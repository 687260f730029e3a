"""The subscriptions of a channel whose clients take messages at once: a message to all of them is counted once."""

from __future__ import annotations

from typing import Generic, TypeVar

from socketscope.hub.outgoing import Outgoing
from socketscope.hub.subscription import Subscription
from socketscope.telemetry.accumulators import Accumulators
from socketscope.telemetry.tally import Tally

T = TypeVar("T")


class Group(Generic[T]):
    """Subscription -> what is needed to send to it, in `entries`; `changes` tells whether somebody came or went."""

    def __init__(self, accumulators: Accumulators) -> None:
        self.entries: dict[Subscription, T] = {}
        self.changes = 0
        self._tally = Tally()
        self._accumulators = accumulators

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, subscription: Subscription, entry: T) -> None:
        """Take a subscription in."""
        self.entries[subscription] = entry
        self.changes += 1
        if subscription.record is not None:
            subscription.share = subscription.record.take_part(self._tally)

    def discard(self, subscription: Subscription) -> None:
        """Let it go."""
        if self.entries.pop(subscription, None) is None:
            return
        self.changes += 1
        if subscription.record is not None and subscription.share is not None:
            self._accumulators.end_share(subscription.record, subscription.share)
            subscription.share = None

    def count(self, message: Outgoing, reached: list[Subscription], *, all_since: int | None, now: int) -> None:
        """Count a message as sent to those whom it `reached`, at a moment of the monotonic clock.

        `all_since`: that is everyone in the group as of this value of `changes`; None: it is not.
        """
        if all_since == self.changes:
            self._tally.count(message.size, message.cell, now, binary=message.binary)
        else:
            message.count([subscription.record for subscription in reached], now)
