"""What a hub may be told: how channels treat clients that are slow, and how much a client may have and do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from socketscope.errors import ConfigurationError
from socketscope.hub.closing import CODES, POLICY_VIOLATION, REASONS, is_code, is_reason

GREATEST: Final = 1e9
"""Thirty years, in seconds: timers overflow somewhere beyond."""


def checked_number(setting: str, value: object, *, above: bool = False) -> None:
    """Raise `ConfigurationError` for what is no number from 0 to `GREATEST`; `above`: more than 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= GREATEST
    if not number or (above and not value):
        least = "more than 0" if above else "0 or more"
        raise ConfigurationError(setting, value, f"a number, {least} and at most {GREATEST:.0f}")


def checked_count(setting: str, value: object) -> None:
    """Raise `ConfigurationError` for what is no whole number, 1 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(setting, value, "a whole number, 1 or more")


@dataclass(frozen=True, slots=True)
class DropOldest:
    """A full queue loses its oldest messages of the channel, for feeds where the present counts."""


@dataclass(frozen=True, slots=True)
class DropNewest:
    """A full queue takes nothing more of the channel until there is room."""


@dataclass(frozen=True, slots=True)
class Coalesce:
    """Of the messages that wait, each key (the channel, where a message has none) has only its latest.

    Where that is not enough, the oldest go.
    """


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A client whose queue is full is cut off: it reads nothing any more, or too slowly ever to catch up.

    Nothing can be sent to it: `code` and `reason` are what its connection ends with here. Raises `ConfigurationError`.
    """

    code: int = POLICY_VIOLATION
    reason: str = "reads too slowly"

    def __post_init__(self) -> None:
        if not is_code(self.code):
            raise ConfigurationError("Disconnect.code", self.code, CODES)
        if not is_reason(self.reason):
            raise ConfigurationError("Disconnect.reason", self.reason, REASONS)


Policy = DropOldest | DropNewest | Coalesce | Disconnect


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """How the messages of a channel are delivered.

    * `policy`: what becomes of a message that finds its client's queue full.
    * `positions`: subscribers get `{"channel", "epoch", "offset", "data"}` as JSON, so that they can resume.

    Raises `ConfigurationError`.
    """

    policy: Policy = Disconnect()
    positions: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.policy, Policy):
            expected = "DropOldest(), DropNewest(), Coalesce() or Disconnect()"
            raise ConfigurationError("ChannelOptions.policy", self.policy, expected)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one client, and one user over all of its connections to this process, may have and do.

    * `queue_messages`, `queue_bytes`: what may wait for one client that reads slowly.
    * `message_bytes`: largest message that is published, or received from a client.
    * `channels`, `user_channels`: subscriptions.
    * `rate`, `user_rate`: messages a second that may come in, with as many at once as come in two seconds; 0: any.
    * `stalled_seconds`: a client that takes nothing for so long, though something waits, is cut off; 0: never.
    * `close_seconds`: so long has a client that is closed to take what waits for it; then it is cut off.

    Raises `ConfigurationError` for values that can't be used.
    """

    queue_messages: int = 1024
    queue_bytes: int = 512 * 1024
    message_bytes: int = 256 * 1024
    channels: int = 100
    user_channels: int = 1000
    rate: float = 0.0
    user_rate: float = 0.0
    stalled_seconds: float = 30.0
    close_seconds: float = 10.0

    def __post_init__(self) -> None:
        for name in ("queue_messages", "queue_bytes", "message_bytes", "channels", "user_channels"):
            checked_count(f"Limits.{name}", getattr(self, name))
        for name in ("rate", "user_rate", "stalled_seconds", "close_seconds"):
            checked_number(f"Limits.{name}", getattr(self, name))
        if self.message_bytes > self.queue_bytes:
            expected = f"at most queue_bytes ({self.queue_bytes}): a larger message could never wait"
            raise ConfigurationError("Limits.message_bytes", self.message_bytes, expected)
