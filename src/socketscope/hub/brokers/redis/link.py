"""One life of the two connections to the server: one for commands, one for what is subscribed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

from socketscope.errors import ConfigurationError
from socketscope.hub.brokers.redis import scripts

OLDEST_SERVER: Final = (6, 2)
SUBSCRIBE_TOGETHER: Final = 500
FAIRNESS: Final = 50
"""After so many messages that came at once, others have their turn."""

Command = Sequence[str | bytes | int]


def concerns_keys(answer: object) -> TypeGuard[ResponseError]:
    """Whether the server answers that the keys of a topic can't be used: others can, so the link is in order."""
    # Before Redis 7 a script's error has its cause in the middle.
    return isinstance(answer, ResponseError) and "WRONGTYPE" in str(answer)


class LinkLostError(Exception):
    """The connections are of no use any more; the message says why."""


class Server:
    """Where the server is, and how connections to it are made. Raises `ConfigurationError` for what is no URL."""

    def __init__(self, url: str, **connection: Any) -> None:
        try:
            # Answers are waited for in one place (Link), so that no other time-out is in force.
            self._pool = ConnectionPool.from_url(
                url, **{"protocol": 2, "socket_timeout": None, "socket_connect_timeout": None, **connection}
            )
        except ValueError as error:
            raise ConfigurationError("RedisBroker.url", without_secrets(url), f"redis://HOST:PORT ({error})") from None
        self.shown = without_secrets(url)

    def connection(self) -> AbstractConnection:
        """Make a connection that is not connected yet."""
        pool = self._pool
        return pool.connection_class(**pool.connection_kwargs)


def without_secrets(url: str) -> str:
    """Give a URL without user, password and query."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


class Link:
    """Open by `opened`. Whatever goes wrong raises `LinkLostError`, and the link is not to be used again."""

    def __init__(self, commands: AbstractConnection, subscriber: AbstractConnection, answer_seconds: float) -> None:
        self.run = ""
        """The run of the server: another one after it was started again."""
        self._commands = commands
        self._subscriber = subscriber
        self._answer_seconds = answer_seconds
        self._lane = asyncio.Lock()
        self._hashes: dict[str, str] = {}
        self._acknowledgements: deque[asyncio.Future[None]] = deque()
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def call(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands together and give their answers; an error that the server answers is among them.

        Calls are served in the order in which they were made. One that is cancelled leaves the link useless.
        """
        async with self._lane:
            if self._lost.done():
                raise LinkLostError("the link is lost")
            try:
                async with asyncio.timeout(self._answer_seconds):
                    await self._commands.send_packed_command(self._commands.pack_commands(commands))
                    return [await self._answer() for _ in commands]
            except (RedisError, OSError, TimeoutError) as error:
                self._give_up()
                raise LinkLostError(f"no answer: {str(error) or 'it took too long'}") from error
            except BaseException:
                self._give_up()
                raise

    async def lost(self) -> None:
        """Wait until a call has failed."""
        await asyncio.shield(self._lost)

    async def ask(self, *commands: Command) -> list[Any]:
        """Like `call`, but with an error among the answers the link is lost."""
        return [_required(answer) for answer in await self.call(commands)]

    async def ask_of_topics(self, *commands: Command) -> list[Any]:
        """Like `ask`, but an error that `concerns_keys` is among the answers."""
        answers = await self.call(commands)
        return [answer if concerns_keys(answer) else _required(answer) for answer in answers]

    def script(self, name: str, keys: Sequence[str], *arguments: str | bytes | int) -> Command:
        """Give the command that runs a script."""
        return ("EVALSHA", self._hashes[name], len(keys), *keys, *arguments)

    async def subscribe(self, channels: Sequence[str]) -> None:
        """Subscribe; returns once the server has done so for all. Needs somebody who listens."""
        remaining = iter(channels)
        while some := list(islice(remaining, SUBSCRIBE_TOGETHER)):
            done = [asyncio.get_running_loop().create_future() for _ in some]
            self._acknowledgements.extend(done)
            await self._send("SUBSCRIBE", *some)
            try:
                async with asyncio.timeout(self._answer_seconds):
                    await done[-1]
            except TimeoutError as error:
                raise LinkLostError("a subscription was not acknowledged") from error

    async def unsubscribe(self, channels: Sequence[str]) -> None:
        """Unsubscribe; does not wait for it."""
        await self._send("UNSUBSCRIBE", *channels)

    async def listen(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """Yield channel and data of what is published."""
        count = 0
        while True:
            try:
                kind, channel, data = await self._subscriber.read_response()
            except (RedisError, OSError) as error:
                raise LinkLostError(f"the subscriptions ended: {error}") from error
            if kind == b"message":
                yield channel, data
                count += 1
                if count % FAIRNESS == 0:
                    await asyncio.sleep(0)
            elif kind == b"subscribe" and self._acknowledgements:
                self._acknowledgements.popleft().set_result(None)

    async def prepare(self) -> None:
        """Connect, and make sure that the server is one that can be used."""
        try:
            async with asyncio.timeout(self._answer_seconds):
                await self._commands.connect()
                await self._subscriber.connect()
        except (RedisError, OSError, TimeoutError) as error:
            raise LinkLostError(str(error) or "the connection took too long") from error
        facts, *hashes = await self.ask(
            ("INFO", "server"), *(("SCRIPT", "LOAD", scripts.source(name)) for name in scripts.NAMES)
        )
        found = dict(line.split(":", 1) for line in facts.decode().splitlines() if ":" in line)
        version = found.get("redis_version", "0")
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_SERVER:
            oldest = ".".join(map(str, OLDEST_SERVER))
            raise LinkLostError(f"the server's version is {version}: {oldest} or newer is needed")
        self.run = found["run_id"]
        self._hashes = {name: value.decode() for name, value in zip(scripts.NAMES, hashes, strict=True)}

    async def close(self) -> None:
        """Let go of both connections at once."""
        for connection in (self._subscriber, self._commands):
            with suppress(RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def _send(self, *command: str) -> None:
        try:
            async with asyncio.timeout(self._answer_seconds):
                await self._subscriber.send_command(*command)
        except (RedisError, OSError, TimeoutError) as error:
            raise LinkLostError(f"the subscriptions ended: {str(error) or 'sending took too long'}") from error

    def _give_up(self) -> None:
        # Whoever came next would read what is left of the answers.
        if not self._lost.done():
            self._lost.set_result(None)

    async def _answer(self) -> Any:
        try:
            return await self._commands.read_response(disconnect_on_error=False)
        except ResponseError as error:
            return error


def _required(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise LinkLostError(f"the server refuses: {answer}")
    return answer


@asynccontextmanager
async def opened(server: Server, answer_seconds: float) -> AsyncIterator[Link]:
    """Open a link, and close it whatever happens. Raises `LinkLostError`."""
    link = Link(server.connection(), server.connection(), answer_seconds)
    try:
        await link.prepare()
        yield link
    finally:
        await link.close()
