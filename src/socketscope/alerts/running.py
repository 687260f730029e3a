"""The alerting as a whole, as an async context."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

from socketscope.alerts import unreachable
from socketscope.alerts.board import Board
from socketscope.alerts.engine import Engine, ReadNumbers
from socketscope.alerts.heartbeat import Heartbeat
from socketscope.alerts.options import AlertOptions
from socketscope.alerts.questions import Questions
from socketscope.alerts.routing import Routing
from socketscope.backends.base import Metrics
from socketscope.delivery import Delivery, Patience
from socketscope.errors import ConfigurationError
from socketscope.notify.base import Notifier
from socketscope.rules.load import load_rules
from socketscope.rules.model import Rule
from socketscope.state.state import State

_logger = logging.getLogger(__name__)

LATE: Final = 3
"""Intervals of the most frequent rule after which an alerting that evaluated nothing is not alive."""


def read_rules(options: AlertOptions) -> tuple[Rule, ...]:
    """Load what is to be evaluated. Raises an `ExceptionGroup` of one error for each mistake."""
    rules = load_rules(options.rules, pack=options.pack, thresholds=options.thresholds, disabled=options.disabled)
    if any(rule.name == unreachable.NAME for rule in rules):
        raise ConfigurationError("alert", unreachable.NAME, "another name, as the service has this alert of its own")
    return rules


@contextlib.asynccontextmanager
async def alerting(
    rules: Sequence[Rule],
    metrics: Metrics,
    notifiers: Mapping[str, Notifier],
    state: State,
    options: AlertOptions,
    *,
    backend: str,
    numbers: ReadNumbers,
    link: str = "",
    patience: Patience | None = None,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Board]:
    """Evaluate `rules` over `metrics` and tell `notifiers` inside the context; yields what can be seen and done.

    `backend` is its name for people, `numbers` reads what notifications tell of the fleet. At the end what is not
    delivered stays in `state`. Raises `StateError`, and an `ExceptionGroup` of `ConfigurationError` for routes to
    notifiers that there are none of.
    """
    delivery = Delivery(state.outbox, notifiers, patience=patience, clock=clock)
    engine = Engine(
        rules,
        Questions(metrics, concurrency=options.concurrency, timeout=options.timeout),
        state,
        options,
        routing=Routing(options, tuple(notifiers)),
        backend=backend,
        numbers=numbers,
        link=options.link or link,
        on_told=delivery.wake,
        clock=clock,
    )
    started = clock()

    def alive() -> str | None:
        if engine.problem:
            return f"Alerts are not evaluated: {engine.problem}"
        behind = clock() - (engine.evaluated_at or started)
        if rules and behind > max(LATE * engine.watch.interval, options.timeout + engine.watch.interval):
            return f"No alert was evaluated for {behind:.0f} s."
        return None

    await engine.load()
    async with delivery.running():
        tasks = [asyncio.create_task(engine.run(), name="socketscope-alerts")] if rules else []
        if options.heartbeat:
            heartbeat = Heartbeat(options.heartbeat, notifiers, state, alive=alive, clock=clock)
            tasks.append(asyncio.create_task(heartbeat.run(), name="socketscope-heartbeat"))
        try:
            yield Board(engine, state, alive=alive, wake=delivery.wake, clock=clock)
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    _logger.error("a part of the alerting had ended", exc_info=ended)
