"""A number for each thread that counts, as there are never more of them than threads at once."""

from __future__ import annotations

from collections import deque
from itertools import count
from threading import local


class Writer(local):
    """`number` is the calling thread's own, from 1; when the thread ends, the next one that comes may have it.

    So there are no more cells than threads were alive at once. The system's own identifiers of threads may come back,
    and need not.
    """

    def __init__(self, numbers: Numbers) -> None:
        # Called anew in each thread, which this is let go of with.
        self._lent = _Lent(numbers)
        self.number = self._lent.number


class Numbers:
    """Those that are given out."""

    def __init__(self) -> None:
        self.free: deque[int] = deque()
        self._next = count(1)

    def take(self) -> int:
        """Give one that no thread has."""
        try:
            return self.free.popleft()
        except IndexError:
            return next(self._next)


class _Lent:
    __slots__ = ("_numbers", "number")

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers
        self.number = numbers.take()

    def __del__(self) -> None:
        self._numbers.free.append(self.number)
