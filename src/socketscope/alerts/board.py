"""What can be seen of the alerts, and done by hand. For the console's routes; everything may be called in the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from socketscope.alerts.engine import Engine
from socketscope.alerts.muting import Muted, graver, muted
from socketscope.alerts.news import firing_alerts
from socketscope.rules.model import Rule
from socketscope.rules.state import Alert, RuleState
from socketscope.state.history import Entry, Episode
from socketscope.state.outbox import Letter
from socketscope.state.silences import Silence
from socketscope.state.state import State


@dataclass(frozen=True, slots=True)
class Active:
    """An alert that is pending or fires, and why nobody is told of it, if so."""

    rule: Rule
    alert: Alert
    muted: Muted


@dataclass(frozen=True, slots=True)
class RuleHealth:
    """A rule, what is known of it, and how many of its evaluations were missed."""

    rule: Rule
    state: RuleState
    missed: int


class Board:
    """Reads from the engine and its state. Raises `StateError` when the state can't be read or written.

    `alive` says what is wrong with the alerting, None where it is well; `wake` makes the delivery look for work.
    """

    def __init__(
        self,
        engine: Engine,
        state: State,
        *,
        alive: Callable[[], str | None],
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.alive = alive
        self.wake = wake
        self._engine = engine
        self._state = state
        self._clock = clock

    async def active(self) -> list[Active]:
        """Return the alerts that are pending or fire: those that fire first, the newest first."""
        engine = self._engine
        silences = await self.silences()
        grave = graver(firing_alerts(engine.rules.values(), engine.states))
        found = [
            Active(rule, alert, muted(rule, alert, silences=silences, grave=grave))
            for rule in engine.rules.values()
            for alert in self.state_of(rule.name).alerts.values()
        ]
        return sorted(found, key=lambda one: (one.alert.state, -(one.alert.fired_at or one.alert.since or 0.0)))

    def state_of(self, rule: str) -> RuleState:
        """Return what is known of a rule."""
        return self._engine.states.get(rule, RuleState())

    def rules(self) -> list[RuleHealth]:
        """Return all rules in the order in which they were loaded."""
        engine = self._engine
        return [
            RuleHealth(rule, self.state_of(name), engine.missed.get(name, 0)) for name, rule in engine.rules.items()
        ]

    async def episodes(self, *, limit: int) -> Sequence[tuple[Episode, Sequence[Letter]]]:
        """Return the alerts that fired, the last first, each with the letters that were written of it."""
        episodes = await asyncio.to_thread(self._state.history.episodes, limit=limit)
        letters = await asyncio.to_thread(self._state.outbox.recent)
        return [(episode, [letter for letter in letters if _is_about(letter, episode)]) for episode in episodes]

    async def entries(self, *, since: float) -> Sequence[Entry]:
        """Return every transition since then, the newest first."""
        return await asyncio.to_thread(self._state.history.entries, since=since)

    async def silences(self) -> list[Silence]:
        """Return the silences that have not expired."""
        return await asyncio.to_thread(self._state.silences.active, self._clock())

    async def silence(self, matchers: Mapping[str, str], *, seconds: float, author: str, reason: str) -> Silence:
        """Silence what matches from now on. Raises `ValueError` for what can't be a silence."""
        return await asyncio.to_thread(
            self._state.silences.add, matchers, author=author, reason=reason, now=self._clock(), seconds=seconds
        )

    async def expire(self, silence: str) -> bool:
        """End a silence; False where there is none."""
        return await asyncio.to_thread(self._state.silences.expire, silence, self._clock())

    async def dead(self) -> list[Letter]:
        """Return the notifications that were given up."""
        return await asyncio.to_thread(self._state.outbox.dead)

    async def resend(self, letter: int) -> bool:
        """Try to deliver one of them again; False where there is none."""
        found = await asyncio.to_thread(self._state.outbox.resend, letter, now=self._clock())
        if found:
            self.wake()
        return found


def _is_about(letter: Letter, episode: Episode) -> bool:
    """Whether a letter tells of an alert: it, or a group that it belongs to."""
    told = letter.notification
    if told.fingerprint == episode.fingerprint:
        return told.started_at == episode.fired_at
    return (
        told.rule == episode.rule
        and told.started_at <= episode.fired_at
        and (told.resolved_at is None or told.resolved_at >= episode.fired_at)
        and told.labels.items() <= episode.labels.items()
    )
