"""A channel in one process: who is in it, and how a message reaches them all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from socketscope.hub.message import Delivery, Position
from socketscope.hub.options import ChannelOptions
from socketscope.hub.outgoing import Outgoing, outgoing
from socketscope.hub.subscription import Subscription
from socketscope.telemetry.ledger import CLOSED, Ledger


class Channel:
    """The subscriptions of one topic.

    Those whose client takes messages at once are apart from those whose client is behind, so that publishing costs
    the former no question about queues.
    """

    def __init__(self, topic: str, name: str, options: ChannelOptions, ledger: Ledger, *, hidden: bool = False) -> None:
        self.topic = topic
        self.name = name
        self.hidden = hidden
        """Whether it is no channel that anybody joins: the topic of a user."""
        self.options = options
        self.ledger = ledger
        self.members = 0
        """Subscriptions, and those that are on their way: the broker is listened to while there are any."""
        self.listening = False
        self.position = Position("", 0)
        """Where the topic stands, as far as it was received."""
        self.lock = asyncio.Lock()
        """Held while the broker is told to subscribe or unsubscribe."""
        self._wired: dict[Subscription, None] = {}
        self._ready: dict[Subscription, None] = {}
        self._behind: dict[Subscription, None] = {}

    def __len__(self) -> int:
        return len(self._wired) + len(self._ready) + len(self._behind)

    def subscriptions(self) -> Iterable[Subscription]:
        """Give everyone's."""
        return (*self._wired, *self._ready, *self._behind)

    def add(self, subscription: Subscription) -> None:
        """Let a subscription take part."""
        self._place(subscription)[subscription] = None

    def discard(self, subscription: Subscription) -> None:
        """Take it out."""
        for place in (self._wired, self._ready, self._behind):
            place.pop(subscription, None)

    def moved(self, subscription: Subscription) -> None:
        """Note that its client fell behind, or caught up."""
        self.discard(subscription)
        self.add(subscription)

    def deliver(self, delivery: Delivery) -> None:
        """Send a message to everyone; waits for nobody."""
        self.position = delivery.position
        if not self:
            return
        message = outgoing(delivery, positions=self.options.positions, channel=self.name)
        # Taken before anything is written: who falls behind in between has had its message.
        others = (*self._ready, *self._behind)
        if self._wired:
            self._write(message, list(self._wired))
        delivered = 0
        for subscription in others:
            if subscription.client.take(message, subscription):
                delivered += 1
        if delivered:
            self.ledger.delivered(delivered, message.size)

    def _write(self, message: Outgoing, subscriptions: Sequence[Subscription]) -> None:
        wire = subscriptions[0].wire
        if wire is None:
            raise RuntimeError("a subscription without a wire is among those that have one")
        gone = wire.write_all(subscriptions, message)
        self.ledger.delivered(len(subscriptions) - len(gone), message.size)
        for subscription in gone:
            self.ledger.refused(CLOSED)
            subscription.client.lost()

    def _place(self, subscription: Subscription) -> dict[Subscription, None]:
        if subscription.client.behind:
            return self._behind
        return self._ready if subscription.wire is None else self._wired
