"""Caps on attribute values: a metric's attribute sets are bounded whatever clients send, and its totals stay exact.

The SDK never releases an attribute set of an observable instrument, and past 2,000 of them everything new is lost in
one overflow set; so a name beyond a limit becomes `_other` here. What was counted under a name stays there.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from threading import RLock
from typing import Final, TypeVar

from socketscope.semconv import OTHER

MOST_NAMES: Final = 900
"""So many names of one attribute a process may ever have, whatever the limit: with two directions and `_other` they
stay below the SDK's 2,000 sets."""

SETS: Final = 1_000
"""So many attribute sets that combine several attributes: half of what the SDK keeps."""

PROVEN: Final = 10
"""A name that was seen so many times more often than one that has a place takes it."""

Key = TypeVar("Key", bound=Hashable)


class Cap:
    """The names that are seen most keep their name, `limit` of them at a time; every other becomes `_other`.

    The first ones have a place at once. Who comes later is watched, in as many counters as there are places (Metwally
    et al., "Space-Saving", 2005), and takes the place of a name that was seen far less often: names that are made up
    once each, by whomever, do not keep out those that are used. In all at most twice `limit` names have had one.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: dict[str, int] = {}
        """Name -> how often it was seen."""
        self._candidates: dict[str, tuple[int, int]] = {}
        """Name -> how often it was seen at most, and how much of that may have been others."""
        self._had: set[str] = set()
        self._lock = RLock()
        self.folded = 0
        """How many times a name was folded into `_other`."""

    def admit(self, name: str) -> str:
        """Return `name`, or `_other` where it has no place."""
        with self._lock:
            if name in self._known:
                self._known[name] += 1
                return name
            if len(self._known) < min(self.limit, MOST_NAMES) or self._takes_a_place(name):
                self._known[name] = self._known.get(name, 0) + 1
                self._had.add(name)
                return name
            self.folded += 1
            return OTHER

    def _takes_a_place(self, name: str) -> bool:
        seen, others = self._candidates.pop(name, (0, 0))
        if not seen and len(self._candidates) >= self.limit:
            least = min(self._candidates, key=lambda known: self._candidates[known][0])
            seen = others = self._candidates.pop(least)[0]
        seen += 1
        certain = seen - others
        if certain >= PROVEN and self._known and (name in self._had or len(self._had) < self._most):
            rarest = min(self._known, key=self._known.__getitem__)
            if certain > PROVEN * self._known[rarest]:
                self._candidates[rarest] = (self._known.pop(rarest), 0)
                self._known[name] = certain - 1
                return True
        self._candidates[name] = (seen, others)
        return False

    @property
    def _most(self) -> int:
        return min(2 * self.limit, MOST_NAMES)


class SetCap:
    """At most `limit` sets of several attributes in one table; every other is given as the set that stands for it."""

    def __init__(self, limit: int = SETS) -> None:
        self.limit = limit
        self.folded = 0
        """How many times a set was folded."""

    def admit(self, key: Key, known: Collection[Key], otherwise: Key) -> Key:
        """Return `key` where `known` has it or has room for it, else `otherwise` (call with the table's lock held)."""
        if key in known or len(known) < self.limit:
            return key
        self.folded += 1
        return otherwise


def bounded_number(cap: Cap, number: int) -> str | int:
    """Give a number, or `_other` where it has no place."""
    return number if cap.admit(str(number)) != OTHER else OTHER
