"""Who may connect, join channels and publish."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qs

from socketscope.errors import BrokerUnavailableError, ConfigurationError, RefusedError
from socketscope.hub.closing import FORBIDDEN, TIMEOUT, TRY_AGAIN_LATER, UNAUTHORIZED
from socketscope.hub.options import checked_number
from socketscope.hub.origin import Origins

if TYPE_CHECKING:
    from socketscope.hub.client import Client
    from socketscope.hub.hub import Message

CONNECTING: Final = "connecting"
Answer = TypeVar("Answer")


def checked_expiry(expires: float | None) -> float | None:
    """Give back from when on credentials are none, None for a time that never comes (infinity).

    Raises ValueError for what is no time.
    """
    if expires is None or expires == math.inf:
        return None
    if not isinstance(expires, int | float) or isinstance(expires, bool) or math.isnan(expires):
        raise ValueError(f"expires is a time in epoch seconds, or None (never), not {expires!r:.60}")
    return expires


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is.

    * `user`: as in `Hub.publish_to_user`; None: nobody in particular.
    * `expires`: epoch seconds from which on it is nobody any more (3000), unless `Client.renew` was called.
    * `data`: whatever the application wants to find again at `Client.identity`.

    Raises ValueError where `expires` is no time.
    """

    user: str | None = None
    expires: float | None = None
    data: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "expires", checked_expiry(self.expires))  # it is frozen


class Handshake:
    """The request by which a client asks for a WebSocket, as the hook `connect` sees it."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self.scope = scope

    @property
    def path(self) -> str:
        """The path of the URL."""
        return str(self.scope["path"])

    def headers(self, name: str) -> list[str]:
        """Give the values of a header."""
        wanted = name.lower().encode()
        return [value.decode("latin-1") for key, value in self.scope.get("headers", ()) if key.lower() == wanted]

    def header(self, name: str) -> str | None:
        """Give the value of a header; None where it is missing or there are several."""
        values = self.headers(name)
        return values[0] if len(values) == 1 else None

    def query(self, name: str) -> str | None:
        """Give the value of a parameter of the query string; None where it is missing or there are several."""
        values = parse_qs(self.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True).get(name, [])
        return values[0] if len(values) == 1 else None


@dataclass(frozen=True, slots=True)
class Access:
    """The hooks that decide. What is not given decides nothing; whatever a hook raises refuses, and is raised.

    * `origins`: which web pages may connect, see `Origins`; None: all.
    * `connect`: asked before the connection is accepted; None as its answer refuses.
    * `authenticate`: is given the client's first message, after the connection is accepted; None refuses. Its identity
      takes the place of that of `connect`.
    * `subscribe`, `publish`: asked each time a client wants to join a channel, or publishes (`Client.publish`; not
      `Hub.publish`, which is the application's own). May raise `RefusedError` with a code and reason of their own.
    * `deadline`: seconds for each answer of a hook, for `authenticate` with the first message; then it refuses (3008).

    Raises `ConfigurationError`.
    """

    origins: Sequence[str | None] | None = None
    connect: Callable[[Handshake], Awaitable[Identity | None]] | None = None
    authenticate: Callable[[str | bytes], Awaitable[Identity | None]] | None = None
    subscribe: Callable[[Client, str], Awaitable[bool]] | None = None
    publish: Callable[[Client, str, Message], Awaitable[bool]] | None = None
    deadline: float = 10.0
    _origins: Origins | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        checked_number("Access.deadline", self.deadline, above=True)
        for name in ("connect", "authenticate", "subscribe", "publish"):
            if (hook := getattr(self, name)) is not None and not callable(hook):
                raise ConfigurationError(f"Access.{name}", hook, "an async function")
        if self.origins is not None:
            object.__setattr__(self, "_origins", Origins(self.origins))  # it is frozen

    async def handshake(self, scope: Mapping[str, Any]) -> Identity | None:
        """Decide before accepting. Raises `RefusedError`."""
        asked = Handshake(scope)
        if self._origins is not None and not self._origins.allow(asked.headers("origin")):
            raise RefusedError(CONNECTING, FORBIDDEN, "this origin may not connect")
        if self.connect is None:
            return None
        return await self._identity("connect", _asked("connect", self.connect(asked)))

    async def first_message(self, message: Callable[[], Awaitable[str | bytes]]) -> Identity | None:
        """Decide by the first message. Raises `RefusedError`, and what `message` raises."""
        check = self.authenticate
        if check is None:
            return None

        async def checked() -> Identity | None:
            return await _asked("authenticate", check(await message()))

        return await self._identity("authenticate", checked())

    async def may_subscribe(self, client: Client, channel: str) -> None:
        """Raise `RefusedError` where a client may not join a channel."""
        if self.subscribe is not None:
            await self._allowed(f"joining {channel!r:.60}", "subscribe", self.subscribe(client, channel))

    async def may_publish(self, client: Client, channel: str, message: Message) -> None:
        """Raise `RefusedError` where a client may not publish."""
        if self.publish is not None:
            await self._allowed(f"publishing in {channel!r:.60}", "publish", self.publish(client, channel, message))

    async def _allowed(self, what: str, hook: str, answer: Awaitable[bool]) -> None:
        allowed = await self._in_time(what, _asked(hook, answer), "not decided in time")
        if not isinstance(allowed, bool):
            raise ConfigurationError(f"what Access.{hook} gives", allowed, "True or False")
        if not allowed:
            raise RefusedError(what, FORBIDDEN, "not allowed")

    async def _identity(self, hook: str, asked: Awaitable[Identity | None]) -> Identity:
        try:
            identity = await self._in_time(CONNECTING, asked, "not authenticated in time")
        except BrokerUnavailableError as error:
            raise RefusedError(CONNECTING, TRY_AGAIN_LATER, "try again later") from error
        if identity is None:
            raise RefusedError(CONNECTING, UNAUTHORIZED, "not authenticated")
        if not isinstance(identity, Identity):
            raise ConfigurationError(f"what Access.{hook} gives", identity, "an Identity, or None")
        return identity

    async def _in_time(self, what: str, answer: Awaitable[Answer], reason: str) -> Answer:
        try:
            async with asyncio.timeout(self.deadline) as limit:
                return await answer
        except TimeoutError:
            if not limit.expired():  # the hook's own
                raise
            raise RefusedError(what, TIMEOUT, reason) from None


def _asked(hook: str, answer: Awaitable[Answer]) -> Awaitable[Answer]:
    if not isinstance(answer, Awaitable):
        raise ConfigurationError(f"what Access.{hook} gives", answer, "something to await: make it an async function")
    return answer
