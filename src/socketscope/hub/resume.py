"""A client that returns: what it missed, in order, and then the live messages, without a gap and none twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from socketscope.hub.message import Delivery, Position

if TYPE_CHECKING:
    from socketscope.hub.brokers.base import Broker
    from socketscope.hub.channel import Channel

ARRIVAL_SECONDS: Final = 5.0
"""How long what the history has may take to arrive here too."""


class Joined(NamedTuple):
    """Where a client stands in a channel that it has joined.

    `complete`: all that came after the position that it gave is sent to it, `missed` messages. Otherwise nothing of
    it is: some of it is gone, or the position is of another epoch. The client is to fetch anew what the channel is
    about; from `position` on it gets everything.
    """

    position: Position
    complete: bool = True
    missed: int = 0


async def read_missed(broker: Broker, channel: Channel, last: Position) -> list[Delivery] | None:
    """Give what came after `last` up to where the channel stands here when this returns; None: it can't be had.

    The caller must let the client take part before it waits for anything else. Raises `BrokerUnavailableError`.
    """
    missed: list[Delivery] = []
    position = last
    while True:
        history = await broker.history(channel.topic, position)
        if not history.complete:
            return None
        missed += history.deliveries
        position = history.position
        try:
            async with asyncio.timeout(ARRIVAL_SECONDS):
                # It may have been at another process, which was ahead of this one.
                await channel.reached(last)
        except TimeoutError:
            return None
        here = channel.position
        if here.epoch != position.epoch:
            return None
        if here.offset <= position.offset:
            # What lies beyond arrives live.
            return [delivery for delivery in missed if delivery.position.offset <= here.offset]
