"""What happens in the server as one step, and how things are called there."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

LAYOUT: Final = "1"
"""Version of names, scripts and frames; another one shares nothing with this one."""

NAMES: Final = ("publish", "read", "beat", "members")
_OF_TOPICS: Final = frozenset({"publish", "read"})


@cache
def source(name: str) -> str:
    """Give the text of a script."""
    parts = ("topic", name) if name in _OF_TOPICS else (name,)
    return "\n".join(files(__package__).joinpath(f"{part}.lua").read_text(encoding="utf-8") for part in parts)


class Names:
    """How keys and channels are called; all begin with `prefix` and the version of the layout."""

    def __init__(self, prefix: str, node: str) -> None:
        self.start = f"{prefix}:{LAYOUT}:"
        self.nodes = f"{self.start}nodes"
        self.topics_of_node = f"{self.start}n:{node}"
        self._members_of_node = f"{self.start}m:{node}:"
        self._channel = f"{self.start}c:"

    def history(self, topic: str) -> str:
        """Name the stream with the latest messages of a topic."""
        return f"{self.start}h:{topic}"

    def facts(self, topic: str) -> str:
        """Name the hash that says where a topic and its publishers stand."""
        return f"{self.start}f:{topic}"

    def explained(self, topic: str, error: Exception) -> str:
        """Say what is to be done about an error that concerns a topic's keys."""
        return explained(error, self.history(topic), self.facts(topic))

    def channel(self, topic: str) -> str:
        """Name the channel on which a topic is published."""
        return self._channel + topic

    def topic(self, channel: bytes) -> str:
        """Give the topic of a channel."""
        return channel.decode()[len(self._channel) :]

    def nodes_with_members(self, topic: str) -> str:
        """Name the set of nodes that have members in a topic."""
        return f"{self.start}m:{topic}"

    def members(self, topic: str) -> str:
        """Name the hash of this node's members in a topic."""
        return self._members_of_node + topic

    def claim(self, key: str) -> str:
        """Name what says that a key is claimed."""
        return f"{self.start}t:{key}"


def explained(error: Exception, *keys: str) -> str:
    """Say what is to be done about an error that concerns these keys."""
    written = " and ".join(keys)
    return f"{error}; something else has written {written}: delete that, and give each service a prefix of its own"
