"""A channel in one process: who is in it, and how a message reaches them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from socketscope.hub.asgi import Sender, begin
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

    def __init__(
        self,
        topic: str,
        name: str,
        options: ChannelOptions,
        ledger: Ledger,
        *,
        now: Callable[[], int],
        hidden: bool = False,
    ) -> None:
        self.topic = topic
        self.name = name
        self.hidden = hidden
        """Whether it is no channel that anybody joins: the topic of a user."""
        self.options = options
        self.ledger = ledger
        self._now = now
        self.members = 0
        """Subscriptions, and those that are on their way: the broker is listened to while there are any."""
        self.listening = False
        self.position = Position("", 0)
        """Where the topic stands, as far as it was received."""
        self.lock = asyncio.Lock()
        """Held while the broker is told to subscribe or unsubscribe."""
        self._wired: dict[Subscription, asyncio.Transport] = {}
        self._ready: dict[Subscription, Sender] = {}
        self._behind: dict[Subscription, None] = {}

    def __len__(self) -> int:
        return len(self._wired) + len(self._ready) + len(self._behind)

    def subscriptions(self) -> Iterable[Subscription]:
        """Give everyone's."""
        return (*self._wired, *self._ready, *self._behind)

    def add(self, subscription: Subscription) -> None:
        """Let a subscription take part."""
        client = subscription.client
        if client.behind:
            self._behind[subscription] = None
        elif client.wire is not None:
            self._wired[subscription] = client.wire.transport
        elif client.sender is not None:
            self._ready[subscription] = client.sender

    def discard(self, subscription: Subscription) -> None:
        """Take it out."""
        self._wired.pop(subscription, None)
        self._ready.pop(subscription, None)
        self._behind.pop(subscription, None)

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
        behind = list(self._behind)
        if self._wired:
            self._write(message)
        if self._ready:
            self._begin(message)
        for subscription in behind:
            if subscription.client.take(message, subscription):
                self.ledger.delivered(1, message.size)

    def _begin(self, message: Outgoing) -> None:
        """Begin to send a message to everyone who has no wire."""
        ready = [(subscription, sender) for subscription, sender in self._ready.items() if not sender.busy]
        if len(ready) < len(self._ready):  # a middleware publishes while it sends
            for subscription in [entry for entry, sender in self._ready.items() if sender.busy]:
                subscription.client.take(message, subscription)
        left = begin(ready, message.asgi)
        self.ledger.delivered(len(ready) - len(left), message.size)
        for subscription, error in left:
            subscription.client.began(message, subscription, error)

    def _write(self, message: Outgoing) -> None:
        """Write a message to everyone's transport, and count it there."""
        # The loop of the whole hub: it touches as little of each connection as it can. `Client._write` is the same
        # for one.
        frame, size, cell, binary = message.frame, message.size, message.cell, message.binary
        now = self._now()
        written, traffic, here = 0, None, 0
        gone = []
        for subscription, transport in list(self._wired.items()):
            if transport.is_closing():
                gone.append(subscription)
                continue
            transport.write(frame)
            written += 1
            record = subscription.record
            if record is not None:
                if record.traffic is not traffic:
                    if traffic is not None:
                        traffic.transmit.add(here, size, cell, binary=binary)
                    traffic, here = record.traffic, 0
                here += 1
                record.messages_sent += 1
                record.bytes_sent += size
                record.last_activity = now
                if record.channel_traffic:
                    record.sent_in_channels(size)
        if traffic is not None:
            traffic.transmit.add(here, size, cell, binary=binary)
        self.ledger.delivered(written, size)
        for subscription in gone:
            self.ledger.refused(CLOSED)
            subscription.client.lost()
