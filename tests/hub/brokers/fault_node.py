"""A process with a broker: publishes at a rate, keeps account of what it receives, and tells all of it.

python fault_node.py NAME URL RATE TOPICS SIZE OPTIONS-AS-JSON

It prints what it knows as JSON, a line every 50 ms; a line on its input ends the publishing.
"""

import asyncio
import json
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict

from socketscope.errors import BrokerUnavailableError
from socketscope.hub.brokers.redis import RedisBroker, RedisOptions
from socketscope.hub.message import Envelope

TICK = 0.02


class Account:
    """What came of each publisher, by the numbers in the messages: independent of what the broker counts."""

    def __init__(self):
        self.last = defaultdict(int)
        self.received = Counter()
        self.out_of_order = 0
        self.told_lost = 0

    def received_one(self, delivery):
        publisher, number = delivery.envelope.payload.decode().split()[:2]
        key = (delivery.envelope.topic, publisher)
        if int(number) <= self.last[key]:
            self.out_of_order += 1  # or twice
        self.last[key] = int(number)
        self.received[publisher] += 1


class Receiver:
    def __init__(self, account):
        self.account = account

    def received(self, delivery):
        self.account.received_one(delivery)

    def lost(self, topic, count):
        self.account.told_lost += count


class Node:
    def __init__(self, name, url, *, rate, topics, size, options):
        self.name = name
        self.rate = rate
        self.size = size
        self.topics = [f"channel/{number}" for number in range(topics)]
        self.broker = RedisBroker(url, options=RedisOptions(**options))
        self.account = Account()
        self.attempts = 0
        self.published = 0
        self.refused = 0
        self.in_doubt = 0
        self.tasks = set()
        self.publishing = True

    async def run(self):
        await self.broker.start(Receiver(self.account))
        for topic in self.topics:
            await self.broker.subscribe(topic)
        reporting = asyncio.create_task(self.report())
        go = asyncio.to_thread(sys.stdin.readline)
        await go
        publishing = asyncio.create_task(self.publish_on())
        await asyncio.to_thread(sys.stdin.readline)
        self.publishing = False
        await publishing
        await asyncio.to_thread(sys.stdin.readline)
        reporting.cancel()
        await self.broker.stop()
        self.tell(ended=True)

    async def publish_on(self):
        began = time.monotonic()
        while self.publishing:
            due = int((time.monotonic() - began) * self.rate)
            # What a pause has kept from being published is not made good.
            for _ in range(min(due - self.attempts, int(self.rate * TICK * 5) + 1)):
                self.attempts += 1
                task = asyncio.create_task(self.publish_one(self.attempts))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
            if due - self.attempts > self.rate:
                began = time.monotonic() - self.attempts / self.rate
            await asyncio.sleep(TICK)
        await asyncio.gather(*self.tasks)

    async def publish_one(self, number):
        topic = self.topics[number % len(self.topics)]
        text = f"{self.name} {number} ".ljust(self.size, "x")
        try:
            await self.broker.publish(Envelope(topic, text.encode()))
        except BrokerUnavailableError as error:
            if error.in_doubt:
                self.in_doubt += 1
            else:
                self.refused += 1

    async def report(self):
        while True:
            self.tell()
            await asyncio.sleep(0.05)

    def tell(self, *, ended=False):
        health = self.broker.health
        line = {
            "name": self.name,
            "connected": health.connected,
            "since": health.since,
            "quiet": not self.publishing and not self.tasks,
            "attempts": self.attempts,
            "refused": self.refused,
            "in_doubt": self.in_doubt,
            "counters": asdict(self.broker.telemetry.counters),
            "received": self.account.received,
            "told_lost": self.account.told_lost,
            "out_of_order": self.account.out_of_order,
            "ended": ended,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _, name, url, rate, topics, size, options = sys.argv
    node = Node(name, url, rate=float(rate), topics=int(topics), size=int(size), options=json.loads(options))
    asyncio.run(node.run())
