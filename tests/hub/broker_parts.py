"""Receivers and waiting, for tests of brokers."""

import asyncio
import time
from collections import Counter
from contextlib import asynccontextmanager

from socketscope.hub.message import Envelope

ROOM = "channel/room"


class Receiver:
    """Keeps what it is handed."""

    def __init__(self):
        self.deliveries = []
        self.lost_messages = Counter()

    def received(self, delivery):
        self.deliveries.append(delivery)

    def lost(self, topic, count):
        self.lost_messages[topic] += count

    def payloads(self, topic=ROOM):
        return [one.envelope.payload for one in self.deliveries if one.envelope.topic == topic]


class Node:
    """A broker with its receiver."""

    def __init__(self, broker):
        self.broker = broker
        self.receiver = Receiver()

    async def start(self):
        await self.broker.start(self.receiver)
        return self

    def counters(self, topic=ROOM):
        return self.broker.ledger()[topic]

    async def say(self, *texts, topic=ROOM):
        """Publish all without waiting for one another; gives the positions."""
        return await asyncio.gather(*(self.broker.publish(Envelope(topic, text.encode())) for text in texts))


@asynccontextmanager
async def started(*brokers):
    """Start brokers, and stop them whatever happens."""
    nodes = [Node(broker) for broker in brokers]
    try:
        for node in nodes:
            await node.start()
        yield nodes
    finally:
        for node in nodes:
            await node.broker.stop()


async def eventually(condition, seconds=20):
    """Wait until a condition holds; gives its value."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.01)
    return value
