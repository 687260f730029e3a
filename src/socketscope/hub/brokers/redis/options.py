"""What the Redis broker may be told."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from socketscope.errors import ConfigurationError
from socketscope.hub.options import checked_count, checked_number

BEAT_SECONDS: Final = 1.0
"""How often a canary goes round; one process needs one small script for it."""
MISSED_BEATS: Final = 3
"""So many canaries in a row that do not return, and the link is taken for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """How much is kept, waited for and taken. Raises `ConfigurationError` for values that can't be used.

    * `prefix`: how all keys and channels begin; services that share a server have one each.
    * `history_messages`, `history_seconds`: what is kept of a topic, in the server, for gaps and for clients that
      return: at least so many messages, until nothing was published to it for so long.
    * `message_bytes`: size of the largest payload.
    * `waiting_messages`, `waiting_bytes`: what may wait to be published while the server can't be reached.
    * `patience`: seconds for which a call waits for the server before it raises `BrokerUnavailableError`.
    * `answer_seconds`: a server that takes longer for an answer is taken for dead.
    * `retry_seconds`: the longest pause between two attempts to connect.
    * `presence_seconds`: members of a process that has vanished are gone after so long.
    * `audit_seconds`: how often each topic's position is compared with the server's, beside every reconnection.
    """

    prefix: str = "socketscope"
    history_messages: int = 1000
    history_seconds: float = 3600.0
    message_bytes: int = 1024 * 1024
    waiting_messages: int = 10_000
    waiting_bytes: int = 16 * 1024 * 1024
    patience: float = 5.0
    answer_seconds: float = 2.0
    retry_seconds: float = 0.5
    presence_seconds: float = 10.0
    audit_seconds: float = 10.0

    def __post_init__(self) -> None:
        for option in fields(self):
            setting, value = f"RedisOptions.{option.name}", getattr(self, option.name)
            if isinstance(option.default, int):
                checked_count(setting, value)
            elif isinstance(option.default, float):
                checked_number(setting, value, above=True)
        if not _is_prefix(self.prefix):
            raise ConfigurationError("RedisOptions.prefix", self.prefix, "a name without spaces and *?[]{}")
        if self.presence_seconds < MISSED_BEATS * BEAT_SECONDS:
            expected = f"{MISSED_BEATS * BEAT_SECONDS:g} or more: presence is told once a second"
            raise ConfigurationError("RedisOptions.presence_seconds", self.presence_seconds, expected)


def _is_prefix(text: object) -> bool:
    return isinstance(text, str) and text != "" and text.isprintable() and not any(one in text for one in " *?[]{}")
