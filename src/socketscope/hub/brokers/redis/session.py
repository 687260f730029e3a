"""What goes on while a link stands: messages out and in, gaps filled, members told, a canary round every second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from socketscope.errors import BrokerUnavailableError, EnvelopeError
from socketscope.hub.brokers.base import Receiver
from socketscope.hub.brokers.ledger import TopicLedger
from socketscope.hub.brokers.redis.following import Following, Step
from socketscope.hub.brokers.redis.link import Command, Link, LinkLostError, concerns_keys
from socketscope.hub.brokers.redis.options import BEAT_SECONDS, MISSED_BEATS, RedisOptions
from socketscope.hub.brokers.redis.presence import Presence
from socketscope.hub.brokers.redis.publishing import Outbox, Publisher
from socketscope.hub.brokers.redis.scripts import Names, explained
from socketscope.hub.brokers.redis.wire import parse_frame, parse_page
from socketscope.hub.message import Delivery, Envelope, Position
from socketscope.telemetry.broker import BrokerTelemetry

log = logging.getLogger(__name__)

PAGE_MESSAGES: Final = 100
PAGE_BYTES: Final = 256 * 1024
"""What is read of a history at once; a single message may be larger."""
READ_TOGETHER: Final = 20
AUDIT_TOGETHER: Final = 200
TELL_TOGETHER: Final = 200


class Subscription:
    """One topic of this process. `stands` is done once messages are received."""

    def __init__(self) -> None:
        self.following = Following()
        self.stands: asyncio.Future[Position] = asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class State:
    """What outlives a link."""

    node: str
    names: Names
    options: RedisOptions
    outbox: Outbox
    presence: Presence
    receiver: Receiver
    ledger: TopicLedger
    telemetry: BrokerTelemetry
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    run: str = ""
    """The run of the server of the last link."""
    round_trip: float | None = None


class Session:
    """One link at work."""

    def __init__(self, link: Link, state: State, on_ready: Callable[[], None]) -> None:
        self._link = link
        self._state = state
        self._on_ready = on_ready
        self._canary = f"node/{state.node}"
        self._canary_channel = state.names.channel(self._canary).encode()
        self._returned = asyncio.Event()
        self._round = 0
        self._unheard = dict.fromkeys(state.subscriptions)
        """Topics to subscribe to over this link."""
        self._unwanted: dict[str, None] = {}
        self._behind: dict[str, None] = {}
        """Topics whose history is to be read."""
        self._wanted = asyncio.Event()
        self._to_read = asyncio.Event()
        self._to_tell = asyncio.Event()
        self._told = asyncio.Condition()

    async def run(self) -> None:
        """Work until the link is lost (`LinkLostError` in a group) or the task is cancelled."""
        state = self._state
        for subscription in state.subscriptions.values():
            subscription.following.fall_behind()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._notice())
            tasks.create_task(self._listen())
            await self._link.subscribe([self._canary_channel.decode()])
            await self._beat()
            await self._canary_back()
            self._wanted.set()
            for work in (self._subscribe, self._read, self._publish, self._tell_members, self._keep_beating):
                tasks.create_task(work())
            tasks.create_task(self._audit())

    # What the broker calls --------------------------------

    def wanted(self, topic: str) -> None:
        """Subscribe to a topic that has been added."""
        self._unheard[topic] = None
        self._wanted.set()

    def unwanted(self, topic: str) -> None:
        """End the subscription of a topic that has been taken away."""
        if topic in self._unheard:
            del self._unheard[topic]
        else:
            self._unwanted[topic] = None
            self._wanted.set()

    def members_changed(self) -> None:
        """Tell the server of members soon."""
        self._to_tell.set()

    async def members_told(self, topic: str | None = None) -> None:
        """Wait until the server knows all members, but those that it refuses; it is asked again to take a topic's."""
        if topic is not None:
            self._state.presence.again((topic,))
            self._to_tell.set()
        async with self._told:
            await self._told.wait_for(lambda: not self._state.presence.untold)

    async def ask(self, command: Command) -> object:
        """Send a command of somebody who may be cancelled while the link has to go on.

        The answer may be an error that `concerns_keys`.
        """
        task = asyncio.ensure_future(self._link.ask_of_topics(command))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        (answer,) = await asyncio.shield(task)
        return answer

    def script(self, name: str, keys: list[str], *arguments: str | bytes | int) -> Command:
        """Give the command that runs a script."""
        return self._link.script(name, keys, *arguments)

    def read_command(self, topic: str, after: Position | None, *, begin: bool = False) -> Command:
        """Give the command that reads a topic's history; None: only where the topic stands.

        `begin` makes the topic where there is none, so that it stands somewhere.
        """
        names = self._state.names
        limits = (PAGE_MESSAGES, PAGE_BYTES) if after else (0, 0)
        after = after or Position("", 0)
        life = (self._link.run if begin else "", int(self._state.options.history_seconds * 1000))
        return self._link.script("read", [names.history(topic), names.facts(topic)], *after, *limits, *life)

    # Subscriptions and what comes over them --------------------------------

    async def _listen(self) -> None:
        names, subscriptions = self._state.names, self._state.subscriptions
        async for channel, data in self._link.listen():
            if channel == self._canary_channel:
                self._canary_returned(data)
                continue
            topic = names.topic(channel)
            subscription = subscriptions.get(topic)
            if subscription is None:
                continue
            try:
                frame = parse_frame(data)
            except ValueError as error:
                log.warning("Something that is no frame of ours came on %s: %s", channel, error)
                continue
            step = subscription.following.take(frame)
            if step is not None:
                self._apply(topic, step)
            elif subscription.following.opened:
                self._behind[topic] = None
                self._to_read.set()

    async def _subscribe(self) -> None:
        channel = self._state.names.channel
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._unwanted:
                unwanted, self._unwanted = self._unwanted, {}
                await self._link.unsubscribe([channel(topic) for topic in unwanted])
            topics, self._unheard = self._unheard, {}
            if topics:
                await self._link.subscribe([channel(topic) for topic in topics])
                # What was published before is not due, or lost on the way and due: the history knows.
                for topic in topics:
                    if (subscription := self._state.subscriptions.get(topic)) is not None:
                        subscription.following.behind = True
                        self._behind[topic] = None
                self._to_read.set()
            elif not self._behind:
                self._on_ready()

    async def _read(self) -> None:
        """Open subscriptions and fill gaps: read what is behind until nothing is."""
        subscriptions = self._state.subscriptions
        while True:
            await self._to_read.wait()
            batch: list[tuple[str, Subscription]] = []
            while self._behind and len(batch) < READ_TOGETHER:
                topic, _ = self._behind.popitem()
                if (subscription := subscriptions.get(topic)) is not None and subscription.following.behind:
                    batch.append((topic, subscription))
            if not batch:
                self._to_read.clear()
                self._on_ready()
                continue
            answers = await self._link.ask_of_topics(
                *(
                    self.read_command(topic, one.following.position)
                    if one.following.opened
                    else self.read_command(topic, None, begin=True)
                    for topic, one in batch
                )
            )
            for (topic, subscription), answer in zip(batch, answers, strict=True):
                if subscriptions.get(topic) is subscription:
                    self._catch_up(topic, subscription, answer)
            await asyncio.sleep(0)

    def _catch_up(self, topic: str, subscription: Subscription, answer: list[object] | Exception) -> None:
        if isinstance(answer, Exception):  # read again when topics are compared
            why = self._state.names.explained(topic, answer)
            log.warning("Nothing of %s is received: %s", topic, why)
            if not subscription.stands.done():
                subscription.stands.set_exception(BrokerUnavailableError("redis", why, refused=True))
                subscription.stands.exception()  # nobody may be waiting for it
            return
        page, following = parse_page(answer), subscription.following
        if following.opened:
            for step in following.catch_up(page):
                self._apply(topic, step)
        else:
            following.open(page)
            self._state.ledger.open(topic)
        if not subscription.stands.done():
            subscription.stands.set_result(following.position)
        if following.behind:
            self._behind[topic] = None

    def _apply(self, topic: str, step: Step) -> None:
        state = self._state
        if step.lost:
            state.ledger.lost(topic, step.lost)
            state.receiver.lost(topic, step.lost)
        if step.duplicate:
            state.ledger.duplicate(topic)
        if step.message is None:
            return
        try:
            envelope = Envelope.decode(step.message)
        except EnvelopeError as error:
            log.warning("A message of %s was dropped: %s", topic, error)
            state.ledger.lost(topic, 1, unreadable=1)
            state.receiver.lost(topic, 1)
            return
        state.ledger.received(topic, recovered=step.recovered)
        state.receiver.received(Delivery(envelope, step.position, step.recovered))

    async def _audit(self) -> None:
        """Compare now and then where topics stand: a message may be missing and nothing come after it.

        Members that were refused are told again.
        """
        subscriptions = self._state.subscriptions
        while True:
            await asyncio.sleep(self._state.options.audit_seconds)
            self._state.presence.again()
            self._to_tell.set()
            topics = [topic for topic, one in subscriptions.items() if one.following.opened]
            for start in range(0, len(topics), AUDIT_TOGETHER):
                some = topics[start : start + AUDIT_TOGETHER]
                answers = await self._link.ask_of_topics(*(self.read_command(topic, None) for topic in some))
                for topic, answer in zip(some, answers, strict=True):
                    self._compare(topic, answer)

    def _compare(self, topic: str, answer: list[object] | Exception) -> None:
        subscription = self._state.subscriptions.get(topic)
        if subscription is None or not subscription.following.opened or isinstance(answer, Exception):
            return
        subscription.following.audit(parse_page(answer))
        if subscription.following.behind:
            self._behind[topic] = None
            self._to_read.set()

    # What goes out --------------------------------

    async def _publish(self) -> None:
        state, outbox = self._state, self._state.outbox
        if state.run != self._link.run:
            await self._tell_standings(outbox.standings())
            state.run = self._link.run
        while True:
            await outbox.something()
            batch = outbox.batch()
            answers = await self._link.call(
                [self._publish_command(one.topic, one.publisher, one.number, one.message) for one in batch]
            )
            refused: dict[str, str] = {}
            for one, answer in zip(batch, answers, strict=True):
                if concerns_keys(answer) and one.topic not in refused:
                    why = refused[one.topic] = state.names.explained(one.topic, answer)
                    log.warning("Nothing is published to %s: %s", one.topic, why)
                if one.topic in refused:  # what was sent behind it has left a gap in the numbers
                    outbox.refused(refused[one.topic])
                    continue
                if isinstance(answer, Exception):
                    raise LinkLostError(f"the server refuses: {answer}")
                kind, *facts = answer
                if kind == b"gap":
                    raise LinkLostError("a message that was sent before another one did not get there")
                epoch, offset = facts
                publication = outbox.answered(Position(epoch.decode(), offset))
                state.ledger.published(publication.topic)

    async def _tell_standings(self, standings: Iterable[tuple[str, Publisher]]) -> None:
        """Tell a server that was started again what it had acknowledged: who did not get that then knows."""
        commands = [
            self._publish_command(topic, publisher, publisher.stands.last, b"")
            for topic, publisher in standings
            if publisher.stands
        ]
        for start in range(0, len(commands), TELL_TOGETHER):
            await self._link.ask_of_topics(*commands[start : start + TELL_TOGETHER])

    def _publish_command(self, topic: str, publisher: Publisher, number: int, message: bytes) -> Command:
        state = self._state
        names, options = state.names, state.options
        return self._link.script(
            "publish",
            [names.history(topic), names.facts(topic), names.nodes],
            *(names.channel(topic), self._link.run, publisher.name, number, str(publisher.stands or "")),
            *(options.history_messages, int(options.history_seconds * 1000), message),
        )

    async def _tell_members(self) -> None:
        presence = self._state.presence
        try:
            while True:
                while presence.untold:
                    await self._tell(presence.changes())
                async with self._told:
                    self._told.notify_all()
                await self._to_tell.wait()
                self._to_tell.clear()
        finally:
            presence.not_told()

    async def _tell(self, changes: Sequence[tuple[str, Command]]) -> None:
        answers = await self._link.ask_of_topics(*(command for _, command in changes))
        refused = {
            topic: explained(answer, str(command[1]))
            for (topic, command), answer in zip(changes, answers, strict=True)
            if concerns_keys(answer)
        }
        for topic, why in refused.items():
            log.warning("Who is in %s here is not told: %s", topic, why)
        self._state.presence.refused(refused)
        self._state.presence.told()

    # The canary --------------------------------

    async def _canary_back(self) -> None:
        try:
            async with asyncio.timeout(self._state.options.answer_seconds):
                await self._returned.wait()
        except TimeoutError as error:
            raise LinkLostError("the first canary did not return") from error

    async def _notice(self) -> None:
        await self._link.lost()
        raise LinkLostError("a call was not answered")

    async def _keep_beating(self) -> None:
        missed = 0
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            missed = 0 if self._returned.is_set() else missed + 1
            if missed >= MISSED_BEATS:
                raise LinkLostError(f"{missed} canaries in a row did not return")
            await self._beat()

    async def _beat(self) -> None:
        """Say that this process is alive, and send a canary round; see `_canary_returned`."""
        state = self._state
        self._returned.clear()
        self._round += 1
        self._sent_at = time.perf_counter_ns()
        names = state.names
        ttl = int(state.options.presence_seconds * 1000)
        unknown, _ = await self._link.ask(
            self._link.script("beat", [names.nodes], names.start, state.node, ttl),
            ("PUBLISH", self._canary_channel, str(self._round)),
        )
        if unknown:
            state.presence.tell_all()
            self._to_tell.set()

    def _canary_returned(self, data: bytes) -> None:
        if data == str(self._round).encode():
            nanoseconds = time.perf_counter_ns() - self._sent_at
            self._state.telemetry.durations.record(nanoseconds)
            self._state.round_trip = nanoseconds / 1e9
            self._returned.set()
