"""Takes what is in the outbox to its receivers: at least once, in order for each alert, and each receiver by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from random import SystemRandom
from typing import Final

from opentelemetry import metrics

from socketscope import semconv
from socketscope.errors import StateError
from socketscope.notify.attempt import deliver
from socketscope.notify.base import Notifier
from socketscope.state.outbox import Letter, Outbox

_logger = logging.getLogger(__name__)
_chance = SystemRandom()  # no seed of the process makes many services come back at once

LONGEST_NAP: Final = 60.0
"""Seconds after which a worker looks again, though nobody woke it: the clock may have been set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a receiver is tried; all in seconds but `attempts`.

    After the n-th failure in a row `first * 2 ** (n - 1)` is waited, `longest` at most, of which a random part of up to
    a half is taken away so that many do not come back at once; or longer, where the receiver asks for it. A letter is
    given up after `attempts`, or when it is older than `age`. An attempt that takes longer than `timeout` has failed.
    """

    first: float = 1.0
    longest: float = 300.0
    attempts: int = 50
    age: float = 86_400.0
    timeout: float = 150.0

    def wait(self, failures: int, retry_after: float | None) -> float:
        """Return the seconds until the next attempt."""
        backoff = min(self.longest, self.first * 2.0 ** min(failures - 1, 32))
        jittered = backoff * (1 - _chance.random() / 2)
        return max(jittered, retry_after or 0.0)


class Delivery:
    """One worker for each of `notifiers`, so that one that fails or hangs delays no other.

    What was sent is marked afterwards: a receiver may get a notification again, with the same key, when the process
    dies in between. Letters to receivers that are configured no more stay where they are.
    """

    def __init__(
        self,
        outbox: Outbox,
        notifiers: Mapping[str, Notifier],
        *,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._notifiers = dict(notifiers)
        self._patience = patience or Patience()
        self._clock = clock
        self._awake = {name: asyncio.Event() for name in notifiers}
        meter = metrics.get_meter(semconv.SCOPE, version("socketscope"), schema_url=semconv.SCHEMA_URL)
        told = semconv.ALERT_NOTIFICATIONS
        self._attempts = meter.create_counter(told.name, told.unit, told.description)

    @contextlib.asynccontextmanager
    async def running(self, *, grace: float = 3.0) -> AsyncIterator[None]:
        """Deliver inside the context. At its end attempts under way get `grace` seconds, then are cut off."""
        stopping = asyncio.Event()
        workers = [
            asyncio.create_task(self._work(name, notifier, stopping), name=f"socketscope-notify-{name}")
            for name, notifier in self._notifiers.items()
        ]
        try:
            yield
        finally:
            stopping.set()
            self.wake()
            if workers:
                _, late = await asyncio.wait(workers, timeout=grace)
                for worker in late:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    def wake(self) -> None:
        """Look into the outbox now; call it in the event loop in which the workers run."""
        for awake in self._awake.values():
            awake.set()

    async def _work(self, name: str, notifier: Notifier, stopping: asyncio.Event) -> None:
        awake = self._awake[name]
        while not stopping.is_set():
            awake.clear()
            try:
                letter = await asyncio.to_thread(self._outbox.due, name, self._clock())
                if letter is not None:
                    await self._deliver(letter, notifier)
                    continue
                nap = await self._nap(name)
            except StateError:
                # What was sent and could not be marked is sent again: at least once.
                _logger.exception("notifications to %s wait", name)
                nap = self._patience.first
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(nap):
                    await awake.wait()

    async def _nap(self, name: str) -> float:
        due = await asyncio.to_thread(self._outbox.next_at, name)
        return LONGEST_NAP if due is None else min(max(due - self._clock(), 0.0), LONGEST_NAP)

    async def _deliver(self, letter: Letter, notifier: Notifier) -> None:
        thread = await asyncio.to_thread(self._outbox.thread, letter.notifier, letter.notification.fingerprint)
        receipt = await deliver(notifier, letter.notification, seconds=self._patience.timeout, thread=thread)
        now = self._clock()
        outcome = "delivered"
        if receipt.delivered:
            await asyncio.to_thread(
                self._outbox.delivered, letter, now=now, thread=receipt.thread, detail=receipt.detail
            )
        else:
            failures = letter.attempts + 1
            until = now + self._patience.wait(failures, receipt.retry_after)
            too_old = until - letter.queued_at > self._patience.age
            if not receipt.again or too_old or failures >= self._patience.attempts:
                outcome = "dead"
                await asyncio.to_thread(self._outbox.given_up, letter, now=now, detail=receipt.detail)
                _logger.error("%s was not told of %s: %s", letter.notifier, letter.notification.rule, receipt.detail)
            else:
                outcome = "postponed"
                await asyncio.to_thread(self._outbox.postponed, letter, until=until, detail=receipt.detail)
                _logger.warning("%s could not be told, will be tried again: %s", letter.notifier, receipt.detail)
        self._attempts.add(1, {semconv.NOTIFIER.name: letter.notifier, semconv.NOTIFICATION_OUTCOME.name: outcome})
