"""Counts of what happens once a connection: its handshake and its end.

They are noted as they happen, and reckoned up many at a time, or before somebody reads: a server does much else between
two connections, and one by one whatever is needed for it would have to be fetched from memory again.
"""

from __future__ import annotations

from collections import Counter
from threading import RLock
from typing import Final, TypeVar

from socketscope import semconv
from socketscope.semconv import OTHER
from socketscope.telemetry.cardinality import Cap, SetCap, bounded_number
from socketscope.telemetry.histogram import Bounded, Durations

Where = tuple[str, str | int | None]
"""Route and server port of a connection; either may be `_other`."""
ELSEWHERE: Final[Where] = (OTHER, None)

Handshake = tuple[Where, str, str | int]
"""Place, outcome and HTTP status; 0 for none."""
Close = tuple[Where, str, str, str]
"""Place, close code, initiator and error type."""

AT_ONCE: Final = 64
"""So many are noted before they are reckoned up."""

PROTOCOL_CODES: Final = {code: str(code) for code in range(1000, 1016)}
"""Close codes of RFC 6455, 7.4.1, and of IANA's registry: a value of their own on metrics."""
CODE_LIMIT: Final = 20
"""How many other close codes (3000 to 4999 are free to use, by clients too) have one; the rest is `_other`."""
OWN_STATUSES: Final = frozenset({0, 101, 403, 500})
"""HTTP statuses of ASGI itself, 0 for none: a value of their own on metrics."""
STATUS_LIMIT: Final = 40
"""How many others: an application may answer any number."""

K = TypeVar("K")
V = TypeVar("V")


_Answered = tuple[Where, str, int, int]
_Ended = tuple[Where, int, str, str, float, bool]
# Tuples of nothing but numbers and texts: the garbage collector soon lets them be, and does not those with a class.


class Connections:
    """Handshakes, open connections and closed ones, by attribute set.

    What is noted is noted with `lock` held, so that whoever holds it sees the table of live connections and these
    counts agree; readers take it themselves. The caps are shared with other metrics.
    """

    def __init__(self, lock: RLock, *, error_cap: Cap, set_cap: SetCap) -> None:
        self.code_cap = Cap(CODE_LIMIT)
        self.status_cap = Cap(STATUS_LIMIT)
        self.drift = 0
        """How far the gauge was ever found to be off."""
        self._lock = lock
        self._error_cap = error_cap
        self._set_cap = set_cap
        self._answered: list[_Answered] = []
        self._ended: list[_Ended] = []
        self._reckons = False
        self._active: Counter[Where] = Counter()
        self._handshakes: Counter[Handshake] = Counter()
        self._handshake_durations: dict[tuple[Where, str], Durations] = {}
        self._durations: dict[Close, Bounded] = {}

    # With the lock held ----------------

    def answered(self, where: Where, outcome: str, status: int, nanoseconds: int) -> None:
        """Note a handshake that is done; one that is accepted opens a connection."""
        self._answered.append((where, outcome, status, nanoseconds))
        if len(self._answered) >= AT_ONCE:
            self._reckon_up()

    def ended(self, where: Where, code: int, initiator: str, error: str, seconds: float, *, was_open: bool) -> None:
        """Note the end of a connection; `error` is the exception's class or empty."""
        self._ended.append((where, code, initiator, error, seconds, was_open))
        if len(self._ended) >= AT_ONCE:
            self._reckon_up()

    def audited(self, live: Counter[Where]) -> dict[Where, int]:
        """Give how many are open at each place; where the table of live ones knows better, correct and count it."""
        self._reckon_up()
        for where in self._active.keys() | live.keys():
            off = abs(self._active[where] - live[where])
            if off:
                self.drift += off
                self._active[where] = live[where]
        return dict(self._active)

    # For readers ----------------

    def active(self) -> dict[Where, int]:
        """Give how many are open at each place that has or had any."""
        with self._lock:
            self._reckon_up()
            return dict(self._active)

    def handshakes(self) -> dict[Handshake, int]:
        """Give how many handshakes were done."""
        with self._lock:
            self._reckon_up()
            return dict(self._handshakes)

    def closed(self) -> dict[Close, int]:
        """Give how many connections have ended."""
        with self._lock:
            self._reckon_up()
            return {key: sum(durations.counts) for key, durations in self._durations.items()}

    def handshake_durations(self) -> list[tuple[tuple[Where, str], Durations]]:
        """Give the durations of handshakes by place and outcome."""
        return self._histograms(self._handshake_durations)

    def durations(self) -> list[tuple[Close, Bounded]]:
        """Give the durations of the connections that have ended."""
        return self._histograms(self._durations)

    def folded(self) -> dict[str, int]:
        """Give how many values were folded into `_other`, by their attribute."""
        with self._lock:
            self._reckon_up()
        return {semconv.CLOSE_CODE.name: self.code_cap.folded, semconv.HTTP_STATUS.name: self.status_cap.folded}

    # --------------------------------

    def _histograms(self, found: dict[K, V]) -> list[tuple[K, V]]:
        with self._lock:
            self._reckon_up()
            return list(found.items())

    def _reckon_up(self) -> None:
        if self._reckons:  # by the garbage collector, in the middle of it: what it noted has its turn
            return
        self._reckons = True
        try:
            while self._answered:
                self._count_handshake(self._answered.pop())
            while self._ended:
                self._count_end(self._ended.pop())
        finally:
            self._reckons = False

    def _count_handshake(self, handshake: _Answered) -> None:
        where, outcome, status, nanoseconds = handshake
        if outcome == "accepted":
            self._active[where] += 1
        bounded = status if status in OWN_STATUSES else bounded_number(self.status_cap, status)
        counted = (where, outcome, bounded)
        if counted not in self._handshakes:
            counted = self._set_cap.admit(counted, self._handshakes, (ELSEWHERE, outcome, 0))
        self._handshakes[counted] += 1
        key = (where, outcome)
        durations = self._handshake_durations.get(key)
        if durations is None:
            durations = self._handshake_durations[key] = Durations()
        durations.record(nanoseconds)

    def _count_end(self, end: _Ended) -> None:
        where, code, initiator, error, seconds, was_open = end
        if was_open:
            self._active[where] -= 1
        bounded = PROTOCOL_CODES.get(code) or self.code_cap.admit(str(code))
        key = (where, bounded, initiator, error and self._error_cap.admit(error))
        durations = self._durations.get(key)
        if durations is None:
            key = self._set_cap.admit(key, self._durations, (ELSEWHERE, OTHER, initiator, error and OTHER))
            durations = self._durations.setdefault(key, Bounded(semconv.CONNECTION_SECONDS))
        durations.record(seconds)
