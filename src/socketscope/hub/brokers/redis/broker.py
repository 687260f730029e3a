"""The broker: what the hub calls, and the link that is kept."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from socketscope.errors import BrokerUnavailableError, ConfigurationError, EnvelopeError, MessageTooLargeError
from socketscope.hub.brokers.base import STARTED, Health, History, Member, Receiver
from socketscope.hub.brokers.ledger import TopicLedger
from socketscope.hub.brokers.redis.link import LinkLostError, Server, concerns_keys, opened
from socketscope.hub.brokers.redis.options import RedisOptions
from socketscope.hub.brokers.redis.presence import Presence, load
from socketscope.hub.brokers.redis.publishing import Outbox
from socketscope.hub.brokers.redis.scripts import Names, explained
from socketscope.hub.brokers.redis.session import Session, State, Subscription
from socketscope.hub.brokers.redis.wire import Entry, parse_page
from socketscope.hub.message import Delivery, Envelope, Position
from socketscope.telemetry.broker import BrokerTelemetry, Counters

log = logging.getLogger(__name__)

FIRST_RETRY_SECONDS: Final = 0.05
FAREWELL_SECONDS: Final = 2.0
"""How long `stop` waits for the server to take what waits."""


class RedisBroker:
    """Joins the processes of a service through the Redis server at `url` (redis://, rediss:// with TLS, unix://).

    `options` are the fields of `RedisOptions`; whatever else is given goes to redis-py's connections
    (`ssl_ca_certs`, `credential_provider` ...). Raises `ConfigurationError` for values that can't be used.

    While the server can't be reached, calls wait for it for `patience` seconds, and so many messages may wait; what
    is over that is refused with `BrokerUnavailableError`. Subscriptions and members are taken up again by themselves.
    """

    system = "redis"

    def __init__(self, url: str, *, options: RedisOptions | None = None, **connection: Any) -> None:
        if options is not None and not isinstance(options, RedisOptions):
            raise ConfigurationError("RedisBroker(options)", options, "RedisOptions")
        self.telemetry = BrokerTelemetry()
        self._options = options or RedisOptions()
        self._server = Server(url, **connection)
        self._ledger = TopicLedger(self.telemetry.counters)
        self._state: State | None = None
        self._session: Session | None = None
        self._linked = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._since = time.monotonic()
        self._why = "it is not started"

    async def start(self, receiver: Receiver) -> None:
        """Connect.

        Raises `BrokerUnavailableError` where that can't be done within `patience`, RuntimeError where it is done.
        """
        if self._state is not None:
            raise RuntimeError(STARTED)
        node = secrets.token_hex(8)
        names = Names(self._options.prefix, node)
        self._state = State(
            node=node,
            names=names,
            options=self._options,
            outbox=Outbox(node, messages=self._options.waiting_messages, size=self._options.waiting_bytes),
            presence=Presence(names, node),
            receiver=receiver,
            ledger=self._ledger,
            telemetry=self.telemetry,
        )
        self._why = "no connection was made yet"
        self._keeper = asyncio.create_task(self._keep(self._state))
        try:
            await self._get_session()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Publish what waits, as far as that goes at once; take members away; disconnect."""
        if self._state is None or self._keeper is None:
            return
        state = self._state
        state.presence.leave_all()
        with suppress(TimeoutError, BrokerUnavailableError, LinkLostError):
            if self._session is not None:
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self._take_leave(state, self._session)
        self._keeper.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeper
        state.outbox.fail("it was stopped")
        for subscription in state.subscriptions.values():
            subscription.stands.cancel()
        self._state = self._keeper = self._session = None
        self._linked.clear()
        self._why = "it is not started"

    async def publish(self, envelope: Envelope) -> Position:
        """Publish; see `Broker.publish`."""
        if len(envelope.payload) > self._options.message_bytes:
            raise MessageTooLargeError(len(envelope.payload), self._options.message_bytes)
        outbox = self._started().outbox
        publication = outbox.add(envelope.topic, envelope.encode())
        try:
            async with asyncio.timeout(self._options.patience):
                return await publication.position
        except TimeoutError:
            raise self._unavailable(in_doubt=not outbox.withdraw(publication)) from None
        except asyncio.CancelledError:
            outbox.withdraw(publication)
            raise

    async def subscribe(self, topic: str) -> Position:
        """Receive a topic from now on."""
        state = self._started()
        subscription = state.subscriptions[topic] = Subscription()
        if self._session is not None:
            self._session.wanted(topic)
        try:
            async with asyncio.timeout(self._options.patience):
                return await subscription.stands
        except TimeoutError:
            await self.unsubscribe(topic)
            raise self._unavailable() from None
        except (asyncio.CancelledError, BrokerUnavailableError):
            await self.unsubscribe(topic)
            raise

    async def unsubscribe(self, topic: str) -> None:
        """Receive it no longer."""
        if self._state is None or self._state.subscriptions.pop(topic, None) is None:
            return
        self._ledger.close(topic)
        if self._session is not None:
            self._session.unwanted(topic)

    async def history(self, topic: str, after: Position) -> History:
        """Give what came after `after`, as far as it is kept."""
        deliveries: list[Delivery] = []
        complete, position = True, after
        while True:
            session = await self._get_session()
            answer = await self._ask(session, session.read_command(topic, position))
            if concerns_keys(answer):
                raise self._refuses(self._started().names.explained(topic, answer))
            page = parse_page(answer)
            if page.epoch != position.epoch or page.top < position.offset:
                if deliveries or not page.epoch:  # it began anew in between, or there is nothing
                    return History((), complete=False, position=Position(page.epoch, page.top))
                complete, position = False, Position(page.epoch, 0)
            deliveries += [found for entry in page.entries if (found := _delivery(page.epoch, entry))]
            if page.entries:
                complete = complete and page.entries[0].offset == position.offset + 1
                position = Position(page.epoch, page.entries[-1].offset)
            if not page.more:
                complete = complete and position.offset == page.top
                return History(deliveries, complete=complete, position=Position(page.epoch, page.top))

    def enter(self, topic: str, member: Member) -> None:
        """Make a member present."""
        self._started().presence.enter(topic, member)
        if self._session is not None:
            self._session.members_changed()

    def leave(self, topic: str, connection: str) -> None:
        """End a member's presence."""
        if self._state is None:
            return
        self._state.presence.leave(topic, connection)
        if self._session is not None:
            self._session.members_changed()

    async def members(self, topic: str) -> list[Member]:
        """Give who is present."""
        session = await self._get_session()
        names = self._started().names
        try:
            async with asyncio.timeout(self._options.patience):
                await session.members_told(topic)
        except TimeoutError:
            raise self._unavailable() from None
        keys = [names.nodes_with_members(topic), names.nodes]
        answer = await self._ask(session, session.script("members", keys, names.start, topic))
        if concerns_keys(answer):
            self._started().presence.refused((topic,))
            raise self._refuses(explained(answer, "this key"))  # the script names it: it may be another node's
        return load(answer)

    async def claim(self, key: str, ttl: float) -> bool:
        """Whether this is the first claim of `key`."""
        session = await self._get_session()
        name = self._started().names.claim(key)
        answer = await self._ask(session, ("SET", name, "1", "NX", "PX", max(1, int(ttl * 1000))))
        return answer is not None

    def ledger(self) -> Mapping[str, Counters]:
        """Give the counts by topic."""
        return self._ledger.topics()

    @property
    def health(self) -> Health:
        """How the link is. Connected: all subscriptions stand, and what was missed before is made good or counted."""
        round_trip = self._state.round_trip if self._state else None
        return Health(self._linked.is_set(), round_trip, self._since)

    # The link --------------------------------

    async def _keep(self, state: State) -> None:
        """Have a link, and after it the next one."""
        pause = FIRST_RETRY_SECONDS
        while True:
            try:
                async with opened(self._server, self._options.answer_seconds) as link:
                    self._session = Session(link, state, self._ready)
                    await self._session.run()
            except* LinkLostError as lost:
                self._lost(lost)
            except* Exception:
                log.exception("A mistake of ours, or of who receives; the link is made anew.")
            if self._linked.is_set():
                pause = FIRST_RETRY_SECONDS
            self._linked.clear()
            self._session = None
            state.outbox.unanswered()
            # Not all processes at the same moment.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(pause * 2, self._options.retry_seconds)

    def _ready(self) -> None:
        if not self._linked.is_set():
            self._linked.set()
            self._since = time.monotonic()
            log.info("Linked to %s.", self._server.shown)

    def _lost(self, lost: BaseException) -> None:
        first = lost
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        why = f"{self._server.shown}: {first}"
        if self._linked.is_set():
            self._since = time.monotonic()
            log.warning("The link is lost and made anew: %s", why)
        elif why != self._why:
            log.warning("No link, tried again: %s", why)
        self._why = why

    async def _take_leave(self, state: State, session: Session) -> None:
        session.members_changed()
        await session.members_told()
        await session.ask(("ZREM", state.names.nodes, state.node))
        await state.outbox.nothing()

    async def _get_session(self) -> Session:
        self._started()
        try:
            async with asyncio.timeout(self._options.patience):
                await self._linked.wait()
        except TimeoutError:
            raise self._unavailable() from None
        if self._session is None:
            raise self._unavailable()
        return self._session

    async def _ask(self, session: Session, command: Any) -> Any:
        try:
            return await session.ask(command)
        except LinkLostError as error:
            raise BrokerUnavailableError(self.system, str(error)) from error

    def _started(self) -> State:
        if self._state is None:
            raise self._unavailable()
        return self._state

    def _refuses(self, why: str) -> BrokerUnavailableError:
        return BrokerUnavailableError(self.system, why, refused=True)

    def _unavailable(self, *, in_doubt: bool = False) -> BrokerUnavailableError:
        return BrokerUnavailableError(self.system, self._why, in_doubt=in_doubt)


def _delivery(epoch: str, entry: Entry) -> Delivery | None:
    """Give a message of the history; None for one that is no envelope of a version that is known here."""
    try:
        return Delivery(Envelope.decode(entry.message), Position(epoch, entry.offset), recovered=True)
    except EnvelopeError:
        return None
