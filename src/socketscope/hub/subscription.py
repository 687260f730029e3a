"""One client in one channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from socketscope.hub.outbox import Lane

if TYPE_CHECKING:
    from socketscope.hub.channel import Channel
    from socketscope.hub.link import Link
    from socketscope.telemetry.tally import Share


class Subscription(Lane):
    """The lane of a channel in a client's queue, with what publishing looks at once for each delivery."""

    __slots__ = ("channel", "link", "record", "send_asgi", "share")

    def __init__(self, link: Link, channel: Channel) -> None:
        super().__init__(channel.options.policy, channel.ledger)
        self.link = link
        self.channel = channel
        self.record = link.record
        self.send_asgi = link.send_asgi
        self.share: Share | None = None
        """Its part in what is counted for all at once (`hub/group.py`)."""
