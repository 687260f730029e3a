"""The members that this process has entered, and what of them the server has not been told yet. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Final

from socketscope.hub.brokers.base import Member
from socketscope.hub.brokers.redis.link import Command
from socketscope.hub.brokers.redis.scripts import Names

TOGETHER: Final = 500


class Presence:
    """Changes are told by what is so when they are told: who came and went in between leaves no trace."""

    def __init__(self, names: Names, node: str) -> None:
        self._names = names
        self._node = node
        self._topics: dict[str, dict[str, str]] = {}
        self._untold: dict[tuple[str, str], None] = {}
        self._telling: list[tuple[str, str]] = []
        self._refused: dict[str, None] = {}

    def enter(self, topic: str, member: Member) -> None:
        """Make a member present."""
        self._topics.setdefault(topic, {})[member.connection] = dump(member)
        self._untold[topic, member.connection] = None

    def leave(self, topic: str, connection: str) -> None:
        """End a member's presence."""
        members = self._topics.get(topic, {})
        if members.pop(connection, None) is None:
            return
        if not members:
            del self._topics[topic]
        self._untold[topic, connection] = None

    def leave_all(self) -> None:
        """End all."""
        for topic, members in list(self._topics.items()):
            for connection in list(members):
                self.leave(topic, connection)

    def tell_all(self) -> None:
        """Take it that the server knows nothing, or not all."""
        for topic, members in self._topics.items():
            self._untold.update(dict.fromkeys((topic, connection) for connection in members))

    @property
    def untold(self) -> bool:
        """Whether there is something that the server has not confirmed."""
        return bool(self._untold or self._telling)

    def changes(self) -> list[tuple[str, Command]]:
        """Give the commands that tell what was not told, with the topic of each.

        Confirm them by `told`, or else by `not_told`.
        """
        self._telling = list(islice(self._untold, TOGETHER))
        commands: list[tuple[str, Command]] = []
        for topic, connection in self._telling:
            del self._untold[topic, connection]
            member = self._topics.get(topic, {}).get(connection)
            if member is None:
                commands.append((topic, ("HDEL", self._names.members(topic), connection)))
            else:
                commands.append((topic, ("HSET", self._names.members(topic), connection, member)))
        for topic in dict.fromkeys(topic for topic, _ in self._telling):
            verb = "SADD" if topic in self._topics else "SREM"
            commands.append((topic, (verb, self._names.nodes_with_members(topic), self._node)))
            commands.append((topic, (verb, self._names.topics_of_node, topic)))
        return commands

    def told(self) -> None:
        """Note that the server knows, but of what it `refused`."""
        self._telling = []

    def refused(self, topics: Iterable[str]) -> None:
        """Note that the server can't use the keys of these topics, nor knows who is in them: they are told `again`."""
        self._refused.update(dict.fromkeys(topics))

    def again(self, topics: Iterable[str] | None = None) -> None:
        """Tell what the server refused of these topics, or of all: it may take it now."""
        for topic in [topic for topic in (self._refused if topics is None else topics) if topic in self._refused]:
            del self._refused[topic]
            # Who has left it in the meantime is not in a key that could not be used.
            self._untold.update(dict.fromkeys((topic, connection) for connection in self._topics.get(topic, ())))

    def not_told(self) -> None:
        """Note that the server may not know."""
        self._untold.update(dict.fromkeys(self._telling))
        self._telling = []


def dump(member: Member) -> str:
    """Give a member as it is kept in the server."""
    return json.dumps([member.connection, member.user, member.host, member.since], separators=(",", ":"))


def load(values: Iterable[bytes]) -> list[Member]:
    """Read members, in the order of their arrival."""
    members = [Member(*json.loads(value)) for value in values]
    return sorted(members, key=lambda member: (member.since, member.connection))
