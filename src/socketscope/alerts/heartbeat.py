"""A dead man's switch: receivers are told regularly that the alerting lives, and raise an alarm when they are not."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Final

from socketscope.alerts.options import HeartbeatOptions
from socketscope.notify.attempt import deliver
from socketscope.notify.base import Notification, Notifier
from socketscope.rules.state import fingerprint
from socketscope.state.state import State

_logger = logging.getLogger(__name__)

NAME: Final = "Heartbeat"
PATIENCE: Final = 30.0
"""Seconds for one receiver. What is not delivered is not repeated: a late heartbeat tells of the past."""


class Heartbeat:
    """Tells `notifiers` at multiples of the interval, as long as `alive` returns None and not what is wrong."""

    def __init__(
        self,
        options: HeartbeatOptions,
        notifiers: Mapping[str, Notifier],
        state: State,
        *,
        alive: Callable[[], str | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._interval = options.interval
        self._notifiers = [notifiers[name] for name in options.notify]
        self._state = state
        self._alive = alive
        self._clock = clock

    async def run(self) -> None:
        """Beat until it is cancelled."""
        last = await asyncio.to_thread(self._state.beats.last, NAME) or 0.0
        while True:
            beat = math.floor(self._clock() / self._interval) * self._interval
            if last > beat + self._interval:  # the clock was set back
                last = beat - self._interval
            if beat > last and not (problem := self._alive()):
                await asyncio.gather(*(self._tell(notifier, beat) for notifier in self._notifiers))
                await asyncio.to_thread(self._state.beats.done, NAME, beat)
                last = beat
            elif beat > last:
                _logger.warning("no heartbeat: %s", problem)
            # Soon again where it was not alive: it may be in a moment.
            wait = beat + self._interval - self._clock() if last == beat else 1.0
            await asyncio.sleep(min(max(wait, 0.05), 5.0))

    async def _tell(self, notifier: Notifier, beat: float) -> None:
        name = fingerprint(NAME, {})
        notification = Notification(
            fingerprint=name,
            key=f"{name}:{beat:.3f}",
            rule=NAME,
            status="firing",
            severity="info",
            summary="The alerting lives. Raise an alarm when this stays away.",
            labels={},
            value=None,
            threshold=None,
            started_at=beat,
            at=beat,
        )
        receipt = await deliver(notifier, notification, seconds=PATIENCE)
        if not receipt.delivered:
            _logger.warning("the heartbeat did not reach %s: %s", notifier.name, receipt.detail)
