"""One client in one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketscope.hub.outbox import Lane

if TYPE_CHECKING:
    from socketscope.hub.channel import Channel
    from socketscope.hub.client import Client


class Subscription(Lane):
    """The lane of a channel in a client's queue, with what is needed to write to the client."""

    __slots__ = ("channel", "client", "record")

    def __init__(self, client: Client, channel: Channel) -> None:
        super().__init__(channel.options.policy, channel.ledger)
        self.client = client
        self.channel = channel
        self.record = client.record
