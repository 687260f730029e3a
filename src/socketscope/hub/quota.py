"""How much one client, and one user over all of his connections, says and has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from socketscope.hub.options import Limits

if TYPE_CHECKING:
    from socketscope.hub.client import Client

BURST_SECONDS: Final = 2.0
"""As many messages may come at once as come in this time."""


class Rate:
    """A bucket that fills with `rate` a second (0: any number may come). Times in nanoseconds of one clock."""

    __slots__ = ("_at", "_level", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._level = self._full
        self._at: int | None = None

    @property
    def _full(self) -> float:
        return max(1.0, self.rate * BURST_SECONDS)

    def take(self, now: int) -> bool:
        """Take one out; returns False where there is none."""
        if not self.rate:
            return True
        if self._at is not None:
            self._level = min(self._full, self._level + (now - self._at) / 1e9 * self.rate)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class User:
    """A user with a connection to this process: his clients, and what they say together."""

    def __init__(self, limits: Limits) -> None:
        self.clients: set[Client] = set()
        self.rate = Rate(limits.user_rate)

    @property
    def channels(self) -> int:
        """How many channels his clients are in, or about to be."""
        return sum(client.channel_count for client in self.clients)


class Users:
    """The users of a hub."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._users: dict[str, User] = {}

    def __len__(self) -> int:
        return len(self._users)

    def add(self, name: str, client: Client) -> User:
        """Note that a client is a user's."""
        user = self._users.setdefault(name, User(self._limits))
        user.clients.add(client)
        return user

    def discard(self, name: str, client: Client) -> None:
        """Note that it is gone."""
        user = self._users.get(name)
        if user is not None:
            user.clients.discard(client)
            if not user.clients:
                del self._users[name]
