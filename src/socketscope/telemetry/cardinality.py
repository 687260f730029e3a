"""Caps on attribute values: a metric's attribute sets are bounded whatever clients send.

The SDK never releases an attribute set of an observable instrument, and past 2,000 of them everything new is lost in
one overflow set; so a name beyond the limit becomes `_other` here, with totals preserved.
"""

from __future__ import annotations

from threading import Lock

from socketscope.semconv import OTHER


class Cap:
    """The first `limit` distinct names keep their name, every other becomes `_other`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: set[str] = set()
        self._lock = Lock()
        self.folded = 0
        """How many times a name was folded into `_other`."""

    def admit(self, name: str) -> str:
        """Return `name`, or `_other` where the limit is reached."""
        if name in self._known:
            return name
        with self._lock:
            if name in self._known:
                return name
            if len(self._known) < self.limit:
                self._known.add(name)
                return name
            self.folded += 1
            return OTHER
