"""One answer for everybody who asks at about the same time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from socketscope.console.moments import to_datetime, to_milliseconds

if TYPE_CHECKING:
    from socketscope.console.fleet import Fleet
    from socketscope.monitoring.schemas import Metrics


class Recent:
    """The latest numbers of a fleet: computed at most once in `shared_for` seconds, kept for `kept_for` seconds.

    Polls and the live socket get the same object, and whoever shows it can ask for the very same again. Where an
    answer takes long (much data), it is shared for twice as long as that: most of the time is left for other work.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        clock: Callable[[], float] = time.time,
        shared_for: float = 0.5,
        kept_for: float = 60.0,
        stopwatch: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._fleet = fleet
        self._clock = clock
        self._shared_for = shared_for
        self._kept: deque[tuple[float, Metrics]] = deque(maxlen=round(kept_for / shared_for))
        self._kept_for = kept_for
        self._stopwatch = stopwatch
        self._took = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def now(self) -> Metrics:
        """Return the numbers of this moment, or shared ones of shortly before.

        Raises `BackendError` when the backend can't be asked.
        """
        async with self._one_at_a_time:
            at = to_milliseconds(self._clock())
            if self._kept and 0 <= at - self._kept[-1][0] < max(self._shared_for, 3 * self._took):
                return self._kept[-1][1]
            started = self._stopwatch()
            answer = await self._fleet.read(at=at)
            self._took = self._stopwatch() - started
            self._kept.append((at, answer))
            return answer

    def at(self, moment: float) -> Metrics | None:
        """Return the answer whose `timestamp` is `moment`, while it is kept."""
        oldest = self._clock() - self._kept_for
        wanted = to_datetime(to_milliseconds(moment))
        return next((kept for at, kept in self._kept if at >= oldest and kept.timestamp == wanted), None)
