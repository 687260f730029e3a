"""What is to be published, in order, until the server has taken it. No I/O.

A message gets its number when it is sent for the first time, and keeps it. What was sent and not answered is sent again
over the next link, before everything else; the server knows by the numbers what it has already.
"""

from __future__ import annotations

from asyncio import Event, Future, get_running_loop
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

from socketscope.errors import BrokerUnavailableError
from socketscope.hub.brokers.redis.wire import Standing
from socketscope.hub.message import Position

TOPICS: Final = 10_000
"""So many topics to which this process has published are remembered, so that what of them is lost can be told."""
BATCH_MESSAGES: Final = 200
BATCH_BYTES: Final = 512 * 1024


class Publisher:
    """A topic's publisher, which is this process: its name, the number of its last message, and what of it stands."""

    __slots__ = ("last", "name", "stands", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.last = 0
        self.stands: Standing | None = None
        """What the server has acknowledged."""
        self.waiting = 0


class Publication:
    """One message. `number` is 0 until it is sent; `position` is its place, once the server has said so.

    `again`: it was sent before, so the server may have it.
    """

    __slots__ = ("again", "message", "number", "position", "publisher", "topic", "withdrawn")

    def __init__(self, topic: str, message: bytes, publisher: Publisher) -> None:
        self.topic = topic
        self.message = message
        self.publisher = publisher
        self.number = 0
        self.again = False
        self.withdrawn = False
        self.position: Future[Position] = get_running_loop().create_future()


class Outbox:
    """Publications in order; at most so many, with at most so many bytes."""

    def __init__(self, node: str, *, messages: int, size: int) -> None:
        self._node = node
        self._messages = messages
        self._bytes = size
        self._generation = 0
        self._publishers = OrderedDict[str, Publisher]()
        self._waiting: deque[Publication] = deque()
        self._sent: deque[Publication] = deque()
        self._held_messages = 0
        self._held_bytes = 0
        self._something = Event()
        self._nothing = Event()
        self._nothing.set()

    def add(self, topic: str, message: bytes) -> Publication:
        """Take a message; raises `BrokerUnavailableError` where too much waits already."""
        if self._held_messages >= self._messages or self._held_bytes + len(message) > self._bytes:
            raise BrokerUnavailableError("redis", f"{self._held_messages} messages wait for it already")
        publication = Publication(topic, message, self._publisher(topic))
        publication.publisher.waiting += 1
        self._waiting.append(publication)
        self._held_messages += 1
        self._held_bytes += len(message)
        self._something.set()
        self._nothing.clear()
        return publication

    def withdraw(self, publication: Publication) -> bool:
        """Give a message up that was not sent yet; False: it was sent, and will be until it is answered."""
        if publication.number:
            return False
        if not publication.withdrawn:
            publication.withdrawn = True
            self._release(publication)
        return True

    async def something(self) -> None:
        """Wait until there is something to send."""
        while not self._waiting:
            self._something.clear()
            await self._something.wait()

    async def nothing(self) -> None:
        """Wait until everything is answered."""
        await self._nothing.wait()

    def batch(self) -> list[Publication]:
        """Give what is to be sent next, all of which is to be answered or `unanswered`."""
        size = 0
        while self._waiting and len(self._sent) < BATCH_MESSAGES and size < BATCH_BYTES:
            publication = self._waiting.popleft()
            if publication.withdrawn:
                continue
            if not publication.number:
                publication.publisher.last += 1
                publication.number = publication.publisher.last
            size += len(publication.message)
            self._sent.append(publication)
        return list(self._sent)

    def answered(self, position: Position) -> Publication:
        """Note that the server has the oldest message that was sent, and give it."""
        publication = self._sent.popleft()
        publisher = publication.publisher
        publisher.stands = (publisher.stands or Standing(0, ())).after(position.epoch, publication.number)
        self._release(publication)
        if not publication.position.done():
            publication.position.set_result(position)
        return publication

    def refused(self, why: str) -> None:
        """Note that the server does not take the oldest message that was sent: the next one has its number."""
        publication = self._sent.popleft()
        publisher = publication.publisher
        if publication.again:  # who has it would take the next one of its number for the same
            publisher.name, publisher.last, publisher.stands = self._new_name(), 0, None
        publisher.last = min(publisher.last, publication.number - 1)
        self._release(publication)
        if not publication.position.done():
            publication.position.set_exception(
                BrokerUnavailableError("redis", why, in_doubt=publication.again, refused=True)
            )
            publication.position.exception()  # nobody may be waiting for it

    def unanswered(self) -> None:
        """Put what was sent and not answered in front again: the link is lost."""
        for publication in self._sent:
            if publication.number > publication.publisher.last:  # behind one that is refused: it is not there
                publication.number = 0
            else:
                publication.again = True
        self._waiting.extendleft(reversed(self._sent))
        self._sent.clear()
        if self._waiting:
            self._something.set()

    def standings(self) -> Iterator[tuple[str, Publisher]]:
        """Yield where this process stands as a publisher, by topic."""
        for topic, publisher in list(self._publishers.items()):
            if publisher.stands is not None:
                yield topic, publisher

    def fail(self, why: str) -> None:
        """Give everything up."""
        for publication in (*self._sent, *self._waiting):
            if not publication.position.done():
                publication.position.set_exception(
                    BrokerUnavailableError("redis", why, in_doubt=bool(publication.number))
                )
                publication.position.exception()  # nobody may be waiting for it
        self._sent.clear()
        self._waiting.clear()
        self._held_messages = self._held_bytes = 0
        self._nothing.set()

    def _publisher(self, topic: str) -> Publisher:
        publisher = self._publishers.get(topic)
        if publisher is None:
            # Forgotten and met again, it counts anew, so it needs another name.
            publisher = self._publishers[topic] = Publisher(f"{self._node}.{self._generation}")
            self._forget()
        self._publishers.move_to_end(topic)
        return publisher

    def _new_name(self) -> str:
        self._generation += 1
        return f"{self._node}.{self._generation}"

    def _forget(self) -> None:
        if len(self._publishers) <= TOPICS:
            return
        topic, oldest = next(iter(self._publishers.items()))
        if not oldest.waiting:
            del self._publishers[topic]
            self._generation += 1

    def _release(self, publication: Publication) -> None:
        publication.publisher.waiting -= 1
        self._held_messages -= 1
        self._held_bytes -= len(publication.message)
        if not self._held_messages:
            self._nothing.set()
