"""The hub: clients, their channels, and the broker that joins it to the hubs of other processes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from socketscope.hub.brokers.base import Broker, History, Member
from socketscope.hub.message import Position
from socketscope.hub.options import ChannelOptions, Limits

Message = str | bytes | Mapping[str, Any] | list[Any] | int | float | bool | None
"""`str` goes out as a text message, `bytes` as a binary one, everything else as JSON in a text message."""


class Client(Protocol):
    """A connection, between entering and leaving `hub.connect(...)`."""

    id: str
    user: str | None

    async def subscribe(self, channel: str, *, last: Position | None = None) -> History:
        """Join; with `last` the client gets what it missed first (`History.complete` says whether that is all)."""

    async def unsubscribe(self, channel: str) -> None:
        """Leave."""

    async def publish(self, channel: str, message: Message, *, key: str | None = None) -> Position:
        """Publish in the client's name: rights and limits are checked."""

    def send(self, message: Message) -> None:
        """Send to this client alone, through its queue."""

    async def receive(self) -> str | bytes:
        """Give the next message; raises `ClientGoneError`."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close once what waits is sent."""


class HubApi(Protocol):
    """What `socketscope.Hub` offers (the shape; the class follows)."""

    def __init__(
        self,
        broker: Broker | None = None,
        *,
        channels: Mapping[str, ChannelOptions] | None = None,
        limits: Limits | None = None,
    ) -> None: ...

    async def __aenter__(self) -> Self:
        """Start."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain and stop."""

    def connect(self, socket: Any, *, user: str | None = None) -> AbstractAsyncContextManager[Client]:
        """Take a connection in: a WebSocket of Starlette, FastAPI or Litestar, or `(scope, receive, send)`."""

    async def publish(self, channel: str, message: Message, *, key: str | None = None) -> Position:
        """Publish to a channel, in all processes."""

    async def publish_to_user(self, user: str, message: Message) -> Position:
        """Publish to every connection of a user, in all processes."""

    async def presence(self, channel: str) -> list[Member]:
        """Give who is in a channel, in all processes."""

    async def disconnect(self, user: str, code: int = 1008, reason: str = "") -> int:
        """Close the connections of a user; gives how many this process had."""
