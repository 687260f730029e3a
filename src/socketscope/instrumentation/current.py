"""`current_connection()`: what a handler may say about its own connection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet
from contextvars import ContextVar
from typing import TypeVar

from socketscope.instrumentation.reporter import Reporter
from socketscope.instrumentation.watched import Watched

T = TypeVar("T")

_current: ContextVar[tuple[Reporter, Watched] | None] = ContextVar("socketscope_connection", default=None)


class Channels(MutableSet[str]):
    """The channels that a connection is in; adding and discarding is what joining and leaving is to telemetry."""

    def __init__(self, reporter: Reporter | None, watched: Watched | None) -> None:
        self._reporter = reporter
        self._watched = watched

    def add(self, value: str) -> None:
        """Join a channel; names beyond 256 characters are cut."""
        if self._reporter is not None and self._watched is not None:
            self._reporter.join(self._watched, value)

    def discard(self, value: str) -> None:
        """Leave a channel."""
        if self._reporter is not None and self._watched is not None:
            self._reporter.leave(self._watched, value)

    def __contains__(self, value: object) -> bool:
        return self._watched is not None and value in self._watched.channels

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._watched.channels) if self._watched is not None else ())

    def __len__(self) -> int:
        return len(self._watched.channels) if self._watched is not None else 0

    @classmethod
    def _from_iterable(cls, it: Iterable[T]) -> set[T]:  # results of operators are plain sets
        return set(it)


class CurrentConnection:
    """The connection whose handler is running. Where none is watched, everything is accepted and nothing happens."""

    def __init__(self, reporter: Reporter | None, watched: Watched | None) -> None:
        self._reporter = reporter
        self._watched = watched
        self.channels = Channels(reporter, watched)

    @property
    def id(self) -> str | None:
        """`websocket.connection.id`, None where no connection is watched."""
        return self._watched.id if self._watched is not None else None

    @property
    def user(self) -> str | None:
        """The user's identifier; telemetry has its keyed hash alone, unless `SOCKETSCOPE_USER_ID=1`."""
        return self._watched.user if self._watched is not None else None

    @user.setter
    def user(self, user: str | None) -> None:
        if self._reporter is not None and self._watched is not None:
            self._reporter.identify(self._watched, user)


def current_connection() -> CurrentConnection:
    """Give the connection of the running handler, to name its user and its channels.

    ```python
    current_connection().user = account.id
    current_connection().channels.add("room-7")
    ```
    """
    return CurrentConnection(*(_current.get() or (None, None)))


def watched() -> tuple[Reporter, Watched] | None:
    """Give the connection of the running handler with its reporter; None where none is watched."""
    return _current.get()


def enter(reporter: Reporter, watched: Watched) -> None:
    """Make `watched` the current connection of the calling task and of the tasks that it starts."""
    _current.set((reporter, watched))


def leave() -> None:
    """End it. Set, not reset: a token may not cross from one task to another, and handlers do."""
    _current.set(None)
