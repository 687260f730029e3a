"""A channel in one process: who is in it, and how a message reaches them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from socketscope.errors import BrokerUnavailableError
from socketscope.hub.asgi import Batch, Carrier, Carriers
from socketscope.hub.group import Group
from socketscope.hub.link import AsgiLink, Link
from socketscope.hub.link_wire import WireLink
from socketscope.hub.message import Delivery, Position
from socketscope.hub.options import ChannelOptions
from socketscope.hub.outgoing import Outgoing, outgoing
from socketscope.hub.subscription import Subscription
from socketscope.telemetry.accumulators import Accumulators
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
        carriers: Carriers,
        *,
        accumulators: Accumulators,
        now: Callable[[], int],
        hidden: bool = False,
    ) -> None:
        self.topic = topic
        self.name = name
        self.options = options
        self.ledger = ledger
        self.hidden = hidden
        """Whether it is no channel that anybody joins: the topic of a user."""
        self.members = 0
        """Subscriptions, and those that are on their way: the broker is listened to while there are any."""
        self.listening = False
        self.lock = asyncio.Lock()
        """Held while the broker is told to subscribe or unsubscribe."""
        self.unavailable: BrokerUnavailableError | None = None
        """Why it could not be listened to, the last time that this was so."""
        self.position = Position("", 0)
        """Where the topic stands, as far as it was received."""
        self._carriers = carriers
        self._now = now
        self._wired: Group[asyncio.Transport] = Group(accumulators)
        self._plain: Group[AsgiLink] = Group(accumulators)
        self._behind: dict[Subscription, None] = {}
        self._awaited: list[tuple[Position, asyncio.Future[None]]] = []

    def __len__(self) -> int:
        return len(self._wired) + len(self._plain) + len(self._behind)

    def links(self) -> Iterable[Link]:
        """Give everyone's."""
        return [subscription.link for subscription in (*self._wired.entries, *self._plain.entries, *self._behind)]

    def add(self, subscription: Subscription) -> None:
        """Let a subscription take part."""
        link = subscription.link
        if link.behind:
            self._behind[subscription] = None
        elif isinstance(link, WireLink):
            self._wired.add(subscription, link.transport)
        elif isinstance(link, AsgiLink):
            self._plain.add(subscription, link)

    def discard(self, subscription: Subscription) -> None:
        """Take it out."""
        self._wired.discard(subscription)
        self._plain.discard(subscription)
        self._behind.pop(subscription, None)

    def moved(self, subscription: Subscription) -> None:
        """Note that its client fell behind, or caught up."""
        self.discard(subscription)
        self.add(subscription)

    async def reached(self, position: Position) -> None:
        """Wait until the channel stands at a position here, or beyond it, or in another epoch."""
        if _stands_before(self.position, position):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._awaited.append((position, future))
            await future

    def stands(self, position: Position) -> None:
        """Note where the channel stands."""
        self.position = position
        if self._awaited:
            for awaited, future in self._awaited:
                if not future.done() and not _stands_before(position, awaited):
                    future.set_result(None)
            self._awaited = [(awaited, future) for awaited, future in self._awaited if not future.done()]

    def deliver(self, delivery: Delivery) -> None:
        """Send a message to everyone; waits for nobody."""
        self.stands(delivery.position)
        if not self:
            return
        message = outgoing(delivery, positions=self.options.positions, channel=self.name)
        # Taken before anything is written: who falls behind in between has had its message.
        behind = list(self._behind)
        if self._wired:
            self._write(message)
        if self._plain:
            self._begin(message)
        for subscription in behind:
            self._take(message, subscription)

    def _write(self, message: Outgoing) -> None:
        """Write a message to everyone's transport."""
        # The loop of the whole hub: of each connection it touches the transport alone. That the closing handshake has
        # begun takes a subscription out before (`Wire.on_closing`); what is left to ask is whether the socket is open.
        frame, group = message.frame, self._wired
        changes, reached, transports = group.changes, list(group.entries), list(group.entries.values())
        closing: set[int] = set()
        for transport in transports:
            if transport.is_closing():
                closing.add(id(transport))
            else:
                transport.write(frame)
        gone: set[Subscription] = set()
        if closing:
            gone = {one for one, transport in zip(reached, transports, strict=True) if id(transport) in closing}
            reached = [one for one in reached if one not in gone]
        self.ledger.delivered(len(reached), message.size)
        group.count(message, reached, all_since=None if gone else changes, now=self._now())
        for subscription in gone:
            self.ledger.refused(CLOSED)
            subscription.link.owner.lost()

    def _begin(self, message: Outgoing) -> None:
        """Begin to send a message to everyone whose server speaks plain ASGI."""
        group = self._plain
        changes, reached, everyone = group.changes, list(group.entries), True
        if self._carriers.sending:  # a middleware publishes while it sends
            for subscription in [entry for entry, link in group.entries.items() if link.is_sending()]:
                reached.remove(subscription)
                everyone = False
                self._take(message, subscription)

        def waits(subscription: Subscription, carrier: Carrier) -> AsgiLink:
            link = group.entries[subscription]
            link.waits(message, subscription, carrier)
            return link

        def failed(subscription: Subscription, told: dict[str, Any], error: Exception) -> None:
            group.entries[subscription].failed(subscription, told, error)

        without = self._carriers.begin(Batch(reached, message.asgi, waits=waits, failed=failed)).without
        if without:
            reached = [subscription for subscription in reached if subscription not in without]
            everyone = False
        self.ledger.delivered(len(reached), message.size)
        group.count(message, reached, all_since=changes if everyone else None, now=self._now())

    def _take(self, message: Outgoing, subscription: Subscription) -> None:
        if subscription.link.take(message, subscription):
            self.ledger.delivered(1, message.size)

    def catch_up(self, deliveries: Iterable[Delivery], subscription: Subscription) -> None:
        """Send a client what it missed."""
        for delivery in deliveries:
            self._take(outgoing(delivery, positions=self.options.positions, channel=self.name), subscription)


def _stands_before(here: Position, there: Position) -> bool:
    return here.epoch == there.epoch and here.offset < there.offset
